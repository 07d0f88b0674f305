import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, utf8 } from '@quorate/base';
import type { ClientResponseBody } from '@quorate/wire';
import { addressOf } from './scripted-cluster.js';
import { SessionCluster } from './session-cluster.js';
import { oneResult, requestsOf } from './session-node.js';
import { SessionProbe, type Told } from './session-probe.js';

function setUp(seed: number, options = {}) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.sessions(options);
  return { cluster, sessions, probe: new SessionProbe(cluster, sessions) };
}

function answers(probe: SessionProbe): Extract<Told, { kind: 'answer' }>[] {
  return probe.told.filter((told) => told.kind === 'answer');
}

test('sessions: a query before any command → no session is opened for it', () => {
  const { cluster, sessions, probe } = setUp(51);
  probe.query();
  probe.query('sequential');
  probe.wait();
  assert.equal(answers(probe).length, 2);
  assert.equal(sessions.session, 0);
  assert.ok(cluster.nodes.every((node) => node.requests.every((request) => request.type === 'queries')));
});

for (const consistency of ['linearizable', 'sequential'] as const) {
  test(`sessions: rule 9: ${consistency} queries behind commands of the same turn → see all of them, and are told after their replies`, () => {
    const { cluster, probe } = setUp(52);
    cluster.weather.commitMs = 20;
    cluster.weather.lagMs = 40;
    for (let round = 0; round < 10; round++) {
      probe.submit(`${round}`);
      probe.query(consistency);
      if (round % 3 === 0) cluster.scheduler.runFor(15);
    }
    probe.wait();
    for (const answer of answers(probe)) {
      const expected = probe.submitted.slice(0, answer.query);
      assert.deepEqual(answer.list.slice(0, answer.query), expected);
      const at = probe.told.indexOf(answer);
      for (const text of expected) assert.ok(probe.told.findIndex((told) => told.kind === 'reply' && told.text === text) < at);
    }
    assert.equal(answers(probe).length, 10);
    probe.check();
  });
}

test('sessions: T56: sequential reads go on at a node that is further behind → never older than what was seen', () => {
  const { cluster, probe } = setUp(53, { readFrom: addressOf(2) });
  cluster.weather.lagMs = 30;
  const writer = new SessionProbe(cluster, cluster.sessions());
  for (let i = 0; i < 40; i++) {
    writer.submit(`${i}`);
    probe.query('sequential');
    cluster.scheduler.runFor(7);
    if (i % 10 === 5) cluster.node(2).cutAll();
    cluster.node(2).intervene = i % 20 < 10 ? () => 'serve' : () => 'cut';
  }
  probe.wait();
  assert.equal(answers(probe).length, 40);
  const asked = cluster.nodes.map((node) => node.requests.filter((request) => request.type === 'queries').length);
  assert.ok((asked[1] ?? 0) > 4 && (asked[0] ?? 0) + (asked[2] ?? 0) > 4, `asked: ${asked.join()}`);
  probe.check();
});

test('sessions: sequential reads → all at one node while it answers', () => {
  const { cluster, probe } = setUp(54);
  for (let i = 0; i < 20; i++) {
    probe.query('sequential');
    cluster.scheduler.runFor(20);
  }
  probe.wait();
  assert.deepEqual(
    cluster.nodes.map((node) => node.requests.length).sort((a, b) => a - b),
    [0, 0, 20],
  );
});

test('sessions: rule 18: an answer that knows of an event which is still on its way → told after the event', () => {
  const { cluster, sessions, probe } = setUp(55, { readFrom: addressOf(2) });
  const writer = new SessionProbe(cluster, cluster.sessions());
  probe.watch();
  probe.wait();
  cluster.weather.lagMs = 0;
  const push = cluster.push.bind(cluster);
  let mayPush = false;
  cluster.push = (session) => {
    if (mayPush || session.id !== sessions.session) push(session);
  };
  writer.submit('a');
  writer.wait();
  probe.query('sequential');
  cluster.scheduler.runFor(200);
  assert.equal(answers(probe).length, 0, 'the event is waited for');
  mayPush = true;
  cluster.pushAll();
  probe.wait();
  const order = probe.told.filter((told) => told.kind === 'event' || told.kind === 'answer').map((told) => told.kind);
  assert.deepEqual(order, ['event', 'answer']);
});

test('sessions: rule 18: the event does not come → the answer is told at its deadline, or when the connection is lost', () => {
  const { cluster, sessions, probe } = setUp(56, { readFrom: addressOf(2) });
  const writer = new SessionProbe(cluster, cluster.sessions());
  probe.watch();
  probe.wait();
  cluster.weather.lagMs = 0;
  const push = cluster.push.bind(cluster);
  cluster.push = (session) => {
    if (session.id !== sessions.session) push(session);
  };
  writer.submit('a');
  writer.wait();
  probe.query('sequential', 300);
  cluster.scheduler.runFor(310);
  assert.equal(answers(probe).length, 1);
  probe.query('sequential');
  cluster.scheduler.runFor(50);
  assert.equal(answers(probe).length, 1);
  cluster.bound.get(sessions.session)?.frames.destroy();
  cluster.scheduler.runFor(5);
  assert.equal(answers(probe).length, 2);
});

test('sessions: the session expires with queries on their way → they are asked again without it and answered', () => {
  const { cluster, sessions, probe } = setUp(57, { sessionTtlMs: 500 });
  probe.submit('a');
  probe.wait();
  const session = cluster.machine.sessions.get(sessions.session);
  assert.ok(session !== undefined);
  for (const node of cluster.nodes) node.intervene = (request) => (request.type === 'queries' ? 'serve' : 'ignore');
  cluster.machine.end(session);
  cluster.contactMs.delete(session.id);
  probe.query('sequential');
  probe.query();
  probe.wait();
  assert.equal(answers(probe).length, 2);
  assert.equal(probe.losses, 1);
  assert.equal(sessions.state, 'expired');
  probe.check();
});

test('sessions: opening a session fails with a query behind its command, and a new command follows at once → the query is not forgotten', () => {
  const cluster = new SessionCluster(60);
  const sessions = cluster.sessions();
  let refusals = 1;
  cluster.node(1).intervene = (request) =>
    request.type === 'openSession' && refusals-- > 0 ? { refuse: new QuorateError('formatUnsupported', 'not today') } : 'serve';
  const probe = new SessionProbe(cluster, sessions);
  const codes: (string | undefined)[] = [];
  sessions.submit(100, 10, new Uint8Array(0), {}, (error) => {
    codes.push(error?.code);
    cluster.elect(0);
    sessions.submit(100, 10, new Uint8Array(0), {}, (other) => codes.push(other?.code));
  });
  probe.query('sequential');
  probe.wait(1000);
  assert.deepEqual(codes, ['formatUnsupported']);
  assert.equal(answers(probe).length, 1);
});

test('sessions: rule 12: the command before a query is given up unsent → its number is filled all the same, and the query is answered', () => {
  const { cluster, probe } = setUp(61);
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(50);
  probe.submit('given up', { deadlineMs: 100 });
  probe.query('linearizable', 10_000);
  cluster.scheduler.runFor(200);
  assert.deepEqual(probe.codes(), { 'given up': 'noLeader' });
  cluster.elect(1);
  probe.wait(1500);
  assert.deepEqual(
    answers(probe).map((answer) => answer.list),
    [['first']],
  );
});

test('sessions: no node answers a query → unavailable (safe) at the deadline; given up → cancelled', () => {
  const { cluster, probe } = setUp(58);
  cluster.elect(0);
  probe.query('linearizable', 300);
  probe.query('linearizable', 10_000).cancel();
  probe.wait(400);
  const codes = probe.told.map((told) => (told.kind === 'queryFailed' ? told.error.code : told.kind));
  assert.deepEqual(codes, ['cancelled', 'noLeader']);
});

test('sessions: a deadline that is no whole number of ms → told as one', () => {
  const { cluster, probe } = setUp(62);
  cluster.elect(0);
  probe.query('linearizable', 299.7);
  probe.wait(400);
  const [told] = probe.told;
  assert.ok(told?.kind === 'queryFailed');
  assert.match(told.error.message, / within 300 ms/);
  assert.equal(told.error.details['deadlineMs'], 300);
});

test('sessions: a node answers with less than was seen → its answer is not believed, another node is asked', () => {
  const { cluster, probe } = setUp(59);
  probe.submit('a');
  probe.wait();
  let lies = 0;
  for (const node of cluster.nodes) {
    node.intervene = (request) => {
      if (request.type !== 'queries' || lies++ > 0) return 'serve';
      return { answer: { type: 'queryResults', index: 1, eventIndex: 0, first: 0, isLast: true, ...oneResult(new Uint8Array(0)) } };
    };
  }
  probe.query('sequential');
  probe.wait();
  assert.deepEqual(
    answers(probe).map((answer) => answer.list),
    [['a']],
  );
  assert.ok(lies > 1);
});

test('sessions: queries of one turn → one request for those between two commands, of the same consistency', () => {
  const { cluster, probe } = setUp(61);
  probe.submit('a');
  probe.wait();
  probe.query();
  probe.query();
  probe.query('sequential');
  probe.query();
  probe.submit('b');
  probe.query();
  probe.query();
  probe.wait();
  const asked = requestsOf(cluster, 'queries').map(({ consistency, count, afterNumber }) => `${count} ${consistency} after ${afterNumber}`);
  assert.deepEqual(asked.filter((each) => each.includes('linearizable')).sort(), ['2 linearizable after 2', '3 linearizable after 1']);
  assert.ok(asked.includes('1 sequential after 1'));
  assert.deepEqual(
    answers(probe)
      .map(({ query, list }) => [query, list.includes('b')])
      .filter(([query]) => (query as number) > 4),
    [
      [5, true],
      [6, true],
    ],
  );
  probe.check();
});

test('sessions: more queries in a turn than a request takes → several requests, larger ones as soon as answers come quickly; all answered', () => {
  const { cluster, probe } = setUp(62);
  for (const upTo of [5000, 10_000]) {
    for (let i = 0; i < 5000; i++) probe.query();
    probe.wait();
    assert.equal(answers(probe).length, upTo);
  }
  const counts = requestsOf(cluster, 'queries').map(({ count }) => count);
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    10_000,
  );
  assert.equal(counts[0], 256);
  assert.equal(Math.max(...counts), 1024);
});

test('sessions: some queries of a request are cancelled or their time is over → those are told, the others answered', () => {
  const { cluster, probe } = setUp(63);
  for (const node of cluster.nodes) node.intervene = () => 'ignore';
  const [first] = [probe.query('linearizable', 10_000), probe.query('linearizable', 100), probe.query('linearizable', 10_000)];
  cluster.scheduler.runFor(50);
  first?.cancel();
  cluster.scheduler.runFor(60);
  assert.deepEqual(
    probe.told.map((told) => told.kind === 'queryFailed' && [told.query, told.error.code]),
    [
      [1, 'cancelled'],
      [2, 'unavailable'],
    ],
  );
  for (const node of cluster.nodes) node.intervene = () => 'serve';
  probe.wait();
  assert.deepEqual(
    answers(probe).map(({ query }) => query),
    [3],
  );
});

test('sessions: the answer to some queries comes in two pieces, and between them one that is newer is told → the old one is asked again', () => {
  const { cluster, probe } = setUp(64, { readFrom: addressOf(2) });
  probe.submit('a');
  probe.wait();
  const piece = (index: number, first: number, isLast: boolean): ClientResponseBody => {
    const { index: at } = cluster.machine;
    return { type: 'queryResults', index: at + index, eventIndex: 0, first, isLast, ...oneResult(utf8(`${at + index}|a`)) };
  };
  cluster.node(2).answerInstead = (request) =>
    request.type === 'queries' && request.count === 2 ? [piece(9, 0, false), piece(7, 1, true)] : null;
  probe.query('sequential');
  probe.query('sequential');
  cluster.scheduler.runFor(20);
  assert.deepEqual(
    answers(probe).map(({ query, index }) => [query, index - cluster.machine.index]),
    [[1, 9]],
    'the second is older than what was told',
  );
  cluster.node(2).answerInstead = () => [piece(9, 0, false), piece(9, 1, true)];
  cluster.scheduler.runFor(1000);
  assert.deepEqual(
    answers(probe).map(({ query }) => query),
    [1, 2],
  );
  probe.check();
});

for (const [what, first, isLast] of [
  ['leaves some out', 1, true],
  ['is of queries that were not asked', 2, true],
  ['ends too early', 0, true],
] as const) {
  test(`sessions: an answer to queries ${what} → it is not believed, another node is asked`, () => {
    const { cluster, probe } = setUp(65);
    let lies = 0;
    for (const node of cluster.nodes) {
      node.intervene = (request) => {
        if (request.type !== 'queries' || lies++ > 0) return 'serve';
        return { answer: { type: 'queryResults', index: 9, eventIndex: 0, first, isLast, ...oneResult(utf8('9|')) } };
      };
    }
    probe.query('sequential');
    probe.query('sequential');
    probe.wait();
    assert.equal(answers(probe).length, 2);
    assert.ok(lies > 1);
  });
}
