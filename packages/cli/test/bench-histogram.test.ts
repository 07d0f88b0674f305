import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Histogram, callsOf, histogramText, spreadOf } from '@quorate/cli/bench';
import fc from 'fast-check';

/** Smallest of the values that at least `part` of all stay within. */
function exactPercentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(part * sorted.length)) - 1] as number;
}

const PARTS = [0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1];
/** From nothing to weeks, evenly over all magnitudes. */
const DURATIONS = fc.array(
  fc.oneof(
    fc.double({ min: -5, max: 9, noNaN: true }).map((exponent) => 10 ** exponent),
    fc.constantFrom(0, 0.0255, 0.0256, 0.0257, 1, 1024, 2 ** 20),
  ),
  { minLength: 1, maxLength: 300 },
);

test('histogram: any durations → each percentile at least the exact one and at most 1/128 and a tenth of a µs above; maximum and mean exact', () => {
  fc.assert(
    fc.property(DURATIONS, (values) => {
      const histogram = new Histogram();
      for (const value of values) histogram.add(value);
      for (const part of PARTS) {
        const exact = exactPercentile(values, part);
        const told = histogram.percentile(part);
        assert.ok(told <= histogram.maxMs, `${part}: ${told} is above the maximum`);
        assert.ok(told >= exact && told <= exact * (1 + 1 / 128) + 0.0001001, `${part}: ${told} for ${exact}`);
      }
      assert.equal(histogram.maxMs, Math.max(...values));
      assert.equal(histogram.count, values.length);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      assert.ok(Math.abs(histogram.meanMs - mean) <= mean * 1e-9);
    }),
  );
});

test('histogram: parts counted apart and merged → the same as counted together', () => {
  fc.assert(
    fc.property(DURATIONS, DURATIONS, (left, right) => {
      const whole = new Histogram();
      const merged = new Histogram();
      for (const values of [left, right]) {
        const own = new Histogram();
        for (const value of values) own.add(value);
        for (const value of values) whole.add(value);
        merged.merge(JSON.parse(JSON.stringify(own.counts)) as typeof own.counts);
      }
      assert.deepEqual(merged.counts.counts, whole.counts.counts);
      assert.deepEqual([merged.count, merged.maxMs, merged.rows()], [whole.count, whole.maxMs, whole.rows()]);
    }),
  );
});

test('histogram: nothing counted → zeros and no rows; far beyond its range → the maximum is told, nothing is lost', () => {
  const empty = new Histogram();
  assert.deepEqual([empty.count, empty.percentile(0.5), empty.maxMs, empty.meanMs, empty.rows()], [0, 0, 0, 0, []]);
  const long = new Histogram();
  long.add(1e15);
  assert.equal(long.count, 1);
  assert.equal(long.maxMs, 1e15);
  assert.equal(long.rows().length, 1);
});

test('histogram: as text → a row for each power of two between the first and the last, empty ones too, longest bar for most', () => {
  const histogram = new Histogram();
  for (const ms of [1, 1, 1, 1, 8]) histogram.add(ms);
  const lines = histogramText(histogram.rows());
  assert.equal(lines.length, 4);
  assert.deepEqual(
    lines.map((line) => Number(/(\d+)$/.exec(line)?.[1])),
    [4, 0, 0, 1],
  );
  assert.equal(/#+/.exec(lines[0] as string)?.[0].length, 40);
  assert.equal(/#+/.exec(lines[3] as string)?.[0].length, 10);
});

test('spread: odd, even and unknown values → least, median, greatest; null where one is unknown', () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { min: 1, median: 2, max: 3 });
  assert.deepEqual(spreadOf([4, 1, 2, 3]), { min: 1, median: 2.5, max: 4 });
  assert.equal(spreadOf([1, null]), null);
  assert.equal(spreadOf([]), null);
});

test('system calls: the table of strace → the sum without its total; a refusal → its reason', () => {
  const text =
    'strace: Process 7 attached\n    calls syscall\n--------- ----------------\n      120 read\n       30 fdatasync\n--------- ----------------\n      150 total\n';
  assert.deepEqual(callsOf(text), { calls: 150 });
  const refused = 'strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted\n';
  assert.deepEqual(callsOf(refused), { reason: refused.trim() });
});
