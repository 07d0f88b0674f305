import assert from 'node:assert/strict';
import test from 'node:test';
import { LIMITS, SYSTEM_GROUP, crc32c } from '@quorate/base';
import {
  MACHINE_OPERATION,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeOpenResource,
  encodeTick,
} from '@quorate/machine';
import type { SimNode } from '@quorate/testkit';
import type { ClientRequestBody, ClientResponse } from '@quorate/wire';
import { RawClient } from './raw-client.js';
import { metric, others } from './session-rig.js';
import { GROUP, KEY, ask, batchesOf, codeOf, commands, oneQuery, openSession, setup, tally } from './raw-session.js';

test('T61: commands, acknowledgements and bindings by others than who carries the session → refused, nothing happens', () => {
  const { cluster, raw, session, resource, leader } = setup(31);
  const other = new RawClient(cluster, leader);
  const add = commands(session, 2, [tally(resource, 'add', { amount: 1 })]);
  assert.equal(codeOf(ask(cluster, other, add)), 'unavailable');
  const acknowledge = { type: 'acknowledge', group: GROUP, session, replies: 1, events: session } as const;
  assert.equal(codeOf(ask(cluster, other, acknowledge)), 'unavailable');
  const bind = { type: 'bindSession', group: GROUP, session, key: new Uint8Array(16), acknowledgedEvents: session, nextEvents: 0 } as const;
  assert.equal(codeOf(ask(cluster, other, bind)), 'sessionExpired');
  assert.equal(codeOf(ask(cluster, raw, add)), 'replies');
  // With the key another connection takes over, and the first no longer speaks for the session.
  const moved = ask(cluster, other, { ...bind, key: KEY });
  assert.equal(moved.type === 'sessionBound' && moved.nextNumber, 3);
  assert.equal(codeOf(ask(cluster, raw, commands(session, 3, [tally(resource, 'add', { amount: 1 })]))), 'unavailable');
  assert.equal(codeOf(ask(cluster, other, commands(session, 3, [tally(resource, 'add', { amount: 1 })]))), 'replies');
});

test('T80: payloads that are not commands, damaged, unknown or of newer versions → refused before the log, the group runs on', () => {
  const { cluster, raw, session, resource, leader } = setup(32);
  const before = leader.appliedState(GROUP)?.appliedIndex;
  const send = (payload: Uint8Array, payloadChecksum = crc32c(payload)): string =>
    codeOf(ask(cluster, raw, { type: 'commands', group: GROUP, payload, payloadChecksum }));
  assert.equal(send(encodeExpireSessions([session])), 'malformedFrame');
  assert.equal(send(encodeTick()), 'malformedFrame');
  assert.equal(send(encodeAcknowledge([{ session, acknowledgedReplies: 1, acknowledgedEvents: session }])), 'malformedFrame');
  assert.equal(send(new Uint8Array(0)), 'malformedFrame');
  const valid = encodeCommands({
    session,
    firstNumber: 2,
    acknowledgedReplies: 0,
    acknowledgedEvents: 0,
    commands: [tally(resource, 'add', { amount: 1 })],
  });
  assert.equal(send(valid, 1), 'malformedFrame');
  assert.equal(send(valid.subarray(0, valid.length - 1)), 'malformedFrame');
  assert.equal(send(Uint8Array.of(1, 7, ...valid.subarray(2))), 'formatUnsupported');
  assert.equal(
    codeOf(ask(cluster, raw, commands(session, 2, [{ resource, operation: 99, args: new Uint8Array(0) }]))),
    'resourceUnsupported',
  );
  const unknown = encodeOpenResource('tally', 2, 'newer');
  const open = { resource: 0, operation: MACHINE_OPERATION.openResource, args: unknown };
  assert.equal(codeOf(ask(cluster, raw, commands(session, 2, [open]))), 'resourceUnsupported');
  assert.equal(
    codeOf(ask(cluster, raw, { type: 'openSession', group: GROUP, key: KEY.map((b) => b + 1), ttlMs: 0, graceMs: 0 })),
    'invalidArgument',
  );
  assert.equal(leader.appliedState(GROUP)?.appliedIndex, before);
  assert.equal(send(valid), 'replies');
});

test('requests about sessions of groups that have none → kindMismatch; of groups that are not here → noLeader', () => {
  const { cluster, raw } = setup(33);
  const open = { type: 'openSession', key: KEY, ttlMs: 1000, graceMs: 0 } as const;
  assert.equal(codeOf(ask(cluster, raw, { ...open, group: SYSTEM_GROUP })), 'kindMismatch');
  assert.equal(codeOf(ask(cluster, raw, { ...open, group: 77 as never })), 'noLeader');
});

test('requests about sessions of a follower → notLeader with the address of the leader; sequential queries are answered', () => {
  const { cluster, leader, session, resource } = setup(34, 3);
  const follower = others(cluster, leader)[0] as SimNode;
  const raw = new RawClient(cluster, follower);
  const requests: ClientRequestBody[] = [
    { type: 'openSession', group: GROUP, key: KEY, ttlMs: 1000, graceMs: 0 },
    { type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 },
    commands(session, 2, [tally(resource, 'add', { amount: 1 })]),
    { type: 'acknowledge', group: GROUP, session, replies: 1, events: session },
  ];
  for (const request of requests) {
    const answer = ask(cluster, raw, request);
    assert.equal(answer.type === 'error' && answer.code, 'notLeader', request.type);
    assert.equal(answer.type === 'error' && answer.details['address'], `127.0.0.1:${leader.address.port}`);
  }
  const query = {
    type: 'queries',
    group: GROUP,
    session,
    afterNumber: 1,
    minIndex: session,
    ...oneQuery(resource, 9),
  } as const;
  assert.equal(codeOf(ask(cluster, raw, { ...query, consistency: 'linearizable' })), 'notLeader');
  assert.equal(codeOf(ask(cluster, raw, { ...query, consistency: 'sequential' })), 'queryResults');
});

test('large results → several frames, the last one marked, results in order', () => {
  const { cluster, raw, session, resource } = setup(35);
  const sizes = [900_000, 5, 1_000_000, 1_000_000, 7];
  const id = raw.send(
    commands(
      session,
      2,
      sizes.map((count) => tally(resource, 'echo', { count })),
    ),
  );
  cluster.runUntil(() => raw.log.some((each) => each.id === id && each.type === 'replies' && each.isLast), 5000, 'the last frame');
  const frames = raw.log.flatMap((each) => (each.id === id && each.type === 'replies' ? [each] : []));
  assert.ok(frames.length > 1);
  assert.deepEqual(
    frames.map((frame) => frame.isLast),
    frames.map((_, i) => i === frames.length - 1),
  );
  assert.deepEqual(
    frames.flatMap((frame) => frame.replies.map((reply) => (reply.isOk ? reply.result.length - 4 : -1))),
    sizes,
  );
  let next = 2;
  for (const frame of frames) {
    assert.equal(frame.firstNumber, next);
    next += frame.replies.length;
  }
  assert.equal(codeOf(ask(cluster, raw, commands(session, 7, [tally(resource, 'add', { amount: 1 })]))), 'replies');
});

test('T66, T71: a client that does not read → its events stay in the machine; once it reads it gets all in order, before the replies after them', () => {
  const { cluster, raw, session, resource, leader } = setup(36);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  // Two sessions on one connection: together their events are more than may be queued to it.
  const second = openSession(
    cluster,
    raw,
    Uint8Array.from({ length: 16 }, () => 9),
  ).session;
  ask(cluster, raw, commands(second, 2, [tally(resource, 'watch')]));
  raw.frames.pause();
  const writer = new RawClient(cluster, leader);
  const writing = openSession(
    cluster,
    writer,
    Uint8Array.from({ length: 16 }, () => 7),
  ).session;
  const floods = 40;
  for (let i = 0; i < floods; i++) {
    assert.equal(
      codeOf(ask(cluster, writer, commands(writing, 2 + i, [tally(resource, 'flood', { count: 3, size: 100_000 })]))),
      'replies',
    );
  }
  const lastId = raw.send(commands(session, 3, [tally(resource, 'add', { amount: 1 })]));
  cluster.runFor(500);
  raw.frames.resume();
  cluster.runUntil(() => raw.answers.has(lastId), 5000, 'the reply');
  // The reply to the last command came after all events before it.
  assert.ok(batchesOf(raw, session)[floods - 1]?.isWhole);
  cluster.runUntil(() => [session, second].every((of) => batchesOf(raw, of)[floods]?.isWhole), 5000, 'all events');
  for (const of of [session, second]) {
    const all = batchesOf(raw, of);
    for (let i = 1; i < all.length; i++) assert.equal(all[i]?.previousIndex, all[i - 1]?.index);
    assert.equal(all[0]?.previousIndex, of);
    assert.equal(all.length, floods + 1);
  }
  assert.ok(raw.isOpen);
});

test('T66: events that were not acknowledged → pushed again on a new connection after what it has, those acknowledged are forgotten', () => {
  const { cluster, raw, session, resource, leader } = setup(37);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  for (let i = 0; i < 10; i++) ask(cluster, raw, commands(session, 3 + i, [tally(resource, 'add', { amount: 1 })]));
  cluster.runUntil(() => raw.pushes.length === 10, 1000, 'all events');
  const indexes = raw.pushes.map((push) => (push.type === 'events' ? push.index : 0));
  const again = new RawClient(cluster, leader);
  const bound = ask(cluster, again, {
    type: 'bindSession',
    group: GROUP,
    session,
    key: KEY,
    acknowledgedEvents: indexes[3] as number,
    nextEvents: 0,
  });
  assert.equal(bound.type === 'sessionBound' && bound.lastEventIndex, indexes[9]);
  cluster.runUntil(() => again.pushes.length === 6, 1000, 'the events after that');
  assert.deepEqual(
    again.pushes.map((push) => (push.type === 'events' ? push.index : 0)),
    indexes.slice(4),
  );
  const before = leader.appliedState(GROUP)?.appliedIndex ?? 0;
  const ids = Array.from({ length: 50 }, (_, i) =>
    again.send({ type: 'acknowledge', group: GROUP, session, replies: 12, events: indexes[Math.min(9, i)] as number }),
  );
  cluster.runUntil(() => ids.every((id) => again.answers.has(id)), 1000, 'all acknowledgements');
  assert.ok(ids.every((id) => again.answers.get(id)?.type === 'acknowledged'));
  // Fifty acknowledgements are one entry.
  assert.equal(leader.appliedState(GROUP)?.appliedIndex, before + 1);
  const third = new RawClient(cluster, leader);
  ask(cluster, third, { type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 });
  cluster.runFor(200);
  assert.deepEqual(third.pushes, []);
});

test('a session that is closed → its last replies come first, then that it ended; what follows is refused', () => {
  const { cluster, raw, session, resource } = setup(38);
  const close = { resource: 0, operation: MACHINE_OPERATION.closeSession, args: new Uint8Array(0) };
  const answer = ask(cluster, raw, commands(session, 2, [tally(resource, 'add', { amount: 1 }), close]));
  assert.deepEqual(answer.type === 'replies' && answer.replies.map((reply) => reply.isOk), [true, true]);
  cluster.runUntil(() => raw.pushes.length === 1, 1000, 'the end');
  assert.deepEqual(raw.pushes, [{ type: 'sessionEnded', group: GROUP, session, isExpired: false }]);
  assert.deepEqual(raw.order.slice(-2), ['replies', 'sessionEnded']);
  assert.equal(codeOf(ask(cluster, raw, commands(session, 4, [close]))), 'unavailable');
  const bind = { type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 } as const;
  assert.equal(codeOf(ask(cluster, raw, bind)), 'sessionExpired');
});

test('rule 18: a burst of commands of which each makes an event → every event leaves before the reply to its command', () => {
  const { cluster, raw, session, resource } = setup(40);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  const order: string[] = [];
  const { push } = raw.pushes;
  raw.pushes.push = (...items) => {
    for (const item of items) if (item.type === 'events') order.push(`event ${item.index}`);
    return push.apply(raw.pushes, items);
  };
  const { push: answer } = raw.log;
  raw.log.push = (...items) => {
    for (const item of items) if (item.type === 'replies') for (const reply of item.replies) order.push(`reply ${reply.index}`);
    return answer.apply(raw.log, items);
  };
  for (let i = 0; i < 20; i++) raw.send(commands(session, 3 + i, [tally(resource, 'add', { amount: 1 })]));
  cluster.runUntil(() => order.length === 40, 2000, 'all');
  for (let i = 0; i < order.length; i++) {
    const [what, index] = (order[i] as string).split(' ');
    if (what === 'reply') assert.ok(order.indexOf(`event ${index}`) >= 0 && order.indexOf(`event ${index}`) < i, order.join());
  }
});

test('events of one index that fit no frame → they come in pieces, all of them, and the session goes on', () => {
  const { cluster, raw, session, resource, leader } = setup(41);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  const writer = new RawClient(cluster, leader);
  const writing = openSession(
    cluster,
    writer,
    Uint8Array.from({ length: 16 }, () => 7),
  ).session;
  assert.equal(codeOf(ask(cluster, writer, commands(writing, 2, [tally(resource, 'flood', { count: 5, size: 1_000_000 })]))), 'replies');
  cluster.runUntil(() => batchesOf(raw, session)[0]?.isWhole === true, 1000, 'all events');
  const [batch] = batchesOf(raw, session);
  assert.deepEqual([batch?.fields.length, batch?.pieces], [5, 5]);
  assert.ok((batch?.fields.reduce((sum, { length }) => sum + length, 0) ?? 0) > LIMITS.frameBytesMax);
  assert.equal(codeOf(ask(cluster, raw, commands(session, 3, [tally(resource, 'add', { amount: 1 })], batch?.index))), 'replies');
});

test('T32: no space on the disk → commands and sessions are refused, nothing expires, queries go on; with space again all goes on', () => {
  const { cluster, raw, session, resource, leader } = setup(42);
  const short = Uint8Array.from({ length: 16 }, () => 5);
  const other = new RawClient(cluster, leader);
  openSession(cluster, other, short, 2000);
  leader.disk.capacityBytes = leader.disk.usedBytes();
  // What is in files already can be written still.
  const adds = Array.from({ length: 4000 }, () => tally(resource, 'add', { amount: 1 }));
  let next = 2;
  for (; metric(leader, 'diskFull') === 0; next += adds.length) {
    raw.send(commands(session, next, adds));
    cluster.runFor(50);
  }
  assert.equal(codeOf(ask(cluster, raw, commands(session, next, [tally(resource, 'add', { amount: 1 })]))), 'diskFull');
  const fresh = { type: 'openSession', group: GROUP, key: KEY.map((b) => b + 3), ttlMs: 1000, graceMs: 0 } as const;
  assert.equal(codeOf(ask(cluster, raw, fresh)), 'diskFull');
  const query = {
    type: 'queries',
    group: GROUP,
    session,
    afterNumber: 0,
    minIndex: 0,
    ...oneQuery(resource, 9),
  } as const;
  assert.equal(codeOf(ask(cluster, raw, { ...query, consistency: 'sequential' })), 'queryResults');
  cluster.runFor(3000);
  assert.equal(metric(leader, 'sessions'), 2);
  leader.disk.capacityBytes = Number.POSITIVE_INFINITY;
  cluster.runUntil(() => metric(leader, 'sessions') === 1, 5000, 'the silent session expires');
  assert.equal(codeOf(ask(cluster, raw, commands(session, next, [tally(resource, 'add', { amount: 1 })]))), 'replies');
});

test('T52, T55: a leader that is cut off → binds no session and answers no linearizable query any more; waiting ones are sent on', () => {
  const { cluster, raw, session, resource, leader } = setup(43, 3);
  const query = { type: 'queries', group: GROUP, session, minIndex: 0, ...oneQuery(resource, 9) } as const;
  const waiting = raw.send({ ...query, afterNumber: 5, consistency: 'linearizable' });
  cluster.runFor(50);
  for (const node of others(cluster, leader)) cluster.network.cut(leader.name, node.name);
  const late = [
    raw.send({ type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 }),
    raw.send({ ...query, afterNumber: 0, consistency: 'linearizable' }),
    raw.send({ type: 'ping' }),
  ];
  cluster.runUntil(() => [waiting, ...late].every((id) => raw.answers.has(id)), 2000, 'all are answered');
  for (const id of [waiting, ...late]) assert.ok(['notLeader', 'noLeader'].includes(codeOf(raw.answers.get(id) as ClientResponse)));
  assert.equal(codeOf(ask(cluster, raw, { ...query, afterNumber: 0, consistency: 'sequential' })), 'queryResults');
});

test('rule 18: a command is applied in one turn with more events than the connection takes → its reply waits until they have left', () => {
  const { cluster, raw, session, resource, leader } = setup(44);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  const writer = new RawClient(cluster, leader);
  const writing = openSession(
    cluster,
    writer,
    Uint8Array.from({ length: 16 }, () => 7),
  ).session;
  raw.frames.pause();
  leader.disk.latency = { writeMs: [0, 0.1], syncMs: [100, 100] };
  for (let i = 0; i < 30; i++) writer.send(commands(writing, 2 + i, [tally(resource, 'flood', { count: 3, size: 100_000 })]));
  cluster.runFor(10);
  const id = raw.send(commands(session, 3, [tally(resource, 'add', { amount: 1 })]));
  cluster.runFor(1000);
  raw.frames.resume();
  cluster.runUntil(() => raw.answers.has(id), 5000, 'the reply');
  assert.equal(batchesOf(raw, session).filter(({ isWhole }) => isWhole).length >= 30, true, 'all before it');
});
