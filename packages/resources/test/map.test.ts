import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAP, RESOURCE_LIMITS } from '@quorate/resources';
import { Driver, b, fault, request } from './driver.js';
import { TestMap, toldOf } from './map.js';

function opened(): { driver: Driver; session: number; map: TestMap } {
  const driver = new Driver();
  const session = driver.open();
  return { driver, session, map: new TestMap(driver, session) };
}

test('map: set, get, set again, remove → versions count all changes, the entry has that of its last', () => {
  const { session, map } = opened();
  assert.equal(map.get('a'), null);
  assert.deepEqual(map.set(session, 'a', '1'), { version: 1, previousVersion: null });
  assert.deepEqual(map.set(session, 'b', '2'), { version: 2, previousVersion: null });
  assert.deepEqual(map.set(session, 'a', '3'), { version: 3, previousVersion: 1 });
  assert.deepEqual(map.get('a'), ['3', 3]);
  assert.deepEqual(map.size(), { size: 2, version: 3 });
  assert.equal(map.remove(session, 'a'), true);
  assert.equal(map.remove(session, 'a'), false);
  assert.equal(map.get('a'), null);
  assert.deepEqual(map.size(), { size: 1, version: 4 });
});

test('map: setIfAbsent of a key that is there → not set, its version', () => {
  const { session, map } = opened();
  assert.deepEqual(map.setIfAbsent(session, 'a', '1'), { isSet: true, version: 1 });
  map.set(session, 'b', '');
  assert.deepEqual(map.setIfAbsent(session, 'a', '2'), { isSet: false, version: 1 });
  assert.deepEqual(map.get('a'), ['1', 1]);
  assert.deepEqual(map.size(), { size: 2, version: 2 });
});

test('map: compareAndSet with a stale version → versionMismatch with both versions, nothing changed', () => {
  const { session, map } = opened();
  assert.deepEqual(map.compareAndSet(session, 'a', 0, '1'), { version: 1 });
  assert.throws(() => map.compareAndSet(session, 'a', 0, '2'), fault('versionMismatch', { expected: 0, found: 1 }));
  assert.throws(() => map.compareAndSet(session, 'b', 7, '2'), fault('versionMismatch', { expected: 7, found: 0 }));
  assert.deepEqual(map.compareAndSet(session, 'a', 1, '2'), { version: 2 });
  assert.deepEqual(map.get('a'), ['2', 2]);
  assert.deepEqual(map.size(), { size: 1, version: 2 });
});

test('map: remove with a version → only that version', () => {
  const { session, map } = opened();
  map.set(session, 'a', '1');
  map.set(session, 'a', '2');
  assert.throws(() => map.remove(session, 'a', 1), fault('versionMismatch', { expected: 1, found: 2 }));
  assert.equal(map.remove(session, 'b', 0), false);
  assert.equal(map.remove(session, 'a', 2), true);
  assert.throws(() => map.remove(session, 'a', 2), fault('versionMismatch', { expected: 2, found: 0 }));
});

test('map: largest key and value → kept; one byte more is refused before it is sent', () => {
  const { driver, session, map } = opened();
  const key = new Uint8Array(RESOURCE_LIMITS.keyBytesMax).fill(255);
  const value = new Uint8Array(RESOURCE_LIMITS.valueBytesMax).fill(3);
  const args = { key, value, ttlMs: 5, fence: null };
  map.driver.do(session, MAP, map.resource, 'watch', { key, isPrefix: false, afterVersion: null });
  driver.do(session, MAP, map.resource, 'set', args);
  assert.deepEqual(driver.query(MAP, map.resource, 'get', { key })?.value, value);
  assert.equal(driver.eventsOf(session).length, 1);
  const scanned = map.scanBytes({ limit: 1 });
  assert.equal(scanned.entries[0]?.value.length, value.length);
  driver.tick(5);
  assert.equal(driver.query(MAP, map.resource, 'get', { key }), null);
  assert.throws(() => request(MAP, map.resource, 'set', { ...args, key: new Uint8Array(4097) }), fault('invalidArgument', { max: 4096 }));
  assert.throws(
    () => request(MAP, map.resource, 'set', { ...args, value: new Uint8Array(1_048_577) }),
    fault('invalidArgument', { max: 1_048_576 }),
  );
  assert.throws(() => request(MAP, map.resource, 'set', { ...args, key: new Uint8Array(0) }), fault('invalidArgument', { min: 1 }));
  assert.throws(() => request(MAP, map.resource, 'set', { ...args, ttlMs: 0 }), fault('invalidArgument', { min: 1 }));
  assert.throws(() => request(MAP, map.resource, 'set', { ...args, ttlMs: -1 }), fault('invalidArgument', { min: 1 }));
});

test('map: an entry whose time is up → gone for all that comes at that time or later, there until then', () => {
  const { driver, session, map } = opened();
  driver.tick(100);
  map.set(session, 'a', '1', 50);
  driver.tick(149);
  assert.deepEqual(map.get('a'), ['1', 1]);
  assert.equal(driver.machine.nextDeadlineMs, 150);
  driver.tick(150);
  assert.equal(map.get('a'), null);
  assert.deepEqual(map.size(), { size: 0, version: 2 });
  assert.deepEqual(map.keys(), [[], false]);
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
});

test('map: command at the very time of an expiry → finds the entry gone already (rule 15)', () => {
  const { driver, session, map } = opened();
  map.set(session, 'a', '1', 50);
  const command = request(MAP, map.resource, 'setIfAbsent', { key: b('a'), value: b('2'), ttlMs: null, fence: null });
  driver.run(session, [command], 50);
  assert.deepEqual(map.get('a'), ['2', 3]);
});

test('map: value set anew → the new time to live counts, none makes it last', () => {
  const { driver, session, map } = opened();
  map.set(session, 'a', '1', 50);
  map.set(session, 'b', '1', 50);
  map.set(session, 'c', '1', 20);
  map.set(session, 'a', '2');
  map.set(session, 'b', '2', 70);
  map.remove(session, 'c');
  assert.equal(driver.machine.nextDeadlineMs, 70);
  driver.tick(69);
  assert.deepEqual(map.keys(), [['a', 'b'], false]);
  driver.tick(1_000_000);
  assert.deepEqual(map.keys(), [['a'], false]);
});

test('map: thousands expire at one time → all of them, in order of time and key', () => {
  const { driver, session, map } = opened();
  const watcher = driver.open();
  map.watch(watcher, 'k', { isPrefix: true });
  const keys = Array.from({ length: 2500 }, (_, i) => `k${String((i * 7) % 2500).padStart(4, '0')}`);
  driver.run(
    session,
    keys.map((key, i) => request(MAP, map.resource, 'set', { key: b(key), value: b(''), ttlMs: i < 3 ? 40 : 50, fence: null })),
  );
  driver.takeEvents();
  while (driver.machine.nextDeadlineMs <= 60) driver.tick(60);
  const told = toldOf(driver.eventsOf(watcher));
  assert.deepEqual(
    told.map((each) => each[3]),
    [...keys.slice(0, 3).sort(), ...keys.slice(3).sort()],
  );
  assert.deepEqual(map.size(), { size: 0, version: 5000 });
});

test('rule 20: a removed key → stays removed behind a snapshot, nothing of it is kept', () => {
  const { driver, session, map } = opened();
  map.set(session, 'a', '1');
  map.remove(session, 'a');
  driver.reload();
  assert.equal(map.get('a'), null);
  assert.deepEqual(map.setIfAbsent(session, 'a', '2'), { isSet: true, version: 3 });
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('T59: logged time goes back with another leader → nothing expires early or twice', () => {
  const { driver, session, map } = opened();
  driver.tick(3_600_000);
  map.set(session, 'a', '1', 1000);
  driver.noop(0);
  driver.noop(3_600_999);
  assert.deepEqual(map.get('a'), ['1', 1]);
  driver.noop(3_601_000);
  assert.equal(map.get('a'), null);
  driver.noop(5);
  assert.equal(driver.machine.timeMs, 3_601_000);
  map.set(session, 'a', '2', 1);
  driver.tick(3_601_001);
  assert.deepEqual(map.size(), { size: 0, version: 4 });
});

test('rule 24: a name of another kind → kindMismatch', () => {
  const { driver, session } = opened();
  assert.throws(() => driver.create(session, { ...MAP, type: 'lock' }, 'map'), fault('kindMismatch', { type: 'map', version: 1 }));
});
