import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResourceType, resourceType } from '@quorate/machine';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, sessionCluster } from './session-rig.js';
import { TALLY, TALLY_MACHINE } from './tally.js';

/** What one call costs the node that answers it: so much of its time. */
const CALL_MS = { query: 1, command: 0.5 } as const;
type Kind = keyof typeof CALL_MS;
/** Longer than any call may take (5 s), so that the queues hold all that they ever hold. */
const OVERLOAD_SECONDS = 6;
const RECOVERY_SECONDS = 5;

/** Calls that began in one second, and how many of them succeeded. */
interface Second {
  called: number;
  done: number;
}

/** Calls in an open loop: they come at even times, whatever becomes of those before. */
class OpenLoop {
  called = 0;
  settled = 0;
  readonly #cluster: SimCluster;
  readonly #users: readonly TallyUser[];
  readonly #kind: Kind;

  constructor(cluster: SimCluster, users: readonly TallyUser[], kind: Kind) {
    this.#cluster = cluster;
    this.#users = users;
    this.#kind = kind;
  }

  run(perSecond: number, seconds: number): Second[] {
    return Array.from({ length: seconds }, () => {
      const second: Second = { called: 0, done: 0 };
      for (let ms = 10; ms <= 1000; ms += 10) {
        while (second.called < (perSecond * ms) / 1000) this.#call(second);
        this.#cluster.runFor(10);
      }
      return second;
    });
  }

  #call(second: Second): void {
    second.called++;
    const user = this.#users[this.called++ % this.#users.length] as TallyUser;
    const ended = ({ error }: { readonly error: unknown }): void => {
      this.settled++;
      if (error === null) second.done++;
    };
    if (this.#kind === 'query') user.query('get', { deadlineMs: 5000 }, ended);
    else user.command('add', { amount: 1 }, ended, 5000);
  }
}

function partDone(seconds: readonly Second[]): number {
  return seconds.reduce((sum, { done }) => sum + done, 0) / seconds.reduce((sum, { called }) => sum + called, 0);
}

/** A cluster whose leader takes its time for each query, or whose nodes take it for each command. */
function costly(kind: Kind): SimCluster {
  let cluster: SimCluster | null = null;
  const type = (node: string): AnyResourceType => {
    const works = (): void => cluster?.node(Number(node.slice(1))).process?.stall(CALL_MS[kind]);
    const { queries, commands } = TALLY_MACHINE;
    const get: typeof queries.get = (call, args) => {
      if (kind === 'query') works();
      return queries.get(call, args);
    };
    const add: typeof commands.add = (call, args) => {
      if (kind === 'command') works();
      return commands.add(call, args);
    };
    return resourceType(TALLY, { ...TALLY_MACHINE, queries: { ...queries, get }, commands: { ...commands, add } });
  };
  cluster = sessionCluster(74, {}, (node) => [type(node)]);
  return cluster;
}

for (const [kind, clients, what] of [
  ['query', 2, 'reads'],
  ['query', 20, 'reads of many clients'],
  ['command', 2, 'commands'],
  ['command', 20, 'commands of many clients'],
] as const) {
  test(`T74: ${what} at five times of what a node can do, then at half of it → within 5 s at least 95 % are answered again`, () => {
    const cluster = costly(kind);
    const capacity = 1000 / CALL_MS[kind];
    const users = Array.from({ length: clients }, (_, at) => new TallyUser(cluster, `user${at}`).open());
    const loop = new OpenLoop(cluster, users, kind);
    const before = loop.run(capacity / 2, 2);
    cluster.runFor(100);
    assert.equal(partDone(before), 1);
    const over = loop.run(capacity * 5, OVERLOAD_SECONDS);
    assert.ok(partDone(over) < 0.5, `it was no overload: ${partDone(over)}`);
    loop.run(capacity / 2, RECOVERY_SECONDS);
    const after = loop.run(capacity / 2, 3);
    cluster.runFor(5500);
    assert.equal(loop.settled, loop.called, 'every call ends at its deadline at the latest');
    for (const [at, second] of after.entries())
      assert.ok(partDone([second]) >= 0.95, `second ${RECOVERY_SECONDS + at + 1} after the overload: ${second.done} of ${second.called}`);
    // What a node can do in the time, less what nobody waited for any more.
    const done = over.reduce((sum, second) => sum + second.done, 0);
    assert.ok(done > (capacity * OVERLOAD_SECONDS) / 2, `${done} of ${capacity * OVERLOAD_SECONDS} that could be done in the overload`);
  });
}
