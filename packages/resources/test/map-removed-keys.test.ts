import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Driver } from './driver.js';
import { TestMap } from './map.js';

test('rule 20: a key with a time to live is removed, or set without one, then its time comes → what is there now stays', () => {
  for (const isRemoved of [true, false]) {
    const driver = new Driver();
    const session = driver.open();
    const map = new TestMap(driver, session);
    map.set(session, 'a', 'old', 1000);
    if (isRemoved) assert.equal(map.remove(session, 'a'), true);
    map.set(session, 'a', 'new');
    driver.reload();
    driver.tick(5000);
    assert.equal(map.get('a')?.[0], 'new', isRemoved ? 'removed and set anew' : 'set anew');
    assert.equal(map.size().size, 1);
  }
});
