import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, fromUtf8, readU32, utf8, writeU32 } from '@quorate/base';
import { type ReadResult, readRecords } from '@quorate/streams';
import fc from 'fast-check';
import { LogBuilder } from './log-builder.js';

const ALL = { maxRecords: 1_000_000, maxBytes: 1_000_000, appliedIndex: Number.MAX_SAFE_INTEGER };

function values(result: ReadResult): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at < result.records.length) {
    const length = readU32(result.records, at);
    texts.push(fromUtf8(result.records.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  assert.equal(texts.length, result.count);
  return texts;
}

/** A log with no-ops, duplicates, refused appends and empty records between; its records are the numbers of their offsets. */
function mixedLog(batches: number): LogBuilder {
  const log = new LogBuilder();
  log.noop();
  let number = 0;
  for (let i = 0; i < batches; i++) {
    const count = 1 + (i % 4);
    const records = Array.from({ length: count }, (_, k) => utf8(String(number + k)));
    log.append({ number, records });
    if (i % 3 === 0) log.append({ number, records });
    if (i % 5 === 0) log.append({ number: number + 1000, records });
    if (i % 7 === 0) log.noop();
    number += count;
  }
  return log;
}

test('reading: from every offset of a log with duplicates, refused appends and no-ops → dense records to the end', () => {
  const log = mixedLog(150);
  const end = log.machine.nextOffset;
  for (let from = 0; from <= end; from++) {
    const result = readRecords(log, log.machine, { ...ALL, fromOffset: from });
    assert.deepEqual(
      values(result),
      Array.from({ length: end - from }, (_, i) => String(from + i)),
    );
    assert.equal(result.nextOffset, end);
    assert.equal(result.fromOffset, from);
  }
});

test('reading: T67: any limits in a row → the same records as at once, at least one each time', () => {
  const log = mixedLog(60);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 40 }), fc.nat(20), (maxRecords, maxBytes, from) => {
      const texts: string[] = [];
      let next = from;
      while (next < log.machine.nextOffset) {
        const result = readRecords(log, log.machine, { fromOffset: next, maxRecords, maxBytes, appliedIndex: ALL.appliedIndex });
        assert.ok(result.count >= 1 && result.count <= maxRecords);
        assert.ok(result.count === 1 || result.records.length <= maxBytes);
        texts.push(...values(result));
        next += result.count;
      }
      assert.deepEqual(
        texts,
        Array.from({ length: log.machine.nextOffset - from }, (_, i) => String(from + i)),
      );
    }),
    { numRuns: 200 },
  );
});

test('reading: applied up to some index → nothing beyond it, whole batches only', () => {
  const log = new LogBuilder();
  log.append({ number: 0, records: [utf8('a'), utf8('b')] });
  log.append({ number: 2, records: [utf8('c')] });
  assert.deepEqual(values(readRecords(log, log.machine, { ...ALL, fromOffset: 0, appliedIndex: 2 })), ['a', 'b']);
  assert.deepEqual(values(readRecords(log, log.machine, { ...ALL, fromOffset: 0, appliedIndex: 1 })), []);
  assert.deepEqual(values(readRecords(log, log.machine, { ...ALL, fromOffset: 2, appliedIndex: 2 })), []);
});

test('reading: empty records and a record longer than the byte limit → given', () => {
  const log = new LogBuilder();
  log.append({ number: 0, records: [new Uint8Array(0), utf8('x'.repeat(500)), new Uint8Array(0)] });
  const first = readRecords(log, log.machine, { ...ALL, fromOffset: 0, maxBytes: 10 });
  assert.deepEqual(values(first), ['']);
  assert.deepEqual(values(readRecords(log, log.machine, { ...ALL, fromOffset: 1, maxBytes: 10 })), ['x'.repeat(500)]);
});

test('reading: an offset before the first or after the next, or no offset → offsetOutOfRange with both borders', () => {
  const log = mixedLog(3);
  for (const fromOffset of [-1, log.machine.nextOffset + 1, 0.5, Number.NaN]) {
    assert.throws(
      () => readRecords(log, log.machine, { ...ALL, fromOffset }),
      (error) =>
        error instanceof QuorateError && error.code === 'offsetOutOfRange' && error.details['nextOffset'] === log.machine.nextOffset,
    );
  }
});

test('reading: an empty stream → an empty answer', () => {
  const log = new LogBuilder();
  log.noop();
  assert.deepEqual(readRecords(log, log.machine, { ...ALL, fromOffset: 0 }), {
    fromOffset: 0,
    count: 0,
    nextOffset: 0,
    records: new Uint8Array(0),
  });
});

test('reading: T29: storage that gives nothing, other indexes or cut records where records must be → dataDamaged, never emptiness', () => {
  const log = mixedLog(5);
  const isDamaged = (error: unknown): boolean => error instanceof QuorateError && error.code === 'dataDamaged';
  assert.throws(() => readRecords({ read: () => [] }, log.machine, { ...ALL, fromOffset: 0 }), isDamaged);
  assert.throws(() => readRecords({ read: () => log.batches.slice(2) }, log.machine, { ...ALL, fromOffset: 0 }), isDamaged);
  const broken = log.batches.map((batch) => batch.slice());
  const first = broken.find((batch) => batch.length > 52 + 24);
  assert.ok(first);
  writeU32(first, 52 + 24, 0xffff_fff0);
  assert.throws(
    () => readRecords({ read: (index) => (index === 2 ? broken.slice(1) : []) }, log.machine, { ...ALL, fromOffset: 0 }),
    isDamaged,
  );
});

test('reading: the answer shares no memory with the log', () => {
  const log = new LogBuilder();
  log.append({ number: 0, records: [utf8('a')] });
  const result = readRecords(log, log.machine, { ...ALL, fromOffset: 0 });
  (log.batches[0] as Uint8Array).fill(0);
  assert.deepEqual(values(result), ['a']);
});
