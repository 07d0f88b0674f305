import assert from 'node:assert/strict';
import test from 'node:test';
import type { NodeId } from '@quorate/base';
import { G1, INCARNATION, Rig, appendMany } from './rig.js';

test('T37: what a peer told, then the files that say so are used again for others → known after a restart all the same', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  storage.notePeerSequence(2 as NodeId, INCARNATION, 41);
  const first = 'journal/0000000001.q';
  assert.ok(rig.disk.paths().includes(first));
  for (let round = 0; round < 40; round++) {
    appendMany(log, 2, { bytes: 500 });
    rig.settle(4);
    if (round % 8 === 7) log.truncatePrefix(log.durableIndex - 2);
  }
  rig.settle(200);
  assert.ok(!rig.disk.paths().includes(first), 'the file with the record is gone');
  rig.powerCut();
  assert.equal(rig.open().peerSequence(2 as NodeId, INCARNATION), 41);
});
