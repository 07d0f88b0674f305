import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MAP, RESOURCE_LIMITS } from '@quorate/resources';
import { Driver, request } from './driver.js';
import { TestMap } from './map.js';

function filled(keys: readonly string[]): TestMap {
  const driver = new Driver();
  const session = driver.open();
  const map = new TestMap(driver, session);
  for (const key of keys) map.set(session, key, key);
  return map;
}

const ABC = ['a', 'aa', 'ab', 'b', 'ba', 'c'];

test('map scan: borders and prefixes → from is included, to is not, both hold together with the prefix', () => {
  const map = filled(ABC);
  assert.deepEqual(map.keys(), [ABC, false]);
  assert.deepEqual(map.keys({ from: 'aa', to: 'ba' }), [['aa', 'ab', 'b'], false]);
  assert.deepEqual(map.keys({ prefix: 'a' }), [['a', 'aa', 'ab'], false]);
  assert.deepEqual(map.keys({ prefix: '' }), [ABC, false]);
  assert.deepEqual(map.keys({ prefix: 'a', from: 'aa', to: 'c' }), [['aa', 'ab'], false]);
  assert.deepEqual(map.keys({ prefix: 'a', from: '', to: 'ab' }), [['a', 'aa'], false]);
  assert.deepEqual(map.keys({ from: 'b', to: 'a' }), [[], false]);
  assert.deepEqual(map.keys({ from: 'b', to: 'b' }), [[], false]);
  assert.deepEqual(map.keys({ to: '' }), [[], false]);
  assert.deepEqual(map.keys({ prefix: 'b', to: 'a' }), [[], false]);
  assert.deepEqual(map.keys({ prefix: 'a', from: 'c' }), [[], false]);
});

test('T69: scan with limit n of n, n - 1 and n + 1 entries → hasMore is exact, in both directions', () => {
  const map = filled(['a', 'b', 'c']);
  assert.deepEqual(map.keys({ limit: 2 }), [['a', 'b'], true]);
  assert.deepEqual(map.keys({ limit: 3 }), [['a', 'b', 'c'], false]);
  assert.deepEqual(map.keys({ limit: 4 }), [['a', 'b', 'c'], false]);
  assert.deepEqual(map.keys({ limit: 2, isReverse: true }), [['c', 'b'], true]);
  assert.deepEqual(map.keys({ limit: 3, isReverse: true }), [['c', 'b', 'a'], false]);
  assert.deepEqual(map.keys({ limit: 1, to: 'b' }), [['a'], false]);
  assert.deepEqual(map.keys({ limit: 1, from: 'b', isReverse: true }), [['c'], true]);
});

test('map scan: keys and prefixes of bytes 255 → all that start so, and nothing else', () => {
  const map = filled([]);
  const session = map.driver.open();
  const keys = [[254, 255], [255], [255, 0], [255, 255], [255, 255, 7]].map((each) => Uint8Array.from(each));
  const args = { value: new Uint8Array(0), ttlMs: null, fence: null };
  map.driver.run(
    session,
    keys.map((key) => request(MAP, map.resource, 'set', { key, ...args })),
  );
  const scanned = (prefix: number[], isReverse = false): number[][] =>
    map.scanBytes({ prefix: Uint8Array.from(prefix), isReverse }).entries.map(({ key }) => [...key]);
  assert.deepEqual(scanned([255]), [[255], [255, 0], [255, 255], [255, 255, 7]]);
  assert.deepEqual(scanned([255, 255]), [
    [255, 255],
    [255, 255, 7],
  ]);
  assert.deepEqual(scanned([254]), [[254, 255]]);
  assert.deepEqual(scanned([255, 255], true), [
    [255, 255, 7],
    [255, 255],
  ]);
});

test('map scan: more bytes than one answer takes → cut off before the entry that is too much, pages give all once', () => {
  const map = filled([]);
  const session = map.driver.open();
  // With 16 bytes beside key and value, exactly four fit.
  const value = new Uint8Array(RESOURCE_LIMITS.scanBytesMax / 4 - 17).fill(1);
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    map.driver.do(session, MAP, map.resource, 'set', { key: Uint8Array.of(key.charCodeAt(0)), value, ttlMs: null, fence: null });
  }
  assert.deepEqual(map.keys(), [['a', 'b', 'c', 'd'], true]);
  assert.deepEqual(map.keys({ from: 'e' }), [['e'], false]);
  assert.deepEqual(map.keys({ to: 'e' }), [['a', 'b', 'c', 'd'], false]);
  const { entries, hasMore } = map.scanBytes({ isKeysOnly: true });
  assert.equal(hasMore, false);
  assert.deepEqual(
    entries.map((entry) => [entry.key.length, entry.value.length, entry.version]),
    [1, 2, 3, 4, 5].map((version) => [1, 0, version]),
  );
  map.driver.do(session, MAP, map.resource, 'set', {
    key: Uint8Array.of(98),
    value: new Uint8Array([...value, 1]),
    ttlMs: null,
    fence: null,
  });
  assert.deepEqual(map.keys(), [['a', 'b', 'c'], true]);
});
