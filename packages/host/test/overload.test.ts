import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResourceType, resourceType } from '@quorate/machine';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, sessionCluster } from './session-rig.js';
import { TALLY, TALLY_MACHINE } from './tally.js';

/** What one read costs the node that answers it: so much of its time. */
const READ_MS = 0.2;
const CAPACITY_PER_SECOND = 1000 / READ_MS;
const CLIENTS = 2;
/** Longer than any call may take (5 s), so that the queues hold all that they ever hold. */
const OVERLOAD_SECONDS = 6;
const RECOVERY_SECONDS = 5;

/** Calls that began in one second, and how many of them succeeded. */
interface Second {
  called: number;
  done: number;
}

/** Reads in an open loop: they come at even times, whatever becomes of those before. */
class OpenLoop {
  called = 0;
  settled = 0;
  readonly #cluster: SimCluster;
  readonly #users: readonly TallyUser[];

  constructor(cluster: SimCluster, users: readonly TallyUser[]) {
    this.#cluster = cluster;
    this.#users = users;
  }

  run(perSecond: number, seconds: number): Second[] {
    return Array.from({ length: seconds }, () => {
      const second: Second = { called: 0, done: 0 };
      for (let ms = 10; ms <= 1000; ms += 10) {
        while (second.called < (perSecond * ms) / 1000) this.#read(second);
        this.#cluster.runFor(10);
      }
      return second;
    });
  }

  #read(second: Second): void {
    second.called++;
    this.#users[this.called++ % this.#users.length]?.query('get', { deadlineMs: 5000 }, ({ error }) => {
      this.settled++;
      if (error === null) second.done++;
    });
  }
}

function partDone(seconds: readonly Second[]): number {
  return seconds.reduce((sum, { done }) => sum + done, 0) / seconds.reduce((sum, { called }) => sum + called, 0);
}

test('T74: reads at five times of what a node can answer, then at half of it → within 5 s at least 95 % are answered again', () => {
  let cluster: SimCluster | null = null;
  const costly = (node: string): AnyResourceType =>
    resourceType(TALLY, {
      ...TALLY_MACHINE,
      queries: {
        ...TALLY_MACHINE.queries,
        get: (call, args) => {
          cluster?.node(Number(node.slice(1))).process?.stall(READ_MS);
          return TALLY_MACHINE.queries.get(call, args);
        },
      },
    });
  cluster = sessionCluster(74, {}, (node) => [costly(node)]);
  const users = Array.from({ length: CLIENTS }, (_, at) => new TallyUser(cluster, `user${at}`).open());
  const loop = new OpenLoop(cluster, users);
  assert.equal(partDone(loop.run(CAPACITY_PER_SECOND / 2, 2)), 1);
  const over = loop.run(CAPACITY_PER_SECOND * 5, OVERLOAD_SECONDS);
  assert.ok(partDone(over) < 0.5, `it was no overload: ${partDone(over)}`);
  loop.run(CAPACITY_PER_SECOND / 2, RECOVERY_SECONDS);
  const after = loop.run(CAPACITY_PER_SECOND / 2, 3);
  cluster.runFor(5500);
  assert.equal(loop.settled, loop.called, 'every call ends at its deadline at the latest');
  for (const [at, second] of after.entries())
    assert.ok(partDone([second]) >= 0.95, `second ${RECOVERY_SECONDS + at + 1} after the overload: ${second.done} of ${second.called}`);
});
