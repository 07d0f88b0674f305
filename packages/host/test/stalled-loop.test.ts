import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { decodeValue } from '@quorate/machine';
import type { SimCluster, SimNode } from '@quorate/testkit';
import { QueryResultList } from '@quorate/wire';
import { RawClient } from './raw-client.js';
import { codeOf, oneQuery } from './raw-session.js';
import { TallyUser, leaderOf, others, sessionCluster } from './session-rig.js';
import { TALLY } from './tally.js';

/** Ten times the longest election timeout. */
const STALL_MS = 3000;
/** Between two commands of the load. As soon as one is acknowledged, a read leaves. */
const EVERY_MS = 100;
const SEEDS = 4;

/** Linearizable reads at one node, each with what had been acknowledged to somebody before it was sent. */
class PinnedReads {
  readonly raw: RawClient;
  readonly #resource: number;
  readonly #least = new Map<number, number>();

  constructor(cluster: SimCluster, node: SimNode, resource: number) {
    this.raw = new RawClient(cluster, node);
    this.#resource = resource;
    cluster.runUntil(() => this.raw.isOpen, 1000, 'a connection');
  }

  read(least: number): void {
    const query = { type: 'queries', group: DEFAULT_GROUP, session: 0, afterNumber: 0, minIndex: 0, consistency: 'linearizable' } as const;
    this.#least.set(this.raw.send({ ...query, ...oneQuery(this.#resource, TALLY.operations.get.code) }), least);
  }

  /** Every read has an answer, and none knows less than was acknowledged before it; gives how many were values. */
  check(what: string): number {
    let values = 0;
    for (const [id, least] of this.#least) {
      const answer = this.raw.answers.get(id);
      assert.ok(answer !== undefined, `${what}: read ${id} was not answered`);
      if (answer.type !== 'queryResults') {
        assert.match(codeOf(answer), /^(notLeader|noLeader)$/, what);
        continue;
      }
      const list = new QueryResultList(answer.results);
      list.next();
      const value = decodeValue(TALLY.operations.get.result, answer.results.subarray(list.start, list.end));
      assert.ok(value >= least, `${what}: stale read: ${value}, ${least} was acknowledged before it`);
      values++;
    }
    return values;
  }
}

function stop(cluster: SimCluster, nodes: readonly SimNode[]): void {
  for (const node of nodes) node.pause();
  const goOn = (): void => {
    for (const node of nodes) node.resume();
  };
  cluster.scheduler.schedule(cluster.scheduler.nowMs + STALL_MS, goOn, null);
}

/**
 * How a loop comes to a standstill: its process is stopped; the virtual machine is, so that its clock knows nothing of it and what came meanwhile is
 * read before any timer rings; one call takes so long.
 */
const STANDSTILLS = {
  'is stopped': stop,
  'is stopped with its clock': (cluster: SimCluster, nodes: readonly SimNode[]): void => {
    stop(cluster, nodes);
    for (const node of nodes) node.process?.freezeClock(STALL_MS);
  },
  'is in one long call': (_cluster: SimCluster, nodes: readonly SimNode[]): void => {
    for (const node of nodes) node.process?.stall(STALL_MS);
  },
};

/** The others take commands at once and not only when the client has noticed; what they say of it reaches the old leader after what clients ask it. */
function overtake(cluster: SimCluster, user: TallyUser, leader: SimNode): void {
  cluster.network.cut(user.client.name, leader.name, 'reset');
  for (const node of others(cluster, leader)) cluster.network.cutOneWay(node.name, leader.name);
}

for (const [how, stall] of Object.entries(STANDSTILLS)) {
  for (const [who, choose] of [
    ['the leader', (_cluster: SimCluster, leader: SimNode): SimNode[] => [leader]],
    ['a follower', (cluster: SimCluster, leader: SimNode): SimNode[] => others(cluster, leader).slice(0, 1)],
    ['every node', (cluster: SimCluster, leader: SimNode): SimNode[] => [leader, ...others(cluster, leader)]],
  ] as const) {
    test(`T75: the loop of ${who} ${how} for 3 s → no stale read there, at most one election of each group that it led, none of others`, () => {
      let values = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const cluster = sessionCluster(750 + seed);
        const user = new TallyUser(cluster, 'user', { sessionTtlMs: 20_000 }).open();
        const leader = leaderOf(cluster);
        const stalled = choose(cluster, leader);
        const reads = new PinnedReads(cluster, stalled[0] as SimNode, user.tally);
        let acknowledged = 0;
        const work = (forMs: number): void => {
          for (let ms = 0; ms < forMs; ms += EVERY_MS) {
            user.command('add', { amount: 1 }, ({ value }) => {
              acknowledged = Math.max(acknowledged, Number(value));
              reads.read(acknowledged);
            });
            cluster.runFor(EVERY_MS);
          }
        };
        work(500);
        const led = stalled.flatMap((node) => node.status()?.groups.filter(({ role }) => role === 'leader') ?? []).length;
        const before = cluster.invariants.leaderships;
        stall(cluster, stalled);
        if (who === 'the leader') overtake(cluster, user, leader);
        work(STALL_MS + EVERY_MS);
        const acknowledgedMeanwhile = acknowledged;
        cluster.network.healAll();
        work(3000);
        cluster.runFor(2000);
        const elections = cluster.invariants.leaderships - before;
        const what = `seed ${seed}`;
        assert.ok(elections <= led, `${what}: ${elections} elections, ${led} groups had been led by who was stalled`);
        values += reads.check(what);
        if (who !== 'every node') assert.ok(acknowledgedMeanwhile > 20, `${what}: ${acknowledgedMeanwhile} acknowledged meanwhile`);
        // Whoever was stalled takes part again.
        assert.equal(user.ask('get').value, acknowledged, what);
        assert.equal(acknowledged, (500 + STALL_MS + EVERY_MS + 3000) / EVERY_MS, what);
      }
      assert.ok(values > 0 || who === 'a follower', 'no read was answered');
    });
  }
}
