import assert from 'node:assert/strict';
import test from 'node:test';
import { G1, Rig, appendMany } from './rig.js';

test('T33: the sync of a checkpoint fails, once → the storage fails for good, and the files before it are not used again', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  rig.settle(50);
  const rule = rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: ['sync'], path: /checkpoint/ });
  for (let round = 0; round < 40 && rig.life.failures.length === 0; round++) {
    appendMany(log, 2, { bytes: 500 });
    rig.settle(4);
    if (round % 8 === 7) log.truncatePrefix(log.durableIndex - 2);
  }
  assert.equal(rule.hits, 1, 'a checkpoint was synced');
  assert.deepEqual(
    rig.life.failures.map(({ code }) => code),
    ['diskFailed'],
  );
  assert.ok(rig.disk.paths().includes('journal/0000000001.q'));
});
