import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Driver, cell } from '../driver.js';

// What was taken back counted on, and only where the machine had not been loaded from a snapshot: replicas differed.
test('T71, T40: a refused command took all its events back, then its watcher acknowledges → the bound counts what is kept now, as on a replica loaded from a snapshot', () => {
  const driver = new Driver({ limits: { sessionEventsMax: 5 } });
  const session = driver.open();
  const watcher = driver.open();
  const resource = driver.openCell(session);
  driver.run(watcher, cell(resource, 'watch', { isOn: true }));
  driver.run(session, cell(resource, 'emit', { count: 4, size: 40 }));
  assert.equal(driver.run(session, cell(resource, 'fail', { how: 'refuse', fence: null }))[0]?.isOk, false);
  driver.acknowledge(watcher, 0, driver.machine.appliedIndex);
  driver.run(session, cell(resource, 'emit', { count: 4, size: 40 }));
  assert.ok(driver.machine.session(watcher) !== undefined, 'it has four of the five that it may have');
  assert.deepEqual(
    driver.published(watcher).map(({ events }) => events.length),
    [4, 4],
  );
});
