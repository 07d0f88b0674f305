import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RARE_BRANCHES, type RareBranch, RareBranches, type ReplicaSeen } from '@quorate/testkit';

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
  (replica: Partial<ReplicaSeen>, life = 1) =>
  (branches: RareBranches): void =>
    branches.observed('n1', life, { group: 1, role: 'follower', isLearner: false, lastIndex: 5, ...replica });
const full =
  (isFull: boolean) =>
  (branches: RareBranches): void =>
    branches.fullness('n1', isFull);
const logged =
  (event: string, fields: Record<string, unknown> = {}) =>
  (branches: RareBranches): void =>
    branches.logged('n1', event, fields);
const started =
  (isTorn = false) =>
  (branches: RareBranches): void =>
    branches.started('n1', isTorn);
const learner = { isLearner: true };

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

test('rare branches: a node becomes a new incarnation → admitted once no group of it is a learner any more, once', () => {
  const anew = logged('this node counts as wiped and becomes a new incarnation');
  const two = [observed(learner, 2), observed({ ...learner, group: 2 }, 2), observed({}, 2)];
  assertReached(after(observed({}), anew, started(), ...two), { newIncarnation: 1, learnerSeen: 2, learnerAdmitted: 1 });
  const admitted = after(observed({}), anew, started(), ...two, observed({ group: 2 }, 2), observed(learner, 2), observed({}, 2));
  assertReached(admitted, { newIncarnation: 1, learnerSeen: 3, learnerAdmitted: 3, incarnationAdmitted: 1 });
});

test('rare branches: a leader goes, in its own term without another leader, or to a newer term → quorum lost; only deposed', () => {
  const leads = logged('leadership', { group: 1, role: 'leader', term: 3, leader: 1 });
  assertReached(after(leads, logged('leadership', { group: 1, role: 'follower', term: 3, leader: 0 })), { quorumLost: 1 });
  assertReached(after(leads, logged('leadership', { group: 1, role: 'follower', term: 4, leader: 0 })), {});
  assertReached(after(leads, logged('leadership', { group: 2, role: 'follower', term: 3, leader: 0 })), {});
  assertReached(after(observed({ role: 'leader' }), observed({})), { leaderDeposed: 1 });
});

test('rare branches: tails that are cut, full disks, a candidate that yields → each is counted once', () => {
  assertReached(after(started(true), observed({}), observed({})), { tornTailCut: 1 });
  assertReached(after(started(), observed({}), observed({ lastIndex: 4 })), { tailCut: 1 });
  assertReached(after(full(false), full(true), full(true), full(false)), { diskFull: 1, diskFullOver: 1 });
  assertReached(after(observed({ role: 'candidate' }), observed({})), { candidateYielded: 1 });
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
