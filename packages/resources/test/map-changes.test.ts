import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommandRequest } from '@quorate/machine';
import { MAP, RESOURCE_LIMITS } from '@quorate/resources';
import { Driver, b, fault, request } from './driver.js';
import { TestMap, toldOf } from './map.js';

function opened(limits = {}): { driver: Driver; writer: number; watcher: number; map: TestMap } {
  const driver = new Driver(limits);
  const [writer, watcher] = [driver.open(), driver.open()];
  return { driver, writer, watcher, map: new TestMap(driver, writer) };
}

const set = (map: TestMap, key: string, value: string): CommandRequest =>
  request(MAP, map.resource, 'set', { key: b(key), value: b(value), ttlMs: null, fence: null });

/** What a watch after a version is told at once, without the number of the watch. */
function since({ driver, watcher, map }: ReturnType<typeof opened>, afterVersion: number): unknown[] {
  const { watch } = map.watch(watcher, '', { isPrefix: true, afterVersion });
  const told = toldOf(driver.eventsOf(watcher)).map(([, ...change]) => change);
  map.unwatch(watcher, watch);
  return told;
}

test('T66: one key is set, set anew, removed, set with a time, expires → each change is told with the value of its time, also behind a snapshot', () => {
  const rig = opened();
  const { driver, writer, map } = rig;
  map.set(writer, 'k', 'one');
  driver.run(writer, [set(map, 'k', 'two'), set(map, 'other', 'x'), set(map, 'k', 'three')]);
  map.remove(writer, 'k');
  map.set(writer, 'k', 'four', 10);
  driver.tick(driver.machine.timeMs + 11);
  map.set(writer, 'k', 'five');
  const expected = [
    [1, 'set', 'k', 'one'],
    [2, 'set', 'k', 'two'],
    [3, 'set', 'other', 'x'],
    [4, 'set', 'k', 'three'],
    [5, 'removed', 'k', null],
    [6, 'set', 'k', 'four'],
    [7, 'expired', 'k', null],
    [8, 'set', 'k', 'five'],
  ];
  for (let after = 0; after <= expected.length; after++) assert.deepEqual(since(rig, after), expected.slice(after));
  driver.reload();
  assert.deepEqual(since(rig, 0), expected);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

/** A value that a watch cannot be told of: setting it is refused when all else of it is done. */
const EVENT_BYTES_MAX = 300_000;
const TOO_MUCH = 'x'.repeat(EVENT_BYTES_MAX);

test('T15, T66: a change is refused between others of its batch → it is not remembered, and neither is its value', () => {
  const rig = opened({ pendingEventBytesMax: EVENT_BYTES_MAX });
  const { driver, writer, watcher, map } = rig;
  map.set(writer, 'b', 'before');
  const { watch } = map.watch(watcher, 'b');
  const refused = set(map, 'b', TOO_MUCH);
  const replies = driver.run(writer, [set(map, 'a', '1'), refused, set(map, 'a', '2'), refused, set(map, 'c', '3')]);
  assert.deepEqual(
    replies.map((reply) => reply.isOk || reply.code),
    [true, 'overloaded', true, 'overloaded', true],
  );
  map.unwatch(watcher, watch);
  assert.deepEqual(since(rig, 0), [
    [1, 'set', 'b', 'before'],
    [2, 'set', 'a', '1'],
    [3, 'set', 'a', '2'],
    [4, 'set', 'c', '3'],
  ]);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('T66: batches of any size, some larger than what is remembered, with refused changes among them → the newest are remembered, and no others', () => {
  const { changesKept } = RESOURCE_LIMITS;
  const rig = opened({ pendingEventBytesMax: EVENT_BYTES_MAX });
  const { driver, writer, watcher, map } = rig;
  const refused = set(map, 'watched', TOO_MUCH);
  const keyOf = (version: number): string => `key ${version % 50}`;
  let version = 0;
  // Rows that small batches share, rows of their own, several rows of a batch, changes that are forgotten before they are written.
  for (const count of [1, 3, 40, 2 * changesKept, 1, 1, changesKept - 1, 700, 5]) {
    const commands = Array.from({ length: count }, (_, i) => set(map, keyOf(version + 1 + i), `${version + 1 + i}`));
    const { watch } = map.watch(watcher, 'watched');
    const replies = driver.run(writer, [refused, ...commands.slice(0, count >> 1), refused, ...commands.slice(count >> 1), refused]);
    assert.equal(replies.filter(({ isOk }) => !isOk).length, 3);
    map.unwatch(watcher, watch);
    version += count;
    if (count > 100) driver.reload();
    const first = Math.max(1, version - changesKept + 1);
    const expected = Array.from({ length: version - first + 1 }, (_, i) => [first + i, 'set', keyOf(first + i), `${first + i}`]);
    assert.deepEqual(since(rig, first - 1), expected);
    if (first > 1) assert.throws(() => since(rig, first - 2), fault('watchCompacted', { firstVersion: first, current: version }));
  }
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('T71: values of changes are kept only while those are remembered → what a map holds does not grow', () => {
  const { driver, writer, map } = opened();
  const { changesKept } = RESOURCE_LIMITS;
  const round = (): number => {
    driver.run(
      writer,
      Array.from({ length: changesKept }, (_, i) => set(map, `key ${i % 7}`, 'x'.repeat(200))),
    );
    driver.run(
      writer,
      Array.from({ length: 2 * changesKept }, (_, i) => set(map, `other ${i}`, '')),
    );
    return driver.machine.memory.liveBytes;
  };
  // Replies to the first sets of keys are shorter.
  round();
  const before = round();
  assert.equal(round(), before);
});
