import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, groupId } from '@quorate/base';
import { MACHINE_OPERATION, type Machine, encodeOpenResource, encodeTick } from '@quorate/machine';
import { Driver, GROUP, add, cell, machineCommand, resultsOf, snapshotOf, thrownBy } from './driver.js';

type How = Parameters<typeof failing>[1];

function failing(resource: number, how: 'refuse' | 'invariant' | 'bug' | 'promise' | 'result' | 'event' | 'largeResult' | 'swallow') {
  return cell(resource, 'fail', { how, fence: null });
}

/** A held and watched cell with a timer; all that a failing command tries to change. */
function prepared(): { driver: Driver; session: number; resource: number } {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, cell(resource, 'take', {}), cell(resource, 'delay', { id: 1, afterMs: 50, repeats: 0 }), add(resource, 5));
  const watcher = driver.open();
  driver.run(watcher, cell(resource, 'watch', { isOn: true }));
  return { driver, session, resource };
}

/** What a machine holds beside the records of sessions and replies. */
function observed(driver: Driver, resource: number): unknown {
  const { machine } = driver;
  return [
    driver.query(resource, 'get'),
    driver.query(resource, 'about'),
    machine.nextDeadlineMs,
    machine.eventsAfter(1, 0, 1e6),
    driver.told.length,
  ];
}

test('T15: a command changes everything and then refuses → its changes, events, timers and ownership are undone; number and index are taken', () => {
  const { driver, session, resource } = prepared();
  const before = observed(driver, resource) as unknown[];
  const [reply] = driver.run(session, failing(resource, 'refuse'));
  assert.ok(reply?.isOk === false);
  assert.equal(reply.code, 'versionMismatch');
  assert.equal(reply.message, 'as asked: \ufffd');
  assert.deepEqual(reply.details, { version: 3, text: 'x'.repeat(200), isRight: false });
  const after = observed(driver, resource) as unknown[];
  assert.deepEqual([after[0], after[2], after[3]], [before[0], before[2], before[3]]);
  assert.equal(driver.machine.session(session)?.nextNumber, 6);
  const repeated = driver.commands(session, 5, [failing(resource, 'bug')]);
  assert.deepEqual(repeated.type === 'replies' && repeated.replies, [reply], 'the refusal is kept like a result');
  driver.expire(session);
  const freed = driver.told.flatMap((told) => (told.type === 'published' ? told.batch.events : []));
  assert.equal(freed.filter(({ code }) => code === 3).length, 1, 'the holder is still known');
});

test('T15: a refused command between two others of its batch → only it is undone', () => {
  const { driver, session, resource } = prepared();
  const replies = driver.run(
    session,
    add(resource, 1),
    failing(resource, 'refuse'),
    add(resource, 1),
    add(resource, 5000),
    add(resource, 1),
  );
  assert.deepEqual(resultsOf(replies, 'add'), [6, 'versionMismatch', 7, 'counterOverflow', 8]);
  const watcher = driver.machine.sessions().at(-1)?.session as number;
  assert.deepEqual(
    driver.published(watcher).map(({ index }) => index),
    [0, 2, 4].map((i) => replies[i]?.index),
  );
});

const FATAL = ['invariant', 'bug', 'promise', 'result', 'event', 'swallow'] as const satisfies readonly How[];
for (const how of FATAL) {
  test(`rule 16, T15: a handler breaks its contract (${how}) → apply throws, and the machine answers nothing any more`, () => {
    const { driver, session, resource } = prepared();
    const error = thrownBy(() => driver.run(session, failing(resource, how)));
    assert.equal(error.code, 'invariantBroken');
    const asks: ((machine: Machine) => unknown)[] = [
      () => driver.tick(1),
      (machine) => machine.query({ session: 0, resource, operation: 9, args: new Uint8Array(0) }),
      (machine) => machine.snapshot(),
      (machine) => machine.refusalOf(encodeTick()),
    ];
    for (const ask of asks)
      assert.equal(
        thrownBy(() => ask(driver.machine)),
        error,
      );
    assert.equal(driver.machine.fault, error);
  });
}

test('refusal: a result over the limit → valueTooLarge, and the command is undone', () => {
  const { driver, session, resource } = prepared();
  assert.deepEqual(resultsOf(driver.run(session, failing(resource, 'largeResult'), add(resource, 1)), 'add'), ['valueTooLarge', 6]);
});

test('refusal: arguments that are not as declared → malformedFrame for that command only', () => {
  const { driver, session, resource } = prepared();
  const { operation, args } = add(resource, 1);
  const wrong = [args.subarray(1), new Uint8Array(0), Uint8Array.of(...args, 0), args.map(() => 255)];
  const replies = driver.run(session, ...wrong.map((args) => ({ resource, operation, args })), add(resource, 1));
  assert.deepEqual(resultsOf(replies, 'add'), [...wrong.map(() => 'malformedFrame'), 6]);
});

test('refusal: a resource that does not exist → invalidArgument for that command only', () => {
  const { driver, session, resource } = prepared();
  assert.deepEqual(resultsOf(driver.run(session, add(1, 1), add(9_007_199_254_740_991, 1), add(resource, 1)), 'add'), [
    'invalidArgument',
    'invalidArgument',
    6,
  ]);
});

test('query: unknown resource or operation, wrong arguments, a handler that changes something → an error to who asks, the machine goes on', () => {
  const { driver, resource } = prepared();
  const ask = (resource: number, operation: number, args = new Uint8Array(0)): string =>
    thrownBy(() => driver.machine.query({ session: 0, resource, operation, args })).code;
  assert.equal(ask(77, 9), 'invalidArgument');
  assert.equal(ask(resource, 200), 'resourceUnsupported');
  assert.equal(ask(resource, 1), 'resourceUnsupported', 'a command is no query');
  assert.equal(ask(resource, 9, Uint8Array.of(1)), 'malformedFrame');
  assert.equal(ask(resource, 11), 'invariantBroken');
  assert.equal(driver.machine.fault, null);
  assert.equal(driver.query(resource, 'get'), 5);
});

test('rule 24: a name is opened twice → the same resource; with another kind or version → kindMismatch that says what it is', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session, 'x');
  assert.equal(driver.openCell(driver.open(), 'x'), resource);
  const open = (type: string, version: number, name: string) =>
    machineCommand(MACHINE_OPERATION.openResource, encodeOpenResource(type, version, name));
  const [kind, version] = driver.run(session, open('map', 1, 'x'), open('cell', 2, 'x'));
  assert.ok(kind?.isOk === false && version?.isOk === false);
  assert.deepEqual([kind.code, kind.details], ['kindMismatch', { type: 'cell', version: 1 }]);
  assert.equal(version.code, 'kindMismatch');
  assert.deepEqual(driver.machine.resource('x'), { resource, type: 'cell', version: 1, name: 'x' });
  assert.equal(driver.machine.resource('y'), undefined);
  assert.equal(driver.machine.resource('y'.repeat(10_000)), undefined);
});

test('resource: a bad name or type, one too many → refused, nothing is created', () => {
  const driver = new Driver({ limits: { resourcesMax: 2 } });
  const session = driver.open();
  const open = (name: string, type = 'cell') => machineCommand(MACHINE_OPERATION.openResource, encodeOpenResource(type, 1, name));
  const bad = ['', ' a', 'a\u3000', 'a\nb', 'x'.repeat(LIMITS.nameBytesMax + 1), 'é'.repeat(128), '\u0085', '\u2028'];
  const replies = driver.run(
    session,
    ...bad.map((name) => open(name)),
    open('ok', 'Cell'),
    machineCommand(MACHINE_OPERATION.openResource, Uint8Array.of(1)),
    machineCommand(MACHINE_OPERATION.nothing, Uint8Array.of(1)),
  );
  assert.deepEqual(
    replies.map((reply) => (reply.isOk ? 'ok' : reply.code)),
    [...bad.map(() => 'nameInvalid'), 'nameInvalid', 'malformedFrame', 'malformedFrame'],
  );
  assert.deepEqual(driver.machine.resources(), []);
  const more = driver.run(session, open('é'.repeat(127)), open('b'), open('c'), open('b'));
  assert.deepEqual(
    more.map((reply) => (reply.isOk ? 'ok' : reply.code)),
    ['ok', 'ok', 'overloaded', 'ok'],
  );
});

test('T78: what a newer version wrote → apply throws and the machine stops; before it is proposed, refusalOf says so', () => {
  const cases: { code: string; make: (driver: Driver, session: number, resource: number) => unknown }[] = [
    { code: 'formatUnsupported', make: (driver) => driver.batch(Uint8Array.of(6, 1, 2)) },
    { code: 'formatUnsupported', make: (driver) => driver.batch(new Uint8Array(60).fill(1)) },
    { code: 'formatUnsupported', make: (driver, session) => driver.run(session, machineCommand(4)) },
    { code: 'resourceUnsupported', make: (driver, session, resource) => driver.run(session, { ...add(resource, 1), operation: 99 }) },
    { code: 'resourceUnsupported', make: (driver, session, resource) => driver.run(session, { ...add(resource, 1), operation: 9 }) },
    ...['map', 'cell'].map((type, i) => ({
      code: 'resourceUnsupported',
      make: (driver: Driver, session: number) =>
        driver.run(session, machineCommand(MACHINE_OPERATION.openResource, encodeOpenResource(type, 1 + i, 'new'))),
    })),
  ];
  for (const { code, make } of cases) {
    const { driver, session, resource } = prepared();
    assert.equal(thrownBy(() => make(driver, session, resource)).code, code);
    assert.equal(thrownBy(() => driver.tick(1)).code, code, 'it stays stopped');
    const { payload } = driver.log.at(-2) as { payload: Uint8Array };
    assert.notEqual(prepared().driver.machine.refusalOf(payload), null);
  }
});

test('T78: a replica without a kind of resource that exists → it cannot load the snapshot, and stops where the kind appears', () => {
  const { driver } = prepared();
  const snapshot = snapshotOf(driver.machine);
  const older = new Driver({ resources: [] });
  const error = thrownBy(() => {
    for (const { header, payload } of driver.log) older.machine.apply(header, payload);
  });
  assert.equal(error.code, 'resourceUnsupported');
  const loading = new Driver({ resources: [] });
  loading.machine = driver.machine;
  assert.equal(thrownBy(() => loading.reload()).code, 'resourceUnsupported');
  assert.ok(snapshot.length > 0);
});

test('refusalOf: what may be proposed → null; a resource that only others know yet → unavailable', () => {
  const { driver, resource } = prepared();
  const before = driver.machine.hash;
  for (const { header, payload } of driver.log) if (header.kind === 'commands') assert.equal(driver.machine.refusalOf(payload), null);
  const ahead = driver.log.at(-1) as { payload: Uint8Array };
  assert.equal(driver.machine.refusalOf(ahead.payload), null);
  const behind = new Driver();
  const late = driver.log.find(
    ({ payload }) => payload[0] === 1 && payload.length > 60 && behind.machine.refusalOf(payload)?.code === 'unavailable',
  );
  assert.notEqual(late, undefined);
  assert.equal(driver.machine.refusalOf(new Uint8Array(0))?.code, 'malformedFrame');
  assert.equal(driver.machine.hash, before);
  assert.ok(resource > 0);
});

test('apply: a batch out of order or of another group → it throws and the machine stops', () => {
  for (const change of [{ baseIndex: 5 }, { group: groupId(2) }]) {
    const driver = new Driver();
    driver.noop();
    const { header, payload } = driver.log[0] as (typeof driver.log)[number];
    const next = { ...header, baseIndex: 2, group: GROUP, ...change };
    assert.equal(thrownBy(() => driver.machine.apply(next, payload)).code, 'invariantBroken');
    assert.notEqual(driver.machine.fault, null);
  }
});
