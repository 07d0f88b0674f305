import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { G1, Rig, batch } from '../rig.js';

const BATCH_BYTES = 1_000_000;
/** What one frame takes. */
const FRAME_BATCHES = 4;
/** One frame is on its way and more than one waits: the queue is never empty. */
const WAITING = 3 * FRAME_BATCHES;
const ROUNDS = 10;

test('T71: more waits for the disk all the time → what was written is let go, not kept until the queue is empty or long', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const rig = new Rig({ storage: { journalFileBytes: 16_777_216, recentBatchesBytes: 0, syncMode: 'async' } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  rig.settle();
  const given: WeakRef<Uint8Array>[] = [];
  const append = (): void => {
    const next = batch({ base: log.lastIndex + 1, bytes: BATCH_BYTES, fill: 0 });
    given.push(new WeakRef(next));
    log.append(next);
  };
  for (let i = 0; i < WAITING; i++) append();
  for (let round = 0; round < ROUNDS; round++) {
    const { durableIndex } = log;
    storage.flush();
    while (log.durableIndex === durableIndex) rig.scheduler.runFor(0.01);
    while (log.lastIndex - log.durableIndex < WAITING) append();
  }
  // References from within this job keep what they refer to.
  await turn();
  collect();
  const kept = given.slice(0, log.durableIndex).filter((reference) => reference.deref() !== undefined);
  assert.ok(log.durableIndex >= ROUNDS * FRAME_BATCHES, `${log.durableIndex} written`);
  assert.equal(kept.length, 0, `of ${log.durableIndex} batches that were written`);
  rig.settle(500);
  assert.equal(log.durableIndex, log.lastIndex);
  rig.close();
});
