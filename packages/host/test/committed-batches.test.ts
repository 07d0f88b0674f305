import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupId, batchLastIndex, crc32c, encodeBatch, trustedBatchHeader } from '@quorate/base';
import { CommittedBatches } from '@quorate/host';

const PAYLOAD = new Uint8Array(8);

function batch(base: number, count: number): Uint8Array {
  const header = { kind: 'commands', group: 1 as GroupId, term: 1, baseIndex: base, count, loggedTimeMs: 0 } as const;
  return encodeBatch({ ...header, payloadChecksum: crc32c(PAYLOAD) }, PAYLOAD, crc32c);
}

/** A log of batches of two indexes each, of which those from `memoryFrom` on are in memory; three at a time are read ahead. */
class FakeLog {
  memoryFrom = Number.POSITIVE_INFINITY;
  /** Bytes of this log that stand together on the disk. */
  bytes = 100_000;
  /** What was asked of the disk, and not given yet. */
  fetches: { from: number; done: (batches: readonly Uint8Array[] | null) => void }[] = [];
  arrivals = 0;
  readonly batches = new CommittedBatches(this, () => void this.arrivals++);

  bytesTogether(index: number, maxBytes: number): number {
    return index >= this.memoryFrom ? 0 : Math.min(this.bytes, maxBytes);
  }
  read(from: number): readonly Uint8Array[] {
    assert.ok(from >= this.memoryFrom || this.bytes < 32_768, 'nobody waits for much of the disk');
    return [batch(from, 2), batch(from + 2, 2)];
  }
  readLater(from: number, _maxBytes: number, done: (batches: readonly Uint8Array[] | null) => void): void {
    assert.ok(from < this.memoryFrom && this.bytes >= 32_768);
    this.fetches.push({ from, done });
  }

  /** The disk gives what was asked for first. */
  give(batches?: readonly Uint8Array[] | null): void {
    const fetch = this.fetches.shift();
    assert.ok(fetch);
    const { from } = fetch;
    fetch.done(batches === undefined ? [batch(from, 2), batch(from + 2, 2), batch(from + 4, 2)] : batches);
  }

  /** Applies from an index on what is there; gives the last index, and why no more. */
  apply(from: number, commitIndex: number): [number, unknown] {
    let applied = from - 1;
    while (applied < commitIndex) {
      const next = this.batches.get(applied + 1, commitIndex);
      if (!(next instanceof Uint8Array)) return [applied, next];
      assert.equal(trustedBatchHeader(next).baseIndex, applied + 1);
      applied = batchLastIndex(trustedBatchHeader(next));
      this.batches.taken(applied + 1);
    }
    return [applied, 'all'];
  }
}

test('committed batches: on the disk → asked for once, the next ones are read while these are applied, up to what is in memory', () => {
  const log = new FakeLog();
  log.memoryFrom = 13;
  assert.deepEqual(log.apply(1, 20), [0, 'onItsWay']);
  assert.deepEqual(log.apply(1, 20), [0, 'onItsWay']);
  assert.deepEqual([log.fetches.length, log.arrivals], [1, 0]);
  log.give();
  assert.equal(log.arrivals, 1);
  assert.deepEqual(log.apply(1, 20), [6, 'onItsWay']);
  assert.deepEqual(
    log.fetches.map(({ from }) => from),
    [7],
  );
  log.give();
  assert.deepEqual(log.apply(7, 20), [20, 'all']);
  assert.deepEqual([log.fetches.length, log.arrivals], [0, 2]);
});

test('committed batches: those beyond the commit index are read too → not kept, as others may take their place', () => {
  const log = new FakeLog();
  assert.deepEqual(log.apply(1, 3), [0, 'onItsWay']);
  log.give();
  assert.deepEqual(log.apply(1, 3), [2, 'onItsWay'], 'the second one is committed in part only');
  log.give();
  // The commit index grew meanwhile: what was fetched under the old one counts by the old one.
  assert.deepEqual(log.apply(3, 6), [2, null]);
  assert.deepEqual(log.apply(3, 6), [2, 'onItsWay']);
  log.give();
  assert.deepEqual(log.apply(3, 6), [6, 'all']);
});

test('committed batches: the log changed while they were read → read anew; they cannot be read → undefined, each time', () => {
  const log = new FakeLog();
  log.apply(1, 6);
  log.give(null);
  assert.equal(log.arrivals, 1);
  assert.deepEqual(log.apply(1, 6), [0, 'onItsWay']);
  log.give([]);
  assert.deepEqual(log.apply(1, 6), [0, undefined]);
  assert.deepEqual(log.apply(1, 6), [0, 'onItsWay']);
});

test('committed batches: a snapshot takes the place of what is being read → what comes is dropped, in whatever order', () => {
  const log = new FakeLog();
  log.apply(1, 20);
  assert.deepEqual(log.apply(11, 20), [10, 'onItsWay']);
  log.give();
  assert.deepEqual([log.arrivals, log.apply(11, 20)], [0, [10, 'onItsWay']]);
  log.give();
  assert.deepEqual([log.arrivals, log.apply(11, 20)[0]], [1, 16]);
});

test('committed batches: they lie scattered among those of other groups → read at once, not one in each turn of the loop', () => {
  const log = new FakeLog();
  log.bytes = 20_000;
  assert.deepEqual(log.apply(1, 19), [18, null]);
  assert.deepEqual(log.apply(19, 20), [20, 'all']);
  assert.deepEqual([log.fetches.length, log.arrivals], [0, 0]);
});
