import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '@quorate/base';
import { encodePush } from '@quorate/wire';
import { GROUP, SessionCluster } from './session-cluster.js';
import { EVENT_APPENDED } from './session-machine.js';
import { SessionProbe } from './session-probe.js';

const COUNT = 6;

/** A session, and a node that pushes its events only by hand: those of one index, from place `first` to before `end`. */
function setUp(seed: number) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.sessions();
  const probe = new SessionProbe(cluster, sessions);
  probe.watch();
  probe.wait();
  const session = cluster.machine.sessions.get(sessions.session);
  const bound = cluster.bound.get(sessions.session);
  assert.ok(session !== undefined && bound !== undefined);
  cluster.push = () => {};
  const previousIndex = session.lastEventIndex;
  cluster.machine.index += 1;
  const { index } = cluster.machine;
  session.lastEventIndex = index;
  const push = (first: number, end: number): void => {
    const events = [];
    for (let place = first; place < end; place++) events.push({ resource: 100, code: EVENT_APPENDED, fields: utf8(`${place}`) });
    const frame = encodePush({
      type: 'events',
      group: GROUP,
      session: session.id,
      index,
      previousIndex,
      first,
      isLast: end === COUNT,
      events,
    });
    bound.frames.send(frame.type, frame.parts);
    cluster.scheduler.runFor(20);
  };
  const bindings = (): [number, number][] =>
    cluster
      .node(1)
      .requests.flatMap((request) =>
        request.type === 'bindSession' ? [[request.acknowledgedEvents, request.nextEvents] as [number, number]] : [],
      );
  return { cluster, sessions, probe, session, index, previousIndex, push, bindings };
}

const texts = (probe: SessionProbe): string => probe.events.map(({ text }) => text).join('');

test('sessions: T66: the events of one index come in pieces, some again, one too early → each is told as it comes, once, in order; asked for from the first that is missing', () => {
  const { probe, index, push, bindings } = setUp(51);
  push(0, 2);
  assert.equal(texts(probe), '01', 'the others are not waited for');
  push(0, 2);
  push(1, 3);
  assert.equal(texts(probe), '012');
  const before = bindings().length;
  push(4, 6);
  assert.equal(texts(probe), '012');
  assert.deepEqual(bindings().slice(before), [[index - 1, 3]]);
  push(3, 6);
  push(3, 6);
  push(0, 1);
  assert.equal(texts(probe), '012345');
  assert.ok(probe.events.every((event) => event.index === index));
});

test('sessions: rule 17: some pieces of an index were told → it is acknowledged with the last one, not before', () => {
  const { cluster, session, previousIndex, index, push } = setUp(52);
  push(0, 4);
  cluster.scheduler.runFor(3000);
  assert.equal(session.acknowledgedEvents, previousIndex);
  push(4, 6);
  cluster.scheduler.runFor(3000);
  assert.equal(session.acknowledgedEvents, index);
});

test('sessions: T66: the rest of the events of an index never comes → the session is lost, they are not skipped', () => {
  const { cluster, sessions, probe, push } = setUp(53);
  const { session: id } = sessions;
  push(0, 4);
  probe.submit('a', { deadlineMs: 60_000 });
  cluster.scheduler.runFor(20_000);
  assert.notEqual(sessions.session, id);
  assert.equal(probe.losses, 1);
  assert.equal(texts(probe), '0123');
});

test('sessions: rule 18: the reply to a command comes amid the events of its index → told at once; one to a later command waits for the rest', () => {
  const { cluster, probe, index, push } = setUp(54);
  const replies = (): string => probe.told.flatMap((told) => (told.kind === 'reply' ? [told.text] : [])).join('');
  cluster.node(1).answerInstead = (request) =>
    request.type === 'commands'
      ? [
          { type: 'replies', firstNumber: 2, replies: [{ index, isOk: true, result: new Uint8Array(0) }], isLast: false },
          { type: 'replies', firstNumber: 3, replies: [{ index: index + 9, isOk: true, result: new Uint8Array(0) }], isLast: true },
        ]
      : null;
  push(0, 2);
  probe.submit('a');
  probe.submit('b');
  cluster.scheduler.runFor(100);
  assert.deepEqual([replies(), texts(probe)], ['watcha', '01']);
  push(2, 6);
  assert.deepEqual([replies(), texts(probe)], ['watchab', '012345']);
});
