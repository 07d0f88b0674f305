import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_HEADER_BYTES } from '@quorate/base';
import { G1, G2, Rig, batch, logOf } from './rig.js';

// Large batches are written from where they lie, small ones are copied together: the border, and each next to each.
const BORDER = 16_384;
const SIZES = [60, BORDER, BORDER - 1, 100, 70_000, BORDER + 1, 60, 61, 40_000].map((bytes) => bytes - BATCH_HEADER_BYTES);
const ORDERS = { 'small first': SIZES, 'large first': SIZES.slice(1), 'large alone': [70_000], 'small alone': [0, 1] };

for (const [name, sizes] of Object.entries(ORDERS)) {
  test(`storage: batches of all sizes in one frame, ${name} → read from memory, from disk and after a power cut byte for byte`, () => {
    const rig = new Rig({ storage: { journalFileBytes: 1_048_576, recentBatchesBytes: 0 } });
    const storage = rig.start();
    const [one, other] = [storage.createGroup(G1, false), storage.createGroup(G2, false)];
    rig.settle();
    const framesBefore = storage.metrics.frames;
    const batches = sizes.map((bytes, i) => batch({ base: i + 1, bytes, fill: i + 1 }));
    const others = sizes.map((bytes, i) => batch({ group: G2, base: i + 1, bytes, fill: 100 + i }));
    for (let i = 0; i < sizes.length; i++) {
      one.append(batches[i] as Uint8Array);
      other.append(others[i] as Uint8Array);
      if (i === 1) one.setHardState({ term: 1, votedFor: 0, isLearner: false }, 1);
    }
    assert.deepEqual([...one.read(1, 1_000_000)], batches, 'not yet written');
    storage.flush();
    assert.deepEqual([...other.read(1, 1_000_000)], others, 'while they are written');
    rig.scheduler.runFor(1);
    rig.settle();
    assert.deepEqual([one.durableIndex, other.durableIndex], [sizes.length, sizes.length]);
    assert.ok(storage.metrics.frames - framesBefore <= 2, 'in one frame, and perhaps the marker of an idle journal');
    assert.deepEqual([...one.read(1, 1_000_000)], batches, 'from disk');
    assert.deepEqual([...other.read(1, 1_000_000)], others, 'from disk');
    rig.powerCut();
    const back = rig.start();
    assert.deepEqual([...logOf(back).read(1, 1_000_000)], batches);
    assert.deepEqual([...logOf(back, G2).read(1, 1_000_000)], others);
    assert.deepEqual(rig.life.damaged, []);
    rig.close();
  });
}
