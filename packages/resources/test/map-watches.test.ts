import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAP, RESOURCE_LIMITS } from '@quorate/resources';
import { Driver, b, fault, request } from './driver.js';
import { TestMap, toldOf } from './map.js';

function opened(limits = {}): { driver: Driver; writer: number; watcher: number; map: TestMap } {
  const driver = new Driver(limits);
  const [writer, watcher] = [driver.open(), driver.open()];
  return { driver, writer, watcher, map: new TestMap(driver, writer) };
}

function setMany(map: TestMap, session: number, count: number, value = ''): void {
  const args = { key: b('many'), value: b(value), ttlMs: null, fence: null };
  map.driver.run(
    session,
    Array.from({ length: count }, () => request(MAP, map.resource, 'set', args)),
  );
}

test('map watch: of a key → its changes only, in order, with versions and values', () => {
  const { driver, writer, watcher, map } = opened();
  const { watch, version } = map.watch(watcher, 'ab');
  assert.equal(version, 0);
  for (const key of ['a', 'ab', 'abc', 'b']) map.set(writer, key, key);
  map.set(writer, 'ab', 'x', 10);
  driver.tick(10);
  map.set(writer, 'ab', 'y');
  map.remove(writer, 'ab');
  map.remove(writer, 'ab');
  assert.deepEqual(toldOf(driver.eventsOf(watcher)), [
    [watch, 2, 'set', 'ab', 'ab'],
    [watch, 5, 'set', 'ab', 'x'],
    [watch, 6, 'expired', 'ab', null],
    [watch, 7, 'set', 'ab', 'y'],
    [watch, 8, 'removed', 'ab', null],
  ]);
});

test('map watch: of prefixes, the empty one and one of the whole key too → each watch is told, in order of its making', () => {
  const { driver, writer, watcher, map } = opened();
  const watches = ['', 'a', 'ab', 'abc', 'b'].map((key) => map.watch(watcher, key, { isPrefix: true }).watch);
  const exact = map.watch(watcher, 'ab').watch;
  map.set(writer, 'ab', '1');
  assert.deepEqual(
    toldOf(driver.eventsOf(watcher)).map((told) => told[0]),
    [watches[0], watches[1], watches[2], exact],
  );
});

test('map watch: one watch after the other, of keys and prefixes of several sessions → each change is told to those that it concerns, by few as by many', () => {
  const { driver, writer, watcher, map } = opened();
  const sessions = [watcher, driver.open(), driver.open()];
  const made: { readonly session: number; readonly watch: number; readonly key: string; readonly isPrefix: boolean }[] = [];
  const kinds = ['ab', 'a', '', 'abc', 'b'].flatMap((key) => [
    { key, isPrefix: true },
    { key, isPrefix: false },
  ]);
  for (let count = 0; count < 24; count++) {
    const { key, isPrefix } = kinds[(count * 7) % kinds.length] as (typeof kinds)[number];
    const session = sessions[count % sessions.length] as number;
    if (key !== '' || isPrefix) made.push({ session, key, isPrefix, watch: map.watch(session, key, { isPrefix }).watch });
    for (const changed of ['a', 'ab', 'abcd', 'b', 'c']) {
      map.set(writer, changed, String(count));
      const events = driver.takeEvents();
      for (const session of sessions) {
        const concerned = made.filter(
          (each) => each.session === session && (each.isPrefix ? changed.startsWith(each.key) : changed === each.key),
        );
        assert.deepEqual(
          toldOf(events.get(session) ?? []).map(([watch, , , key]) => [watch, key]),
          concerned.map(({ watch }) => [watch, changed]),
          `${made.length} watches, ${changed} is set`,
        );
      }
    }
  }
});

test('map watch: unwatch → told of nothing more; a watch of another session or none → notHeld', () => {
  const { driver, writer, watcher, map } = opened();
  const { watch } = map.watch(watcher, 'a');
  const second = map.watch(watcher, 'a', { isPrefix: true }).watch;
  assert.throws(() => map.unwatch(writer, watch), fault('notHeld', { watch }));
  map.unwatch(watcher, watch);
  assert.throws(() => map.unwatch(watcher, watch), fault('notHeld', { watch }));
  map.set(writer, 'a', '1');
  assert.deepEqual(toldOf(driver.eventsOf(watcher)), [[second, 1, 'set', 'a', '1']]);
  map.unwatch(watcher, second);
  map.set(writer, 'a', '2');
  assert.deepEqual(driver.eventsOf(watcher), []);
});

test('map watch: session ends that ended some of its watches itself → nothing of the others is left (disowned only when done)', () => {
  const leftBytes = (watches: (map: TestMap, watcher: number) => void): number => {
    const { driver, writer, watcher, map } = opened();
    map.set(writer, 'a', '1');
    watches(map, watcher);
    driver.expire(watcher);
    map.set(writer, 'a', '2');
    map.set(writer, 'b', '2');
    assert.equal(driver.takeEvents().size, 0);
    return driver.machine.memory.liveBytes;
  };
  const none = leftBytes(() => undefined);
  assert.equal(
    leftBytes((map, watcher) => {
      const { watch } = map.watch(watcher, 'a');
      map.watch(watcher, 'b', { isPrefix: true });
      map.watch(watcher, 'b');
      map.unwatch(watcher, watch);
    }),
    none,
  );
});

test('map watch: empty key that is not a prefix → invalidArgument', () => {
  const { watcher, map } = opened();
  assert.throws(() => map.watch(watcher, ''), fault('invalidArgument', { path: 'watch.key' }));
});

test('T66: watch after a version → what was missed, once, in order, then what comes; a version to come is refused', () => {
  const { driver, writer, watcher, map } = opened();
  map.set(writer, 'a', '1');
  map.set(writer, 'b', '2');
  map.set(writer, 'a', '3', 5);
  driver.tick(5);
  const { watch, version } = map.watch(watcher, 'a', { afterVersion: 1 });
  assert.equal(version, 4);
  map.set(writer, 'a', '5');
  assert.deepEqual(toldOf(driver.eventsOf(watcher)), [
    [watch, 3, 'set', 'a', '3'],
    [watch, 4, 'expired', 'a', null],
    [watch, 5, 'set', 'a', '5'],
  ]);
  const current = map.watch(watcher, '', { isPrefix: true, afterVersion: 5 });
  assert.deepEqual(driver.eventsOf(watcher), []);
  assert.equal(current.version, 5);
  assert.throws(() => map.watch(watcher, 'a', { afterVersion: 6 }), fault('invalidArgument', { version: 6, current: 5 }));
});

test('T66: watch across the edge of what is remembered → the oldest version that works works, one before is watchCompacted', () => {
  const { driver, writer, watcher, map } = opened();
  const { changesKept } = RESOURCE_LIMITS;
  setMany(map, writer, changesKept);
  const all = map.watch(watcher, 'many', { afterVersion: 0 });
  assert.equal(driver.eventsOf(watcher).length, changesKept);
  map.unwatch(watcher, all.watch);
  for (const more of [1, 2]) {
    setMany(map, writer, 1, String(more));
    assert.throws(
      () => map.watch(watcher, 'many', { afterVersion: more - 1 }),
      fault('watchCompacted', { version: more - 1, firstVersion: more + 1, current: changesKept + more }),
    );
    const { watch } = map.watch(watcher, 'many', { afterVersion: more });
    const told = toldOf(driver.eventsOf(watcher));
    assert.deepEqual(
      told.map((each) => each[1]),
      Array.from({ length: changesKept }, (_, i) => more + 1 + i),
    );
    assert.equal(told.at(-1)?.[4], String(more));
    map.unwatch(watcher, watch);
  }
  // A refused watch has left nothing behind.
  setMany(map, writer, 1);
  assert.deepEqual(driver.eventsOf(watcher), []);
});

test('T66: watch of one key after a version long forgotten → goes on if the key has the entry of that time; set anew or removed since: watchCompacted', () => {
  const { driver, writer, watcher, map } = opened();
  const { version } = map.set(writer, 'quiet', '1');
  map.set(writer, 'gone', '1');
  map.set(writer, 'new', '1');
  const after = map.size().version;
  map.remove(writer, 'gone');
  map.set(writer, 'new', '2');
  setMany(map, writer, RESOURCE_LIMITS.changesKept + 10);
  const { watch } = map.watch(watcher, 'quiet', { afterVersion: after });
  map.watch(watcher, 'quiet', { afterVersion: version });
  assert.throws(() => map.watch(watcher, 'quiet', { isPrefix: true, afterVersion: after }), fault('watchCompacted'));
  driver.takeEvents();
  map.set(writer, 'quiet', '2');
  assert.deepEqual(toldOf(driver.eventsOf(watcher))[0]?.slice(0, 1), [watch]);
  for (const key of ['gone', 'new', 'never']) {
    assert.throws(() => map.watch(watcher, key, { afterVersion: after }), fault('watchCompacted'), key);
  }
  assert.throws(() => map.watch(watcher, 'quiet', { afterVersion: version - 1 }), fault('watchCompacted'));
  assert.throws(() => map.watch(watcher, 'quiet', { afterVersion: 99_999 }), fault('invalidArgument'));
});

test('T66: changes of many bytes → forgotten by bytes, the newest never; what is left can be watched, also after a snapshot', () => {
  const { driver, writer, watcher, map } = opened();
  const value = 'x'.repeat(1_000_000);
  for (let i = 0; i < 6; i++) setMany(map, writer, 1, value);
  assert.throws(
    () => map.watch(watcher, '', { isPrefix: true, afterVersion: 1 }),
    fault('watchCompacted', { firstVersion: 3, current: 6 }),
  );
  driver.reload();
  const { watch } = map.watch(watcher, '', { isPrefix: true, afterVersion: 2 });
  assert.equal(driver.eventsOf(watcher).length, 4);
  map.unwatch(watcher, watch);
  setMany(map, writer, 1200);
  assert.throws(() => map.watch(watcher, '', { isPrefix: true, afterVersion: 181 }), fault('watchCompacted', { firstVersion: 183 }));
  map.watch(watcher, '', { isPrefix: true, afterVersion: 182 });
  assert.equal(driver.eventsOf(watcher).length, RESOURCE_LIMITS.changesKept);
});

test('map watch: prefixes of more lengths than are allowed → overloaded; a length that is watched already is not one more', () => {
  const { driver, watcher, map } = opened();
  const max = RESOURCE_LIMITS.watchedLengthsMax;
  const watch = (length: number): number => map.watch(watcher, 'p'.repeat(length), { isPrefix: true }).watch;
  const first = watch(0);
  for (let length = 1; length < max; length++) watch(length);
  assert.throws(() => watch(max), fault('overloaded', { max }));
  const second = watch(0);
  map.unwatch(watcher, first);
  assert.throws(() => watch(max), fault('overloaded', { max }));
  map.unwatch(watcher, second);
  watch(max);
  driver.expire(watcher);
  const other = driver.open();
  map.watch(other, 'p'.repeat(max + 1), { isPrefix: true });
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('T71: a change whose events would not fit in memory → overloaded, nothing is changed or told', () => {
  const { driver, writer, map } = opened();
  const key = b('a');
  const value = new Uint8Array(RESOURCE_LIMITS.valueBytesMax);
  const watchers = Math.floor(RESOURCE_LIMITS.changeEventBytesMax / value.length) + 1;
  const watcher = driver.open();
  driver.run(
    watcher,
    Array.from({ length: watchers }, () => request(MAP, map.resource, 'watch', { key, isPrefix: false, afterVersion: null })),
  );
  assert.throws(() => driver.do(writer, MAP, map.resource, 'set', { key, value, ttlMs: 9, fence: null }), fault('overloaded'));
  assert.deepEqual(map.size(), { size: 0, version: 0 });
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
  assert.equal(driver.takeEvents().size, 0);
  map.set(writer, 'a', 'small');
  assert.equal(driver.eventsOf(watcher).length, watchers);
});
