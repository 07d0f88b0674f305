import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchPayload, fromUtf8, groupId, readU32, trustedBatchHeader, utf8 } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { type AppendOutcome, StreamMachine, readRecords } from '@quorate/streams';
import fc from 'fast-check';
import { LogBuilder } from './log-builder.js';

const FENCES_MAX = 2;

/** One arrival at the stream: the next append of a producer, or a copy of an earlier one. */
interface Step {
  readonly producer: number;
  /** 0: the next number; otherwise a copy of the append so many before. */
  readonly back: number;
  readonly isNewEpoch: boolean;
  readonly count: number;
  /** Null: no fence. */
  readonly fence: { readonly lock: number; readonly epoch: number; readonly index: number } | null;
}

interface Sent {
  readonly epoch: number;
  readonly number: number;
  readonly count: number;
  readonly fence: Step['fence'];
}

/** What producers send: numbered by the rules, so that only fences refuse. Copies are exactly what was sent before. */
class Senders {
  readonly #sent = new Map<number, Sent[]>();

  next(step: Step): Sent {
    const sent = this.#sent.get(step.producer) ?? [];
    this.#sent.set(step.producer, sent);
    const copy = step.back > 0 ? sent.at(-step.back) : undefined;
    if (copy !== undefined) return copy;
    const last = sent.at(-1);
    const { count, fence } = step;
    const next =
      last === undefined
        ? { epoch: 0, number: 0, count, fence }
        : step.isNewEpoch
          ? { epoch: last.epoch + 1, number: 0, count, fence }
          : { epoch: last.epoch, number: last.number + last.count, count, fence };
    sent.push(next);
    return next;
  }
}

/** Deliberately simple: all it has ever seen in lists that are searched from end to end. */
class Model {
  readonly records: string[] = [];
  /** Tokens that records were stored under. */
  readonly #used: { lock: number; epoch: number; index: number }[] = [];
  readonly #outcomes: { producer: number; sent: Sent; outcome: string }[] = [];

  apply(producer: number, sent: Sent): string {
    const first = this.#outcomes.find((known) => known.producer === producer && known.sent === sent);
    if (this.#outcomes.some((known) => known.producer === producer && known.sent.epoch > sent.epoch)) return 'producerFenced';
    if (first !== undefined) return first.outcome.replace(/^stored/, 'duplicate');
    const outcome = this.#refusal(sent) ?? `stored ${this.records.length}`;
    this.#outcomes.push({ producer, sent, outcome });
    if (!outcome.startsWith('stored')) return outcome;
    if (sent.fence !== null) this.#used.push(sent.fence);
    for (let i = 0; i < sent.count; i++) this.records.push(textOf(producer, sent, i));
    return outcome;
  }

  #refusal({ fence }: Sent): string | null {
    if (fence === null) return null;
    const ofLock = this.#used.filter(({ lock }) => lock === fence.lock);
    if (ofLock.some(({ epoch, index }) => epoch > fence.epoch || (epoch === fence.epoch && index > fence.index))) return 'fenced';
    return ofLock.length === 0 && new Set(this.#used.map(({ lock }) => lock)).size === FENCES_MAX ? 'tooManyFences' : null;
  }
}

const textOf = (producer: number, { epoch, number }: Sent, i: number): string => `${producer}/${epoch}/${number + i}`;

function show(outcome: AppendOutcome): string {
  if (outcome.status === 'none') return 'none';
  if (outcome.status === 'refused') return outcome.code;
  return `${outcome.status === 'appended' ? 'stored' : 'duplicate'} ${outcome.offset}`;
}

const fences = fc.record({
  lock: fc.integer({ min: 1, max: 3 }),
  epoch: fc.integer({ min: 1, max: 2 }),
  index: fc.integer({ min: 1, max: 4 }),
});
const steps = fc.array(
  fc.record({
    producer: fc.integer({ min: 1, max: 3 }),
    back: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: 1, max: 5 }) }),
    isNewEpoch: fc.integer({ min: 0, max: 9 }).map((one) => one === 0),
    count: fc.integer({ min: 1, max: 3 }),
    fence: fc.option(fences, { freq: 5 }),
  }),
  { maxLength: 50, size: 'max' },
);

function readTexts(log: LogBuilder): string[] {
  const limits = { fromOffset: 0, maxRecords: 10_000, maxBytes: 1_000_000, appliedIndex: log.nextIndex };
  const { records } = readRecords(log, log.machine, limits);
  const texts: string[] = [];
  for (let at = 0; at < records.length; at += 4 + readU32(records, at)) {
    texts.push(fromUtf8(records.subarray(at + 4, at + 4 + readU32(records, at))));
  }
  return texts;
}

test('stream fences: T62, rule 21: any appends of any holders with copies and new epochs → the outcomes and records of a plain model, on each replica', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const log = new LogBuilder({ fencesMax: FENCES_MAX });
      const replica = new StreamMachine({ fencesMax: FENCES_MAX });
      const senders = new Senders();
      const model = new Model();
      for (const step of sequence) {
        const sent = senders.next(step);
        const { fence, epoch, number, count } = sent;
        const given: Fence | null =
          fence === null ? null : { group: groupId(1), resource: fence.lock, token: { epoch: fence.epoch, index: fence.index } };
        const records = Array.from({ length: count }, (_, i) => utf8(textOf(step.producer, sent, i)));
        const outcome = log.append({ producer: step.producer, epoch, number, records, fence: given });
        assert.equal(show(outcome), model.apply(step.producer, sent));
        const batch = log.batches.at(-1) as Uint8Array;
        assert.deepEqual(replica.apply(trustedBatchHeader(batch), batchPayload(batch)), outcome);
        assert.equal(replica.hash, log.machine.hash);
      }
      assert.deepEqual(readTexts(log), model.records);
    }),
    { numRuns: 2000 },
  );
});
