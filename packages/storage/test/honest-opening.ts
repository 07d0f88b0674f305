import assert from 'node:assert/strict';
import type { GroupId, NodeId } from '@quorate/base';
import type { Storage } from '@quorate/storage';
import type { DiskImage } from '@quorate/testkit';
import { G1, G2, Rig, appendMany, contentOf } from './rig.js';

export type Contents = Map<GroupId, string[]>;

/** What each log holds. */
export function contentsOf(storage: Storage): Contents {
  return new Map([...storage.groups()].map((log) => [log.group, contentOf(log)]));
}

/** A directory with three journal files and both checkpoints, closed; and what its logs hold. */
export function soundDirectory(): { image: DiskImage; contents: Contents; rig: Rig } {
  const rig = new Rig();
  const storage = rig.start();
  const one = storage.createGroup(G1, false);
  const two = storage.createGroup(G2, false);
  for (let round = 0; round < 16; round++) {
    appendMany(one, 2, { bytes: 500 });
    if (round % 3 === 0) appendMany(two, 1, { bytes: 200 });
    one.setHardState({ term: round + 1, votedFor: 1 as NodeId, isLearner: false }, round + 1);
    rig.settle(4);
    if (round === 8 || round === 14) one.truncatePrefix(one.durableIndex - 6);
  }
  rig.settle(200);
  const contents = contentsOf(storage);
  rig.close();
  return { image: rig.disk.image(), contents, rig };
}

/** Opens after damage: everything is intact, or the damage is named and what is left is a prefix of what was. Returns which. */
export function checkHonest(rig: Rig, expected: Contents, context: string, toldSequence = 0): 'intact' | 'named' | 'refused' {
  const before = rig.disk.paths();
  rig.tryOpen();
  const { openError, storage } = rig.life;
  if (openError !== null) {
    assert.ok(openError.code === 'dataDamaged' || openError.code === 'formatUnsupported', `${context}: ${openError.code}`);
    assert.ok(typeof openError.details['file'] === 'string', `${context}: the error names the file`);
    assert.deepEqual(rig.disk.paths(), before, `${context}: nothing is deleted`);
    return 'refused';
  }
  assert.ok(storage !== null, context);
  let isIntact = true;
  for (const [group, content] of expected) {
    const log = storage.group(group);
    const found = log === undefined ? [] : contentOf(log);
    if (found.join() === content.join()) continue;
    isIntact = false;
    const named = storage.damage.filter(({ groups }) => groups === null || groups.includes(group));
    // Only the peers can tell that the very end of a journal is gone, by what they were told before (T37).
    if (named.length === 0 && storage.recoveredSequence < toldSequence) continue;
    assert.ok(named.length > 0, `${context}: group ${group} is not what it was and no damage is told`);
    for (const { file, offset } of named) assert.ok(file !== '' && offset >= 0, context);
    for (const entry of found) {
      // What is left may begin before the log start that is lost with the checkpoint, but is never altered.
      const known = content.includes(entry) || Number.parseInt(entry, 10) < Number.parseInt(content[0] ?? '0', 10);
      assert.ok(known, `${context}: group ${group} has ${entry}, which it never had`);
    }
  }
  if (storage.damage.length > 0) for (const path of before) assert.ok(rig.disk.paths().includes(path), `${context}: ${path} is deleted`);
  return isIntact && storage.damage.length === 0 ? 'intact' : 'named';
}
