import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, LIMITS, QuorateError, batchPayload, groupId, trustedBatchHeader, utf8, writeU32, writeU64 } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import {
  APPEND_HEADER_BYTES,
  type AppendOutcome,
  FENCED_HEADER_BYTES,
  StreamMachine,
  checkAppendPayload,
  encodeAppendPayload,
  isNewerAppend,
  markResent,
  moveAppend,
  readRecords,
} from '@quorate/streams';
import { LogBuilder } from './log-builder.js';

const LOCK = 5;
/** What the build before fences gave for the log of that test. */
const HASH_BEFORE_FENCES = 3_657_409_846;
const POSITION = { producer: '0123456789abcdef', epoch: 3, firstNumber: 7 };
const r = (...texts: string[]): Uint8Array[] => texts.map((text) => utf8(text));

/** The fence of token `index` of a lock, in the first epoch unless another is given. */
function of(index: number, resource = LOCK, epoch = 1, group = 1): Fence {
  return { group: groupId(group), resource, token: { epoch, index } };
}

function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === expected;
}

/** What became of an append, in short: `0` (its offset), `=0` (that it had before), or the code of its refusal. */
function short(outcome: AppendOutcome): string {
  if (outcome.status === 'none') return 'none';
  if (outcome.status === 'refused') return outcome.code;
  return `${outcome.status === 'duplicate' ? '=' : ''}${outcome.offset}`;
}

/** Appends of producers that number by themselves. */
class Writers {
  readonly log: LogBuilder;
  readonly #next = new Map<number, number>();

  constructor(options: { fencesMax?: number; producersMax?: number } = {}) {
    this.log = new LogBuilder(options);
  }

  /** The next append of a producer, of one record. */
  append(producer: number, fence: Fence | null): string {
    const number = this.#next.get(producer) ?? 0;
    this.#next.set(producer, number + 1);
    return this.again(producer, number, fence);
  }

  again(producer: number, number: number, fence: Fence | null): string {
    return short(this.log.append({ producer, number, records: r(`${producer}/${number}`), fence }));
  }
}

test('fenced append: encoded → its fence and records check out; marked and moved → both stay; without a fence the bytes are those of version 1', () => {
  const fence = of(2 ** 53 - 1, 2 ** 40, 0xffff_ffff, 0xffff);
  const payload = encodeAppendPayload({ ...POSITION, records: r('a', 'bc'), fence });
  assert.equal(payload[0], 2);
  assert.equal(payload.length, FENCED_HEADER_BYTES + 4 + 1 + 4 + 2);
  assert.deepEqual(checkAppendPayload(payload), { ...POSITION, count: 2, isResent: false, fence });
  const to = { producer: 'ffffffffffffffff', epoch: 4, firstNumber: 0 };
  assert.deepEqual(checkAppendPayload(moveAppend(markResent(payload), to)), { ...to, count: 2, isResent: false, fence });
  const plain = encodeAppendPayload({ ...POSITION, records: r('a', 'bc') });
  assert.equal(plain[0], 1);
  assert.deepEqual(plain.subarray(APPEND_HEADER_BYTES), payload.subarray(FENCED_HEADER_BYTES));
  assert.deepEqual(plain.subarray(1, APPEND_HEADER_BYTES), payload.subarray(1, APPEND_HEADER_BYTES));
});

test('fenced append: T16: as many bytes as a batch holds → one payload; one more → invalidArgument', () => {
  const rest = LIMITS.batchPayloadBytesMax - FENCED_HEADER_BYTES - 8 - LIMITS.recordBytesMax;
  const records = (last: number): Uint8Array[] => [new Uint8Array(LIMITS.recordBytesMax), new Uint8Array(last)];
  const payload = encodeAppendPayload({ ...POSITION, records: records(rest), fence: of(1) });
  assert.equal(payload.length, LIMITS.batchPayloadBytesMax);
  assert.equal(checkAppendPayload(payload).count, 2);
  assert.throws(() => encodeAppendPayload({ ...POSITION, records: records(rest + 1), fence: of(1) }), code('invalidArgument'));
});

test('fenced append: something that no lock or election gives → invalidArgument with the path', () => {
  const good = of(9);
  const bad: [unknown, string][] = [
    ['1.9', 'fence'],
    [7, 'fence'],
    [{ group: 1, resource: LOCK }, 'fence.token'],
    [{ ...good, token: '1.9' }, 'fence.token'],
    [{ ...good, token: { epoch: 1 } }, 'fence.token.index'],
    [{ ...good, token: { epoch: 0, index: 9 } }, 'fence.token.epoch'],
    [{ ...good, token: { epoch: 1, index: 0 } }, 'fence.token.index'],
    [{ ...good, token: { epoch: 1, index: 2 ** 53 } }, 'fence.token.index'],
    [{ ...good, token: { epoch: 2 ** 32, index: 9 } }, 'fence.token.epoch'],
    [{ ...good, resource: 'lock' }, 'fence.resource'],
    [{ ...good, resource: 0 }, 'fence.resource'],
    [{ ...good, resource: -1 }, 'fence.resource'],
    [{ ...good, group: 0 }, 'fence.group'],
    [{ ...good, group: 1.5 }, 'fence.group'],
    [{}, 'fence.group'],
  ];
  for (const [fence, path] of bad) {
    assert.throws(
      () => encodeAppendPayload({ ...POSITION, records: r('a'), fence: fence as Fence }),
      (error) => code('invalidArgument')(error) && (error as QuorateError).details['path'] === path,
      JSON.stringify(fence),
    );
  }
});

test('fenced append: T80: every field of the fence made hostile, or cut anywhere → malformedFrame, never a crash', () => {
  const good = encodeAppendPayload({ ...POSITION, records: r('abc'), fence: of(9) });
  const hostile: [string, (bytes: Uint8Array) => void][] = [
    ['group 0', (b) => writeU32(b, 24, 0)],
    ['resource 0', (b) => writeU64(b, 28, 0)],
    ['resource beyond 2^53', (b) => writeU32(b, 32, 0xffff_ffff)],
    ['epoch 0', (b) => writeU32(b, 36, 0)],
    ['index 0', (b) => writeU64(b, 40, 0)],
    ['index beyond 2^53', (b) => writeU32(b, 44, 0xffff_ffff)],
    ['length one too many', (b) => writeU32(b, 48, 4)],
  ];
  for (const [what, change] of hostile) {
    const bytes = good.slice();
    change(bytes);
    assert.throws(() => checkAppendPayload(bytes), code('malformedFrame'), what);
    assert.equal(short(new LogBuilder().add('commands', bytes, 1)), 'malformedFrame', what);
  }
  for (let length = 0; length < good.length; length++)
    assert.throws(() => checkAppendPayload(good.slice(0, length)), code('malformedFrame'), `cut at ${length}`);
});

test('stream fences: rule 21: the last holder writes until the first append of the next, then never → fenced (never); equal and higher tokens pass', () => {
  const writers = new Writers();
  const fences = [of(10), of(10), of(20), of(10), of(20), of(19), of(21), of(20), of(1, LOCK, 2), of(99)];
  assert.deepEqual(
    fences.map((fence) => writers.append(fence.token.index, fence)),
    ['0', '1', '2', 'fenced', '3', 'fenced', '4', 'fenced', '5', 'fenced'],
  );
  assert.equal(new QuorateError('fenced', '').retry, 'never');
  const late = writers.log.append({ producer: 77, number: 0, records: r('x'), fence: of(7) });
  assert.deepEqual(late.status === 'refused' && [late.details['seenEpoch'], late.details['seenIndex'], late.details['resource']], [
    2,
    1,
    LOCK,
  ]);
});

test('stream fences: other locks, locks of other groups, and appends without a fence → not touched by it', () => {
  const writers = new Writers();
  assert.equal(writers.append(1, of(100)), '0');
  assert.deepEqual([writers.append(2, of(1, 6)), writers.append(3, of(1, LOCK, 1, 2)), writers.append(4, null)], ['1', '2', '3']);
  assert.deepEqual([writers.append(2, of(99)), writers.append(4, null)], ['fenced', '4']);
});

test('stream fences: T62: copies of an append that was stored, after a newer token was seen → the old answer', () => {
  const writers = new Writers();
  assert.deepEqual([writers.append(1, of(10)), writers.append(1, of(10)), writers.append(2, of(20))], ['0', '1', '2']);
  assert.deepEqual([writers.again(1, 0, of(10)), writers.again(1, 1, of(10))], ['=0', '=1']);
  assert.equal(writers.append(1, of(10)), 'fenced');
  assert.equal(writers.log.machine.nextOffset, 3);
});

test('stream fences: T62: a refused append takes its number → its copies are refused the same, the producer goes on, nothing of it is stored', () => {
  const writers = new Writers();
  writers.append(2, of(20));
  assert.equal(writers.append(1, of(10)), 'fenced');
  assert.deepEqual([writers.append(1, null), writers.append(1, of(20)), writers.append(1, of(30))], ['1', '2', '3']);
  assert.equal(writers.again(1, 0, of(10)), 'fenced');
  assert.deepEqual([writers.again(1, 1, null), writers.again(1, 3, of(30))], ['=1', '=3']);
  assert.equal(writers.again(1, 0, of(99)), 'fenced', 'the number is what counts, not what a copy says');
  const { records } = readRecords(writers.log, writers.log.machine, {
    fromOffset: 0,
    maxRecords: 100,
    maxBytes: 10_000,
    appliedIndex: writers.log.nextIndex,
  });
  assert.deepEqual(
    Buffer.from(records)
      .toString()
      .match(/\d\/\d/g),
    ['2/0', '1/1', '1/2', '1/3'],
  );
});

test('stream fences: refused for another reason (gap, fenced producer) → its token does not count as seen', () => {
  const writers = new Writers();
  writers.append(1, of(10));
  assert.equal(writers.again(1, 5, of(50)), 'outOfOrder');
  assert.equal(short(writers.log.append({ producer: 3, number: 4, records: r('x'), fence: of(50) })), 'producerUnknown');
  assert.equal(writers.append(2, of(11)), '1');
});

test('stream fences: a refused append of a new epoch → the epoch has taken over all the same, the number 0 is taken', () => {
  const { log } = new Writers();
  const append = (epoch: number, number: number, fence: Fence | null): string =>
    short(log.append({ epoch, number, records: r('x'), fence }));
  assert.deepEqual(
    [append(0, 0, of(20)), append(1, 0, of(10)), append(0, 1, null), append(1, 1, null)],
    ['0', 'fenced', 'producerFenced', '1'],
  );
  assert.equal(append(1, 0, of(10)), 'fenced');
});

test('stream fences: T71: more locks than can be remembered → tooManyFences (never), nothing stored, none forgotten; those known still work', () => {
  const writers = new Writers({ fencesMax: 2 });
  assert.deepEqual([writers.append(1, of(10, 6)), writers.append(1, of(10, 7))], ['0', '1']);
  assert.deepEqual([writers.append(1, of(10, 8)), writers.append(2, of(10, 8))], ['tooManyFences', 'tooManyFences']);
  assert.equal(writers.again(1, 2, of(10, 8)), 'tooManyFences');
  assert.deepEqual([writers.append(1, of(9, 6)), writers.append(1, of(9, 7)), writers.append(1, of(11, 6))], ['fenced', 'fenced', '2']);
  assert.equal(writers.append(1, null), '3');
  assert.equal(new QuorateError('tooManyFences', '').retry, 'never');
});

test('stream fences: 5,000 locks, all of them used once → each is remembered, the first like the last', () => {
  const writers = new Writers();
  for (let lock = 1; lock <= 5000; lock++) writers.append(1, of(10, lock));
  assert.deepEqual(
    [1, 2, 2500, 5000].map((lock) => writers.append(2, of(9, lock))),
    ['fenced', 'fenced', 'fenced', 'fenced'],
  );
});

test('stream fences: T76: a replica that applies the log from the beginning → the same hash, and it refuses the same', () => {
  const writers = new Writers();
  writers.append(1, of(10));
  writers.append(2, of(20));
  writers.append(1, of(10));
  const { log } = writers;
  const late = encodeAppendPayload({ producer: '00000000000000ff', epoch: 0, firstNumber: 0, records: r('late'), fence: of(19) });
  const outcome = log.add('commands', late, 1);
  const replica = new StreamMachine();
  const outcomes = log.batches.map((batch) => replica.apply(trustedBatchHeader(batch), batchPayload(batch)));
  assert.deepEqual(outcomes.map(short), ['0', '1', 'fenced', 'fenced']);
  assert.deepEqual(outcomes.at(-1), outcome);
  assert.equal(replica.hash, log.machine.hash);
});

test('stream fences: T76: refused by one replica and stored by another → other hashes; another token in the payload → other hashes', () => {
  const hashOf = (first: Fence, second: Fence): number => {
    const writers = new Writers();
    writers.append(1, first);
    writers.append(2, second);
    return writers.log.machine.hash;
  };
  const hashes = [hashOf(of(20), of(10)), hashOf(of(20), of(20)), hashOf(of(21), of(20)), hashOf(of(20), of(20, 6))];
  assert.equal(new Set(hashes).size, hashes.length);
});

test('stream machine: a log of before fences → the same hash as it had then', () => {
  const log = new LogBuilder();
  log.noop();
  log.append({ number: 0, records: r('a', 'b') });
  log.append({ number: 0, records: r('a', 'b'), isResent: true });
  log.append({ number: 9, records: r('c') });
  log.append({ producer: 2, epoch: 1, number: 0, records: r('d') });
  log.append({ producer: 2, epoch: 0, number: 1, records: r('e') });
  assert.equal(log.machine.hash, HASH_BEFORE_FENCES);
});

test('stream machine: an append of a newer build in the log → formatUnsupported, nothing is applied: never skipped as if it were refused', () => {
  for (const [at, value] of [
    [0, 3],
    [1, 2],
  ] as const) {
    const { log } = new Writers();
    const payload = encodeAppendPayload({ ...POSITION, firstNumber: 0, records: r('a') });
    payload[at] = value;
    assert.ok(isNewerAppend(payload));
    assert.throws(() => log.add('commands', payload, 1), code('formatUnsupported'));
    assert.deepEqual([log.machine.appliedIndex, log.machine.hash], [0, 0]);
  }
});
