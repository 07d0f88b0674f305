import {
  type BatchHeader,
  type ErrorDetails,
  LIMITS,
  type LogIndex,
  type Offset,
  QuorateError,
  batchLastIndex,
  invariant,
  readU16,
} from '@quorate/base';
import { SeenTokens } from '@quorate/machine';
import {
  appendCount,
  appendEpoch,
  appendFence,
  appendFirstNumber,
  appendPayloadFault,
  isAppendResent,
  isNewerAppend,
  producerHex,
} from './append-payload.js';
import { type BatchBorder, OffsetIndex } from './offset-index.js';
import { ProducerTable, type Verdict } from './producer-table.js';
import { TokenMap } from './token-map.js';

/**
 * Why an append got no offset. `outOfOrder`: an earlier number is missing. `producerUnknown`: forgotten or never seen.
 * `producerFenced`: a higher epoch of it has appended. `appendForgotten`: these numbers were taken before, the answer is no longer known.
 * `malformedFrame`: not an append payload. `fenced`: a newer token of its lock was seen. `tooManyFences`: no room to remember its lock; these
 * two take its number.
 */
export type AppendRefusal = 'outOfOrder' | 'producerUnknown' | 'producerFenced' | 'appendForgotten' | 'malformedFrame' | FenceRefusal;
/** Refusals of a fence. */
export type FenceRefusal = 'fenced' | 'tooManyFences';

/** What applying a batch did. */
export type AppendOutcome =
  /** Its records have the offsets `offset` to `offset + count - 1`. */
  | { readonly status: 'appended'; readonly offset: Offset; readonly count: number }
  /** It was applied before: the answer it got then. */
  | { readonly status: 'duplicate'; readonly offset: Offset; readonly count: number }
  /** No record was stored and no token is taken as seen; only `fenced` and `tooManyFences` take the number of the append. */
  | { readonly status: 'refused'; readonly code: AppendRefusal; readonly message: string; readonly details: ErrorDetails }
  /** Not an append (no-op or configuration). */
  | { readonly status: 'none' };

const NONE: AppendOutcome = { status: 'none' };

/**
 * The machine over a stream's log. Its data is the log itself; its state is the next offset, the producers, the highest token seen of each lock
 * that appends were fenced with, and where offsets lie in the log.
 * Deterministic: the same batches in the same order give the same outcomes and the same `hash` on every replica.
 *
 * All of it is a function of the log from its beginning. Whoever cuts that log must keep the producers and the tokens: without them a late copy is
 * stored twice, and a late holder writes again.
 *
 * Invariants: offsets are given out in log order, without gaps; an append (producer, epoch, number) gets offsets at most once, and what became of
 * it never changes; the tokens of the stored appends of one lock never fall, in log order.
 *
 * @example
 * ```ts
 * const machine = new StreamMachine();
 * const outcome = machine.apply(header, batchPayload(batch));
 * if (outcome.status === 'appended') answer(outcome.offset);
 * ```
 */
export class StreamMachine {
  readonly #offsets = new OffsetIndex();
  readonly #producers: ProducerTable;
  readonly #tokens: SeenTokens;
  #appliedIndex: LogIndex = 0;
  #nextOffset: Offset = 0;
  #hash = 0;

  /** `producersMax`, `fencesMax`: producers and locks it remembers; must be equal on all replicas (smaller in tests). */
  constructor(options: { readonly producersMax?: number; readonly fencesMax?: number } = {}) {
    this.#producers = new ProducerTable(options.producersMax ?? LIMITS.producersPerStream);
    this.#tokens = new SeenTokens(new TokenMap(), options.fencesMax ?? LIMITS.fencesPerStream);
  }

  /** Last index applied; 0 before the first batch. */
  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }
  /** First offset that can be read. */
  get firstOffset(): Offset {
    return 0;
  }
  /** The offset the next record will get. */
  get nextOffset(): Offset {
    return this.#nextOffset;
  }
  /** Rolling hash of all that was applied and what came of it, 32 bits unsigned: equal on all replicas at an equal `appliedIndex` (T19). */
  get hash(): number {
    return this.#hash >>> 0;
  }

  /**
   * Applies the next batch of the log; a batch that does not follow `appliedIndex` breaks an invariant. `formatUnsupported` for an append of a
   * newer build: what it means is not known here, and to skip it would let the replicas differ.
   */
  apply(header: BatchHeader, payload: Uint8Array): AppendOutcome {
    invariant(header.baseIndex === this.#appliedIndex + 1, 'baseIndex = appliedIndex + 1', {
      baseIndex: header.baseIndex,
      appliedIndex: this.#appliedIndex,
    });
    const outcome = header.kind === 'commands' ? this.#append(header, payload) : NONE;
    this.#appliedIndex = batchLastIndex(header);
    this.#mix(header, outcome);
    return outcome;
  }

  /** Where to start reading for `offset`: the border of a batch at or before it. Needs `firstOffset <= offset < nextOffset`. */
  locate(offset: Offset): BatchBorder {
    const border = this.#offsets.locate(offset);
    invariant(border !== undefined && offset < this.#nextOffset, 'firstOffset <= offset < nextOffset', {
      offset,
      nextOffset: this.#nextOffset,
    });
    return border;
  }

  /** False for a batch of commands that got no offset. (No-ops and configuration batches are told by their kind.) */
  isCounted(baseIndex: LogIndex): boolean {
    return !this.#offsets.isUncounted(baseIndex);
  }

  #append(header: BatchHeader, payload: Uint8Array): AppendOutcome {
    const outcome = this.#decide(header, payload);
    if (outcome.status !== 'appended') {
      this.#offsets.addUncounted(header.baseIndex);
      return outcome;
    }
    this.#offsets.addCounted(header.baseIndex, outcome.offset, payload.length);
    this.#nextOffset += outcome.count;
    return outcome;
  }

  #decide(header: BatchHeader, payload: Uint8Array): AppendOutcome {
    // The leader checked before it proposed; checking again costs a few ns per record and means no batch can ever break the offsets.
    const fault = appendPayloadFault(payload);
    if (fault !== null && isNewerAppend(payload)) {
      throw new QuorateError('formatUnsupported', `append payload at index ${header.baseIndex}: ${fault.what} of a newer build`, {
        index: header.baseIndex,
      });
    }
    if (fault !== null)
      return {
        status: 'refused',
        code: 'malformedFrame',
        message: `append payload: ${fault.what} at byte ${fault.at}`,
        details: { ...fault },
      };
    const count = appendCount(payload);
    if (count !== header.count) {
      const message = `append payload of ${count} records in a batch of ${header.count}`;
      return { status: 'refused', code: 'malformedFrame', message, details: { at: 2, count, batchCount: header.count } };
    }
    const epoch = appendEpoch(payload);
    const firstNumber = appendFirstNumber(payload);
    const key = producerKey(payload);
    const producer = this.#producers.get(key);
    const refused = (code: AppendRefusal, why: string, details: ErrorDetails): AppendOutcome => ({
      status: 'refused',
      code,
      message: `append ${firstNumber} of producer ${producerHex(payload)}, epoch ${epoch}: ${why}`,
      details: { producer: producerHex(payload), epoch, number: firstNumber, count, ...details },
    });
    if (producer === undefined) {
      // Number 0 of an unknown producer is a first append, unless it was sent before and a producer was forgotten since: then it may be
      // the forgotten one, and taking it could double it.
      if (firstNumber > 0 || (isAppendResent(payload) && this.#producers.hasEvicted))
        return refused('producerUnknown', 'the stream does not know this producer', {});
    } else if (epoch < producer.epoch) {
      return refused('producerFenced', `epoch ${producer.epoch} has taken over`, { currentEpoch: producer.epoch });
    } else if (epoch > producer.epoch) {
      if (firstNumber > 0) return refused('outOfOrder', 'a new epoch starts at 0', { expected: 0 });
    } else if (firstNumber > producer.nextNumber) {
      return refused('outOfOrder', `expected ${producer.nextNumber}`, { expected: producer.nextNumber });
    } else if (firstNumber < producer.nextNumber) {
      const verdict = producer.appends.find(firstNumber, count);
      if (verdict === undefined) {
        return refused('appendForgotten', 'these numbers were taken, by another append or too long ago', { expected: producer.nextNumber });
      }
      this.#producers.touch(key);
      if (verdict >= 0) return { status: 'duplicate', offset: verdict, count };
      return refused(VERDICT_CODES[verdict] as FenceRefusal, 'it was refused the first time', {});
    }
    // Only now: the outcome of an append that was applied before stands, whatever token was seen since.
    const fence = appendFence(payload);
    const refusal = fence === null ? null : this.#tokens.refusalOf(fence);
    if (refusal !== null) {
      const code = refusal.code as FenceRefusal;
      this.#producers.remember(key, { epoch, firstNumber, count, verdict: VERDICTS[code] });
      return refused(code, refusal.message, refusal.details);
    }
    if (fence !== null) this.#tokens.remember(fence);
    this.#producers.remember(key, { epoch, firstNumber, count, verdict: this.#nextOffset });
    return { status: 'appended', offset: this.#nextOffset, count };
  }

  #mix(header: BatchHeader, outcome: AppendOutcome): void {
    let hash = this.#hash;
    hash = mix32(hash, header.baseIndex);
    hash = mix32(hash, Math.floor(header.baseIndex / 0x1_0000_0000));
    hash = mix32(hash, header.count);
    hash = mix32(hash, header.payloadChecksum);
    hash = mix32(hash, OUTCOMES[outcome.status]);
    if (outcome.status === 'refused') hash = mix32(hash, REFUSALS[outcome.code]);
    if ('offset' in outcome) hash = mix32(mix32(hash, outcome.offset), Math.floor(outcome.offset / 0x1_0000_0000));
    this.#hash = hash;
  }
}

const OUTCOMES = { none: 1, appended: 2, duplicate: 3, refused: 4 } as const satisfies Record<AppendOutcome['status'], number>;
const REFUSALS = {
  outOfOrder: 1,
  producerUnknown: 2,
  producerFenced: 3,
  appendForgotten: 4,
  malformedFrame: 5,
  fenced: 6,
  tooManyFences: 7,
} as const satisfies Record<AppendRefusal, number>;

const VERDICTS = { fenced: -1, tooManyFences: -2 } as const satisfies Record<FenceRefusal, Verdict>;
const VERDICT_CODES: Readonly<Record<Verdict, FenceRefusal>> = { [VERDICTS.fenced]: 'fenced', [VERDICTS.tooManyFences]: 'tooManyFences' };

// The 8 bytes of a producer id as 4 UTF-16 units: a Map key without a conversion to hexadecimal.
function producerKey(payload: Uint8Array): string {
  return String.fromCharCode(readU16(payload, 8), readU16(payload, 10), readU16(payload, 12), readU16(payload, 14));
}

/** One step of MurmurHash3 (public domain). */
function mix32(hash: number, value: number): number {
  let k = Math.imul(value | 0, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
