import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupStatus, NodeStatus } from '@quorate/wire';
import { RARE_BRANCHES, type RareBranch, RareBranches } from '@quorate/testkit';

/** A node as it says of itself, as far as it matters. */
function status(
  over: { readonly incarnation?: string; readonly isFull?: boolean; readonly group?: Partial<GroupStatus> } = {},
): NodeStatus {
  const group = { group: 1, role: 'follower', isLearner: false, lastIndex: 5, ...over.group };
  const metrics = { diskFull: over.isFull === true ? 1 : 0 };
  return { state: 'serving', incarnation: over.incarnation ?? 'i1', metrics, groups: [group] } as unknown as NodeStatus;
}

/** What was reached, and nothing else. */
function assertReached(branches: RareBranches, expected: Partial<Record<RareBranch, number>>): void {
  const reached = Object.fromEntries(
    RARE_BRANCHES.filter((name) => branches.counts[name] > 0).map((name) => [name, branches.counts[name]]),
  );
  assert.deepEqual(reached, expected);
}

function after(...events: ((branches: RareBranches) => void)[]): RareBranches {
  const branches = new RareBranches();
  for (const event of events) event(branches);
  return branches;
}

const observed =
  (over: Parameters<typeof status>[0], life = 1) =>
  (branches: RareBranches): void =>
    branches.observed('n1', life, status(over));
const logged =
  (event: string, fields: Record<string, unknown> = {}) =>
  (branches: RareBranches): void =>
    branches.logged('n1', event, fields);
const started =
  (isTorn = false) =>
  (branches: RareBranches): void =>
    branches.started('n1', isTorn);
const learner = { group: { isLearner: true } };

test('rare branches: a snapshot is cut off by the end of the process, or by another one, and comes again → interrupted, resumed', () => {
  const arriving = logged('snapshot arriving', { group: 1 });
  const installed = logged('snapshot installed', { group: 1 });
  assertReached(after(arriving, installed), { snapshotInstalled: 1 });
  assertReached(after(arriving, started(), arriving, installed), { snapshotInterrupted: 1, snapshotResumed: 1, snapshotInstalled: 1 });
  assertReached(after(arriving, arriving, installed, arriving, installed), {
    snapshotInterrupted: 1,
    snapshotResumed: 1,
    snapshotInstalled: 2,
  });
});

test('rare branches: damage on a node, then a learner that is let in → repaired; without damage only let in', () => {
  assertReached(after(observed(learner), observed({})), { learnerSeen: 1, learnerAdmitted: 1 });
  const repaired = { learnerSeen: 1, learnerAdmitted: 1, damageFound: 1, damageRepaired: 1 };
  assertReached(after(logged('damage'), observed(learner), observed({})), repaired);
});

test('rare branches: a node has another incarnation → admitted once no group of it is a learner any more', () => {
  const anew = { incarnation: 'i2', group: { isLearner: true } };
  assertReached(after(observed({}), observed(anew, 2)), { learnerSeen: 1 });
  const admitted = { learnerSeen: 1, learnerAdmitted: 1, incarnationAdmitted: 1 };
  assertReached(after(observed({}), observed(anew, 2), observed({ incarnation: 'i2' }, 2), observed({ incarnation: 'i2' }, 2)), admitted);
});

test('rare branches: a leader goes, in its own term without another leader, or to a newer term → quorum lost; only deposed', () => {
  const leads = logged('leadership', { group: 1, role: 'leader', term: 3, leader: 1 });
  assertReached(after(leads, logged('leadership', { group: 1, role: 'follower', term: 3, leader: 0 })), { quorumLost: 1 });
  assertReached(after(leads, logged('leadership', { group: 1, role: 'follower', term: 4, leader: 0 })), {});
  assertReached(after(leads, logged('leadership', { group: 2, role: 'follower', term: 3, leader: 0 })), {});
  assertReached(after(observed({ group: { role: 'leader' } }), observed({})), { leaderDeposed: 1 });
});

test('rare branches: tails, full disks and candidates, as status shows them', () => {
  assertReached(after(started(true), observed({}), observed({})), { tornTailCut: 1 });
  assertReached(after(started(), observed({}), observed({ group: { lastIndex: 4 } })), { tailCut: 1 });
  assertReached(after(observed({ isFull: true }), observed({ isFull: true }), observed({})), { diskFull: 1, diskFullOver: 1 });
  assertReached(after(observed({ group: { role: 'candidate' } }), observed({})), { candidateYielded: 1 });
});

test('rare branches: what clients saw → watches resumed, compacted and begun anew; refusals', () => {
  const told = (event: string, fields: Record<string, string>) => (branches: RareBranches) =>
    branches.seen({ type: 'told', timeMs: 0, client: 'c', object: 'map/m', event, fields });
  const lost = (branches: RareBranches): void => branches.seen({ type: 'session', timeMs: 0, client: 'c', session: 's', state: 'lost' });
  const failed = (error: string) => (branches: RareBranches) => branches.seen({ type: 'fail', timeMs: 0, process: 0, error });
  const changed = told('changed', { watch: 'w' });
  assertReached(after(changed, lost, changed, changed), { sessionLost: 1, watchResumed: 1 });
  assertReached(after(lost, changed), { sessionLost: 1 });
  const compacted = told('ended', { watch: 'w', error: 'watchCompacted' });
  assertReached(after(changed, compacted, told('changed', { watch: 'x' })), { watchEnded: 1, watchCompacted: 1, watchBegunAnew: 1 });
  assertReached(after(changed, told('ended', { watch: 'w', error: 'slowConsumer' })), { watchEnded: 1 });
  assertReached(after(failed('diskFull'), failed('fenced'), failed('other')), { diskFullRefused: 1, fencedRefused: 1 });
});
