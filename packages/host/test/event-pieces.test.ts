import assert from 'node:assert/strict';
import test from 'node:test';
import { LIMITS } from '@quorate/base';
import type { SimCluster, SimNode } from '@quorate/testkit';
import { RawClient } from './raw-client.js';
import { GROUP, KEY, ask, batchesOf, codeOf, commands, openSession, setup, tally } from './raw-session.js';
import { TallyUser, leaderOf, sessionCluster } from './session-rig.js';

const SIZE = 40_000;
/** What lies between a node and a client that reads: both socket buffers of a simulated connection, a full queue and one piece. */
const BETWEEN_BYTES = 262_144 + LIMITS.connectionFlowBytes + LIMITS.framePieceBytes + 1024;

/** A session that watches on the connection `raw` and gets `floods` batches of `count` events, while it does not read. */
function flooded(seed: number, floods: number, count: number): ReturnType<typeof setup> & { writer: RawClient } {
  const made = setup(seed);
  const { cluster, raw, session, resource, leader } = made;
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  raw.frames.pause();
  const writer = new RawClient(cluster, leader);
  const key = KEY.map((byte) => byte + 7);
  const { session: writing } = openSession(cluster, writer, key);
  for (let i = 0; i < floods; i++) {
    assert.equal(codeOf(ask(cluster, writer, commands(writing, 2 + i, [tally(resource, 'flood', { count, size: SIZE })]))), 'replies');
  }
  return { ...made, writer };
}

function bytesPushed(raw: RawClient): number {
  let bytes = 0;
  for (const push of raw.pushes) if (push.type === 'events') for (const { fields } of push.events) bytes += fields.length;
  return bytes;
}

for (const [what, floods, count] of [
  ['of many indexes', 100, 1],
  ['of one index', 1, 100],
] as const) {
  test(`T71: a client is sent 4 MB of events ${what} and pings → the answer waits for a piece or two, not for all`, () => {
    const { cluster, raw, session, leader } = flooded(501, floods, count);
    raw.frames.destroy();
    const again = new RawClient(cluster, leader);
    cluster.network.setLink(leader.name, again.name, { bytesPerMs: 5000 });
    ask(cluster, again, { type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 });
    for (let pings = 0; pings < 5; pings++) {
      cluster.runFor(20);
      const before = bytesPushed(again);
      ask(cluster, again, { type: 'ping' });
      const waited = bytesPushed(again) - before;
      assert.ok(waited > 0 && waited <= BETWEEN_BYTES, `${waited} bytes came before the answer`);
    }
    cluster.runUntil(() => batchesOf(again, session)[floods - 1]?.isWhole === true, 5000, 'all events');
    assert.equal(bytesPushed(again), floods * count * (SIZE + 4));
  });
}

/** Another client makes all events at once, a megabyte and a half of them, while the link to this one is slow. */
function floodSlowly(cluster: SimCluster, leader: SimNode, bytesPerMs: number): TallyUser {
  const user = new TallyUser(cluster, 'user', { sessionTtlMs: 300, disconnectGraceMs: 100 }).open();
  user.run('watch');
  const writer = new TallyUser(cluster, 'writer').open();
  cluster.network.setLink(leader.name, 'user', { bytesPerMs });
  writer.run('flood', { count: 40, size: SIZE });
  return user;
}

test('T66: a session with a ttl of 300 ms gets events for half a second, as its link is slow → it goes on, and is told all of them', () => {
  const cluster = sessionCluster(502, { nodes: 1, settings: { journalFileBytes: 8_388_608 } });
  const user = floodSlowly(cluster, leaderOf(cluster), 3000);
  const { id } = user;
  const startedMs = cluster.scheduler.nowMs;
  cluster.runUntil(() => user.fillers.length === 40 || user.lost !== null, 5000, 'all events, or the end');
  assert.deepEqual([user.lost, user.id], [null, id]);
  assert.ok(cluster.scheduler.nowMs - startedMs > 400, 'longer than the ttl');
  assert.equal(new Set(user.fillers).size, 1, 'all of one index');
});

test('T66: a connection is lost amid the events of one index → the next one goes on behind what came, nothing again and nothing left out', () => {
  const { cluster, raw, session, leader } = flooded(503, 1, 100);
  raw.frames.destroy();
  const whole: Uint8Array[] = [];
  let index = session;
  let previousIndex = 0;
  for (let connections = 0; whole.length < 100; connections++) {
    assert.ok(connections < 30, 'each connection gets on');
    const again = new RawClient(cluster, leader);
    cluster.network.setLink(leader.name, again.name, { bytesPerMs: 5000 });
    const has = { acknowledgedEvents: whole.length === 0 ? session : index - 1, nextEvents: whole.length };
    ask(cluster, again, { type: 'bindSession', group: GROUP, session, key: KEY, ...has });
    cluster.runFor(60);
    again.frames.destroy();
    for (const push of again.pushes) {
      assert.ok(push.type === 'events');
      if (whole.length === 0) ({ index, previousIndex } = push);
      assert.deepEqual([push.index, push.previousIndex, push.first], [index, previousIndex, whole.length]);
      whole.push(...push.events.map(({ fields }) => fields));
      assert.equal(push.isLast, whole.length === 100);
    }
  }
  assert.equal(previousIndex, session);
});

test('rule 18: a command publishes more than a piece → its reply comes amid the events of its index, that of the next command after all of them', () => {
  const { cluster, raw, session, resource } = setup(504);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  const id = raw.send(commands(session, 3, [tally(resource, 'flood', { count: 100, size: SIZE }), tally(resource, 'add', { amount: 1 })]));
  const had: [number, number][] = [];
  const { push } = raw.log;
  raw.log.push = (...items) => {
    for (const each of items) if (each.type === 'replies') for (const reply of each.replies) had.push([reply.index, bytesPushed(raw)]);
    return push.apply(raw.log, items);
  };
  cluster.runUntil(() => raw.log.some((each) => each.id === id && each.type === 'replies' && each.isLast), 5000, 'both replies');
  const [flood, add] = had;
  assert.equal(add?.[0], (flood?.[0] ?? 0) + 1);
  assert.ok((flood?.[1] ?? Number.NaN) <= BETWEEN_BYTES, `after ${flood?.[1]} bytes`);
  assert.ok((add?.[1] ?? 0) >= 100 * SIZE, `after ${add?.[1]} bytes`);
  cluster.runUntil(() => batchesOf(raw, session)[1]?.isWhole === true, 1000, 'the event of the other');
});

test('T71: a client asks for many large results and pings → the answer to the ping waits for no more than a frame or two of them', () => {
  const { cluster, raw, session, resource, leader } = setup(505);
  const puts = Array.from({ length: 20 }, () => tally(resource, 'echo', { count: SIZE }));
  cluster.network.setLink(leader.name, raw.name, { bytesPerMs: 5000 });
  const replies = (): number => raw.log.filter(({ type }) => type === 'replies').length;
  const before = replies();
  for (let i = 0; i < 5; i++) raw.send(commands(session, 2 + i * puts.length, puts));
  cluster.runUntil(() => replies() > before, 1000, 'the first of them');
  const first = replies();
  ask(cluster, raw, { type: 'ping' });
  const frames = replies() - first;
  assert.ok(frames > 0 && frames * SIZE <= BETWEEN_BYTES, `${frames} frames came before the answer`);
});
