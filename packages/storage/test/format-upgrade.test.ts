import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, readU32, writeU32 } from '@quorate/base';
import { G1, Rig, appendMany, contentOf, logOf } from './rig.js';
import { take } from './snapshot-rig.js';

/** A sealed file's head, says another format. */
function setFormat(rig: Rig, path: string, format: number): void {
  const head = rig.disk.contentOf(path).slice(0, 24);
  writeU32(head, 8, format);
  writeU32(head, 20, crc32c(head.subarray(0, 20)));
  rig.disk.corrupt(path, 0, head);
}

/** A checkpoint of format 1 has no snapshot indexes; without groups with snapshots both differ in nothing else. */
function downgradeCheckpoint(rig: Rig, path: string): void {
  const bytes = rig.disk.contentOf(path);
  const body = bytes.slice(24, 24 + readU32(bytes, 12));
  // journal id, number, sequence, files, then one group of 51 bytes and its snapshot index, then peers.
  const files = readU32(body, 20);
  const groupAt = 24 + files * 24 + 4;
  const old = new Uint8Array(body.length - 8);
  old.set(body.subarray(0, groupAt + 47));
  old.set(body.subarray(groupAt + 55), groupAt + 47);
  const file = new Uint8Array(24 + old.length);
  file.set(bytes.subarray(0, 24));
  writeU32(file, 8, 1);
  writeU32(file, 12, old.length);
  writeU32(file, 16, crc32c(old));
  writeU32(file, 20, crc32c(file.subarray(0, 20)));
  file.set(old, 24);
  rig.disk.state.find(path).truncate(0);
  rig.disk.corrupt(path, 0, file);
}

test('storage: directory of format 1, without snapshots → read as it was; files written from now on say format 2', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  for (let round = 0; round < 12; round++) {
    appendMany(log, 4, { bytes: 500 });
    rig.settle(4);
    if (round === 6) log.truncatePrefix(12);
  }
  rig.settle(100);
  const expected = contentOf(log);
  rig.close();
  const checkpoints = rig.disk.paths().filter((path) => path.startsWith('checkpoint-'));
  assert.equal(checkpoints.length, 2);
  for (const path of checkpoints) downgradeCheckpoint(rig, path);
  for (const path of rig.disk.paths().filter((name) => name.endsWith('.q'))) setFormat(rig, path, 1);
  const image = rig.disk.image();
  for (const crashAt of [0, 1, 2, 3, 4, 5, 6]) {
    rig.restore(image);
    const rule = rig.disk.inject({ effect: { type: 'crash', when: 'midway' }, operations: ['write', 'sync', 'rename'], skip: crashAt });
    try {
      rig.tryOpen();
    } catch {
      // It died while it opened: the next one finds the same.
    }
    rule.remove();
    rig.powerCut();
    const again = rig.open();
    assert.deepEqual(again.damage, []);
    assert.deepEqual(contentOf(logOf(again)), expected);
    take(rig, again, logOf(again).durableIndex);
    rig.close();
    const active = rig
      .inspect()
      .files.filter((file) => file.frames > 0)
      .at(-1)?.file;
    assert.ok(active !== undefined);
    assert.equal(readU32(rig.disk.contentOf(active), 8), 2, 'a version that does not know snapshots refuses the file');
    assert.deepEqual(contentOf(logOf(rig.open())), expected);
  }
});
