import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import type { PendingCall } from '@quorate/machine';
import { GROUP, SessionCluster } from './session-cluster.js';
import { QUERY } from './session-machine.js';
import { requestsOf } from './session-node.js';
import { SessionProbe } from './session-probe.js';

const NO_QUERY_BYTES = new Uint8Array(0);
const BUSY = { refuse: new QuorateError('overloaded', 'busy') } as const;

/** A session that has done its first command. */
function setUp(seed: number, nodes: readonly number[] = [1]) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.client(nodes).sessions(GROUP);
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('first');
  probe.wait();
  const node = cluster.node(1);
  return {
    cluster,
    sessions,
    probe,
    refuseCommands: (): void => {
      node.intervene = (request) => (request.type === 'commands' ? BUSY : 'serve');
    },
    serve: (): void => {
      node.intervene = () => 'serve';
    },
    applied: (): string[] => cluster.machine.applied.map(({ text }) => text).filter((text) => text !== ''),
  };
}

test('sessions: T74: refused for certain and given up, while on the way or not → a safe error, never applied; those behind it are', () => {
  const { cluster, sessions, probe, refuseCommands, serve, applied } = setUp(71);
  refuseCommands();
  // Copies go out and come back all the time, late: some are given up under way.
  cluster.weather.late = 1;
  cluster.weather.lateMs = 60;
  for (let i = 0; i < 400; i++) probe.submit(`${i}`, { deadlineMs: 100 + i });
  cluster.scheduler.runFor(50);
  probe.submit('last', { deadlineMs: 20_000 });
  cluster.scheduler.runFor(500);
  serve();
  probe.wait();
  assert.deepEqual(applied(), ['first', 'last']);
  const refused = probe.told.flatMap((told) => (told.kind === 'refused' ? [told.error] : []));
  assert.equal(refused.length, 400);
  assert.ok(refused.filter((error) => error.retry === 'safe').length > 100, 'that some were on their way is no reason to doubt the others');
  cluster.scheduler.runFor(2000);
  assert.equal(sessions.openCalls, 0);
  probe.check();
});

test('sessions: rule 9: a query behind commands that wait for room on the way → it sees them', () => {
  const { cluster, probe, refuseCommands, serve } = setUp(80);
  refuseCommands();
  probe.submit('refused');
  cluster.scheduler.runFor(3);
  probe.submit('waiting');
  probe.query();
  cluster.scheduler.runFor(3);
  assert.deepEqual(
    requestsOf(cluster, 'queries').map(({ afterNumber }) => afterNumber),
    [3],
  );
  serve();
  probe.wait();
  const answer = probe.told.find(({ kind }) => kind === 'answer');
  assert.deepEqual(answer?.kind === 'answer' && answer.list, ['first', 'refused', 'waiting']);
});

test('sessions: T74: payloads behind one that is refused → refused too, so what becomes of them is certain', () => {
  const { cluster, probe, refuseCommands, serve, applied } = setUp(72);
  refuseCommands();
  for (let i = 0; i < 300; i++) probe.submit(`${i}`, { deadlineMs: 150 });
  cluster.scheduler.runFor(200);
  serve();
  probe.wait();
  const codes = new Set(Object.values(probe.codes()));
  assert.deepEqual([...codes], ['overloaded']);
  assert.deepEqual(applied(), ['first']);
});

test('sessions: T74: more than can be done in time → what would be answered too late is not sent (overloaded), what is sent is answered', () => {
  const { cluster, probe, applied } = setUp(73);
  cluster.weather.batchMs = 100;
  for (let i = 0; i < 20_000; i++) probe.submit(`${i}`, { deadlineMs: 3000 });
  probe.wait();
  // Those that were given up on their way are done later.
  cluster.scheduler.runFor(2000);
  const codes = Object.values(probe.codes());
  const unsent = codes.filter((code) => code === 'overloaded').length;
  assert.ok(unsent > 1000, `${unsent} were not sent`);
  assert.equal(applied().length, 1 + 20_000 - unsent);
  const inVain = codes.length - unsent;
  assert.ok(inVain < (20_000 - unsent) / 10, `${inVain} were sent in vain`);
  probe.check();
});

test('sessions: T71: an outage under a steady load → what was given up leaves nothing behind, neither numbers nor memory', () => {
  const { cluster, sessions, probe } = setUp(74);
  cluster.elect(0);
  cluster.node(1).cutAll();
  for (let round = 0; round < 200; round++) {
    for (let i = 0; i < 10; i++) probe.submit(`${round} ${i}`, { deadlineMs: 300 });
    probe.query('linearizable', 300);
    cluster.scheduler.runFor(100);
    assert.ok(sessions.openCalls <= 100, `${sessions.openCalls} open calls after ${round} rounds`);
  }
  cluster.elect(1);
  probe.submit('next');
  probe.wait();
  const { number, text } = cluster.machine.applied.at(-1) as { number: number; text: string };
  assert.equal(text, 'next');
  assert.ok(number <= 100, `it has number ${number}`);
});

test('sessions: T74: queries that wait, some of which are given up → the others are asked, together, and answered', () => {
  const { cluster, probe } = setUp(77);
  cluster.node(1).intervene = (request) => (request.type === 'queries' ? BUSY : 'serve');
  for (let i = 0; i < 600; i++) probe.query('linearizable', 20_000);
  cluster.scheduler.runFor(1);
  const refused = requestsOf(cluster, 'queries').length;
  for (let i = 0; i < 100; i++) probe.query('linearizable', i % 2 === 0 ? 100 : 20_000);
  cluster.scheduler.runFor(200);
  cluster.node(1).intervene = () => 'serve';
  const before = requestsOf(cluster, 'queries').length;
  assert.ok(before > refused);
  probe.wait();
  const counts = requestsOf(cluster, 'queries').slice(before);
  assert.equal(
    counts.reduce((sum, { count }) => sum + count, 0),
    650,
  );
  assert.equal(probe.told.filter(({ kind }) => kind === 'answer').length, 650);
  probe.check();
});

test('sessions: T74: queries that a node refuses for long → they wait here, in few requests; what is given up meanwhile is not asked any more', () => {
  const { cluster, probe } = setUp(75);
  const queriesSoFar = (): number => requestsOf(cluster, 'queries').length;
  cluster.node(1).intervene = (request) => (request.type === 'queries' ? BUSY : 'serve');
  for (let ms = 0; ms < 4000; ms++) {
    for (let i = 0; i < 2; i++) probe.query('linearizable', 1000);
    cluster.scheduler.runFor(1);
  }
  const refused = queriesSoFar();
  assert.ok(refused < 3000, `${refused} requests`);
  cluster.node(1).intervene = () => 'serve';
  probe.wait();
  const asked = requestsOf(cluster, 'queries')
    .slice(refused)
    .reduce((sum, { count }) => sum + count, 0);
  const answered = probe.told.filter(({ kind }) => kind === 'answer').length;
  assert.ok(answered > 1500, `${answered} were answered`);
  assert.ok(asked <= answered + 600, `${asked} were asked, of which ${answered} were waited for`);
  probe.check();
});

test('sessions: all queries of a turn are aborted, then come others → those are answered', () => {
  const { cluster, sessions } = setUp(76);
  const ended: string[] = [];
  const ask = (): PendingCall =>
    sessions.query(100, QUERY.list, NO_QUERY_BYTES, {}, (error) => ended.push(error === null ? 'answered' : error.code));
  for (const call of [ask(), ask()]) call.cancel();
  ask();
  cluster.scheduler.runFor(100);
  assert.deepEqual(ended, ['cancelled', 'cancelled', 'answered']);
  assert.equal(sessions.openCalls, 0);
});

test('sessions: what must wait for a leader fills the way, or is given up → a query that any replica may answer is answered', () => {
  for (const isFull of [true, false]) {
    const { cluster, probe } = setUp(78, [1, 2, 3]);
    cluster.elect(0);
    cluster.node(1).cutAll();
    cluster.scheduler.runFor(200);
    if (isFull) for (let i = 0; i < 600; i++) probe.query('linearizable', 20_000);
    else probe.submit('given up', { deadlineMs: 200 });
    cluster.scheduler.runFor(100);
    probe.query('sequential', 5000);
    const query = probe.asked;
    cluster.scheduler.runFor(1000);
    assert.ok(
      probe.told.some((told) => told.kind === 'answer' && told.query === query),
      isFull ? 'behind linearizable queries' : 'behind a command that was given up',
    );
    assert.deepEqual(probe.codes(), isFull ? {} : { 'given up': 'noLeader' });
  }
});

test('sessions: the connection ends with the words that too much waits → what was sent may have happened', () => {
  const { cluster, probe, applied } = setUp(79);
  const node = cluster.node(1);
  cluster.weather.commitMinMs = 50;
  const call = probe.submit('x');
  cluster.scheduler.runFor(10);
  for (const connection of node.connections) connection.close(BUSY.refuse);
  cluster.scheduler.runFor(10);
  call.cancel();
  cluster.scheduler.runFor(500);
  assert.deepEqual([applied(), probe.codes()], [['first', 'x'], { x: 'aborted' }]);
});
