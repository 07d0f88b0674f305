import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, QuorateError, batchPayload, trustedBatchHeader, utf8 } from '@quorate/base';
import { type AppendOutcome, StreamMachine } from '@quorate/streams';
import fc from 'fast-check';
import { LogBuilder, producerId } from './log-builder.js';

const r = (...texts: string[]): Uint8Array[] => texts.map((text) => utf8(text));
const appended = (offset: number, count: number): AppendOutcome => ({ status: 'appended', offset, count });
const duplicate = (offset: number, count: number): AppendOutcome => ({ status: 'duplicate', offset, count });

function refusal(outcome: AppendOutcome): string {
  assert.equal(outcome.status, 'refused', JSON.stringify(outcome));
  return outcome.status === 'refused' ? outcome.code : '';
}

test('stream machine: appends among no-ops and configuration → dense offsets only for records', () => {
  const log = new LogBuilder();
  assert.deepEqual(log.noop(), { status: 'none' });
  assert.deepEqual(log.append({ number: 0, records: r('a', 'b') }), appended(0, 2));
  assert.deepEqual(log.add('configuration', utf8('x'), 1), { status: 'none' });
  assert.deepEqual(log.append({ producer: 2, number: 0, records: r('c') }), appended(2, 1));
  assert.deepEqual(log.append({ number: 2, records: r('d') }), appended(3, 1));
  assert.equal(log.machine.nextOffset, 4);
  assert.equal(log.machine.firstOffset, 0);
  assert.equal(log.machine.appliedIndex, 6);
});

test('T62: a resend of each remembered append → the answer it got the first time, and no new offset', () => {
  const log = new LogBuilder();
  for (let i = 0; i < LIMITS.appendsPerProducer; i++) log.append({ number: i * 2, records: r(`a${i}`, `b${i}`) });
  for (let i = 0; i < LIMITS.appendsPerProducer; i++) {
    assert.deepEqual(log.append({ number: i * 2, records: r(`a${i}`, `b${i}`), isResent: i % 2 === 0 }), duplicate(i * 2, 2));
  }
  assert.equal(log.machine.nextOffset, LIMITS.appendsPerProducer * 2);
});

test('T62: a resend of an append too long ago → appendForgotten (unknown), never a duplicate', () => {
  const log = new LogBuilder();
  for (let i = 0; i <= LIMITS.appendsPerProducer; i++) log.append({ number: i, records: r('x') });
  assert.equal(refusal(log.append({ number: 0, records: r('x') })), 'appendForgotten');
  assert.equal(new QuorateError('appendForgotten', '').retry, 'unknown');
  assert.deepEqual(log.append({ number: 1, records: r('x') }), duplicate(1, 1));
  assert.equal(log.machine.nextOffset, LIMITS.appendsPerProducer + 1);
});

test('T62: a resend with other borders → refused; a gap → outOfOrder with the number expected', () => {
  const log = new LogBuilder();
  log.append({ number: 0, records: r('a', 'b', 'c') });
  assert.equal(refusal(log.append({ number: 0, records: r('a', 'b') })), 'appendForgotten');
  assert.equal(refusal(log.append({ number: 1, records: r('b', 'c') })), 'appendForgotten');
  assert.equal(refusal(log.append({ number: 2, records: r('c', 'd') })), 'appendForgotten');
  const gap = log.append({ number: 4, records: r('e') });
  assert.equal(refusal(gap), 'outOfOrder');
  assert.ok(gap.status === 'refused' && gap.details['expected'] === 3);
  assert.deepEqual(log.append({ number: 3, records: r('d') }), appended(3, 1));
});

test('T62: a producer evicted after 3 others were active → producerUnknown, also for a resend of its number 0', () => {
  const log = new LogBuilder({ producersMax: 3 });
  log.append({ producer: 1, number: 0, records: r('a') });
  for (const producer of [2, 3]) log.append({ producer, number: 0, records: r('x') });
  // A resend counts as activity: now 2 is the oldest.
  log.append({ producer: 1, number: 0, records: r('a') });
  log.append({ producer: 4, number: 0, records: r('y') });
  assert.equal(refusal(log.append({ producer: 2, number: 1, records: r('z') })), 'producerUnknown');
  assert.equal(refusal(log.append({ producer: 2, number: 0, records: r('x'), isResent: true })), 'producerUnknown');
  assert.deepEqual(log.append({ producer: 1, number: 0, records: r('a') }), duplicate(0, 1));
  assert.equal(log.machine.nextOffset, 4);
  assert.equal(new QuorateError('producerUnknown', '').retry, 'unknown');
});

test('stream machine: number 0 of a new producer sent again before anyone was evicted → appended', () => {
  const log = new LogBuilder();
  assert.deepEqual(log.append({ number: 0, records: r('a'), isResent: true }), appended(0, 1));
});

test('T63: a higher epoch → starts at 0 and fences the lower one for good', () => {
  const log = new LogBuilder();
  log.append({ number: 0, records: r('a') });
  assert.equal(refusal(log.append({ epoch: 1, number: 1, records: r('b') })), 'outOfOrder');
  assert.deepEqual(log.append({ epoch: 1, number: 0, records: r('b') }), appended(1, 1));
  assert.equal(refusal(log.append({ epoch: 0, number: 1, records: r('late') })), 'producerFenced');
  assert.equal(refusal(log.append({ epoch: 0, number: 0, records: r('a') })), 'producerFenced');
  assert.deepEqual(log.append({ epoch: 1, number: 0, records: r('b') }), duplicate(1, 1));
  assert.equal(log.machine.nextOffset, 2);
});

test('stream machine: a batch of commands that is no append payload, or of another count → refused, nothing changes', () => {
  const log = new LogBuilder();
  assert.equal(refusal(log.add('commands', utf8('nonsense'), 1)), 'malformedFrame');
  const other = new LogBuilder();
  other.append({ number: 0, records: r('a', 'b') });
  assert.equal(refusal(log.add('commands', batchPayload(other.batches[0] ?? new Uint8Array(0)), 3)), 'malformedFrame');
  assert.equal(log.machine.nextOffset, 0);
  assert.equal(log.machine.isCounted(1), false);
});

test('stream machine: a batch that does not follow the last → invariantBroken', () => {
  const log = new LogBuilder();
  log.noop();
  log.noop();
  const machine = new StreamMachine();
  const second = log.batches[1] ?? new Uint8Array(0);
  assert.throws(
    () => machine.apply(trustedBatchHeader(second), batchPayload(second)),
    (error) => error instanceof QuorateError && error.code === 'invariantBroken',
  );
});

test('stream machine: 300 appends → every offset is located at or before it, within the sparse step', () => {
  const log = new LogBuilder();
  const starts: { offset: number; index: number }[] = [];
  let number = 0;
  for (let i = 0; i < 300; i++) {
    if (i % 7 === 0) log.noop();
    starts.push({ offset: log.machine.nextOffset, index: log.nextIndex });
    const records = Array.from({ length: 1 + (i % 3) }, () => utf8('record'));
    log.append({ number, records });
    number += records.length;
  }
  for (let offset = 0; offset < log.machine.nextOffset; offset++) {
    const border = log.machine.locate(offset);
    assert.ok(border.offset <= offset);
    const at = starts.findIndex((start) => start.index === border.index && start.offset === border.offset);
    assert.ok(at >= 0, 'a border is the start of a counted batch');
    const holder = starts.findLastIndex((start) => start.offset <= offset);
    assert.ok(holder - at < 64);
  }
  assert.throws(() => log.machine.locate(log.machine.nextOffset));
});

interface Step {
  producer: number;
  epoch: number;
  number: number;
  count: number;
  isNoop: boolean;
}

/** Deliberately simple: remembers everything for ever, one entry per record. */
class Model {
  readonly records: string[] = [];
  readonly #taken = new Map<string, number>();
  readonly #epochs = new Map<number, number>();

  apply(step: Step): string {
    if (step.isNoop) return 'none';
    const epoch = this.#epochs.get(step.producer);
    const key = (number: number): string => `${step.producer}/${step.epoch}/${number}`;
    const borders = (number: number): string => `${key(number)}#${step.count}`;
    if (epoch === undefined && step.number > 0) return 'producerUnknown';
    if (epoch !== undefined && step.epoch < epoch) return 'producerFenced';
    if (this.#taken.has(key(step.number))) {
      const offset = this.#taken.get(borders(step.number));
      return offset === undefined ? 'appendForgotten' : `duplicate ${offset}`;
    }
    if (step.number > 0 && !this.#taken.has(key(step.number - 1))) return 'outOfOrder';
    const offset = this.records.length;
    this.#epochs.set(step.producer, step.epoch);
    this.#taken.set(borders(step.number), offset);
    for (let i = 0; i < step.count; i++) {
      this.#taken.set(key(step.number + i), offset + i);
      this.records.push(key(step.number + i));
    }
    return `appended ${offset}`;
  }
}

const steps = fc.array(
  fc.record({
    producer: fc.integer({ min: 1, max: 3 }),
    epoch: fc.nat(2),
    number: fc.nat(9),
    count: fc.integer({ min: 1, max: 3 }),
    isNoop: fc.boolean(),
  }),
  { maxLength: 60, size: 'max' },
);

function show(outcome: AppendOutcome): string {
  if (outcome.status === 'none') return 'none';
  return outcome.status === 'refused' ? outcome.code : `${outcome.status} ${outcome.offset}`;
}

function run(sequence: readonly Step[]): { log: LogBuilder; outcomes: string[] } {
  const log = new LogBuilder();
  const outcomes = sequence.map((step) => {
    if (step.isNoop) return show(log.noop());
    const records = Array.from({ length: step.count }, (_, i) => utf8(`${step.producer}/${step.epoch}/${step.number + i}`));
    return show(log.append({ ...step, records }));
  });
  return { log, outcomes };
}

test('stream machine: any sequence of appends, resends, gaps and epochs → the outcomes of a simple model', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const model = new Model();
      const { log, outcomes } = run(sequence);
      assert.deepEqual(
        outcomes,
        sequence.map((step) => model.apply(step)),
      );
      assert.equal(log.machine.nextOffset, model.records.length);
    }),
    { numRuns: 1000 },
  );
});

test('stream machine: T76: the same batches on two replicas → equal hash at each index; one batch changed → another hash', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const { log } = run(sequence);
      const replica = new StreamMachine();
      for (const batch of log.batches) replica.apply(trustedBatchHeader(batch), batchPayload(batch));
      assert.equal(replica.hash, log.machine.hash);
      const changed = log.batches.findIndex((batch) => trustedBatchHeader(batch).kind === 'commands');
      if (changed < 0) return;
      const diverged = new StreamMachine();
      log.batches.forEach((batch, i) => {
        const header = trustedBatchHeader(batch);
        diverged.apply(i === changed ? { ...header, payloadChecksum: header.payloadChecksum ^ 1 } : header, batchPayload(batch));
      });
      assert.notEqual(diverged.hash, log.machine.hash);
    }),
    { numRuns: 200 },
  );
});

test('stream machine: twice as many producers as it may remember → it remembers the most recent ones', () => {
  const log = new LogBuilder({ producersMax: 100 });
  for (let producer = 1; producer <= 200; producer++) log.append({ producer, number: 0, records: r('x') });
  assert.equal(refusal(log.append({ producer: 100, number: 1, records: r('y') })), 'producerUnknown');
  assert.equal(log.append({ producer: 101, number: 1, records: r('y') }).status, 'appended');
  assert.equal(producerId(101).length, 16);
});
