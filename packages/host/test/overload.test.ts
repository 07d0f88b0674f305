import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResourceType, resourceType } from '@quorate/machine';
import { OpenLoop, type SimCluster, partDone } from '@quorate/testkit';
import { TallyUser, sessionCluster } from './session-rig.js';
import { TALLY, TALLY_MACHINE } from './tally.js';

/** What one call costs the node that answers it: so much of its time. */
const CALL_MS = { query: 1, command: 0.5 } as const;
type Kind = keyof typeof CALL_MS;
/** Longer than any call may take (5 s), so that the queues hold all that they ever hold. */
const OVERLOAD_SECONDS = 6;
const RECOVERY_SECONDS = 5;

/** Calls of an open loop, by each user in turn. */
function calls(kind: Kind, users: readonly TallyUser[]): (at: number, done: (error: Error | null) => void) => void {
  return (at, done) => {
    const user = users[at % users.length] as TallyUser;
    if (kind === 'query') user.query('get', { deadlineMs: 5000 }, ({ error }) => done(error));
    else user.command('add', { amount: 1 }, ({ error }) => done(error), 5000);
  };
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
    const loop = new OpenLoop(cluster, calls(kind, users));
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
