import { FlightLimit, type FlightLimitOptions, LIMITS, type Offset, type QuorateError, type Random, randomHex16 } from '@quorate/base';
import type { AppendPosition } from '@quorate/streams';
import { AppendBatch } from './append-batch.js';
import type { AppendCall, AppendPart } from './append-call.js';
import { isTooLate } from './shared-flight.js';

/** Bytes of payloads that are on their way at a time, at most; at least one payload. */
const FLIGHT_BYTES = 8_388_608;
/** When answers are late: four times that at most is half of what an answer is waited for at the longest (`STALL_MAX_MS`). */
const APPEND_FLIGHT: FlightLimitOptions = { slowMs: 400, leastPart: 1 / 1024, isAlone: false };
/** A payload is no more than such a part of what may be on its way; where that is little, so many bytes. */
const PAYLOAD_PARTS = 4;
const PAYLOAD_BYTES_LEAST = 16_384;

/**
 * The payloads of one producer that have numbers and are not all decided (stored, or refused by the stream for good), oldest first, and which of them were sent in the present generation.
 *
 * Invariant: the numbers of the payloads are dense under one producer id and epoch, and everything before the head is decided. So a stream
 * that has not taken the head can have taken none of the others.
 */
export class AppendWindow {
  /** How much may be on its way. */
  readonly flight: FlightLimit = new FlightLimit(APPEND_FLIGHT);
  readonly #random: Random;
  #batches: AppendBatch[] = [];
  #bytes = 0;
  /** Those that were sent in this generation, from the head. */
  #sentCount = 0;
  #sentBytes = 0;
  #producer: string;
  #epoch = 0;
  #nextNumber = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#producer = newProducerId(random);
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }
  /** Bytes of all payloads. */
  get bytes(): number {
    return this.#bytes;
  }
  get head(): AppendBatch | undefined {
    return this.#batches[0];
  }
  /** True if some of it is on its way in this generation. */
  get hasSent(): boolean {
    return this.#sentCount > 0;
  }
  get hasUnsent(): boolean {
    return this.#sentCount < this.#batches.length;
  }
  get hasUndecided(): boolean {
    return this.#batches.some((batch) => !batch.isDecided);
  }
  /** No more payloads than the stream remembers answers of (T62). */
  get isFull(): boolean {
    return this.#batches.length >= LIMITS.appendsPerProducer;
  }
  /** True if one more payload may be on its way. */
  get maySendMore(): boolean {
    if (this.#sentCount === 0) return true;
    return this.#sentCount < LIMITS.appendsPerProducer && this.#sentBytes + this.payloadBytesMax <= this.flight.part * FLIGHT_BYTES;
  }
  /** Most bytes of the next payload, unless one part has more. */
  get payloadBytesMax(): number {
    const bytes = Math.floor((this.flight.part * FLIGHT_BYTES) / PAYLOAD_PARTS);
    return Math.min(LIMITS.batchPayloadBytesMax, Math.max(PAYLOAD_BYTES_LEAST, bytes));
  }

  /** True if a call would not be answered in time behind what is on its way. One of which a part may be stored is not told that it was not done. */
  isTooLate(call: AppendCall, nowMs: number): boolean {
    return this.#sentCount > 0 && !call.isTaken && isTooLate(call, nowMs, this.flight.answerMs);
  }

  /** Numbers the records of some parts as one payload behind all others. */
  add(parts: readonly AppendPart[]): AppendBatch {
    const batch = new AppendBatch(parts, this.#position());
    this.#append(batch);
    return batch;
  }

  /** The first payload that was not sent in this generation; null if there is none. */
  nextUnsent(): AppendBatch | null {
    for (;;) {
      const batch = this.#batches[this.#sentCount];
      if (batch === undefined) return null;
      if (!batch.isDecided) return batch;
      this.sent(batch);
    }
  }

  /** A copy of a payload that went out at `sentMs` was answered: it is stored. */
  answered(batch: AppendBatch, sentMs: number, nowMs: number): void {
    this.flight.answered({ sentMs, nowMs, part: batch.bytes / FLIGHT_BYTES, underWay: this.#sentBytes / FLIGHT_BYTES });
  }

  /** `nextUnsent` goes out. */
  sent(batch: AppendBatch): void {
    this.#sentCount += 1;
    this.#sentBytes += batch.bytes;
  }

  /** A new generation: nothing of it counts as sent. */
  resend(): void {
    this.#sentCount = 0;
    this.#sentBytes = 0;
  }

  /** A payload is stored: its calls are told, and what is decided at the head leaves. Nothing happens if that was known. */
  stored(batch: AppendBatch, offset: Offset): void {
    if (batch.isDecided || !this.#batches.includes(batch)) return;
    batch.stored(offset);
    this.#dropDecided();
  }

  /** The stream has refused a payload and counts its numbers as taken: its calls are told, those behind it go on. */
  refused(batch: AppendBatch, error: QuorateError): void {
    if (batch.isDecided || !this.#batches.includes(batch)) return;
    batch.refused(error);
    this.#dropDecided();
  }

  /** Those of some calls that cannot be taken out, because copies of them, or of what follows them, may be applied. */
  irrevocable(calls: ReadonlySet<AppendCall>): ReadonlySet<AppendCall> {
    const found = new Set<AppendCall>();
    for (const batch of this.#batches.slice(0, this.#revocableFrom())) {
      for (const { call } of batch.parts) if (calls.has(call)) found.add(call);
    }
    return found;
  }

  /**
   * Takes calls out, none of them irrevocable, and closes the gaps in the numbers; all in one pass, because thousands expire together. True
   * if numbers changed: then `resend` must follow, for what was about to go out has old ones.
   */
  withdraw(calls: ReadonlySet<AppendCall>): boolean {
    const first = this.#batches.findIndex((batch) => batch.parts.some((part) => calls.has(part.call)));
    if (first < 0) return false;
    const behind = this.#batches.slice(first);
    this.#truncate(first);
    for (const batch of behind) this.#nextNumber -= batch.count;
    for (const batch of behind) {
      batch.withdraw(calls);
      if (batch.count > 0) this.#move(batch);
    }
    return true;
  }

  /**
   * The head was refused for good; `headGoesOn`: it may be tried under another producer, provided that no copy of it may have been applied.
   *
   * If that is so, none behind it was or can be applied either: all go on under a new producer id, but for the head if it may not. If an
   * earlier copy of the head may have been applied, so may copies of those behind it; what was sent ends, because to send it again under
   * other numbers could double it (T63). Gives the payloads that end; they are out of the window.
   */
  restart(headGoesOn: boolean): readonly AppendBatch[] {
    const batches = this.#batches;
    const head = batches[0];
    const isCertain = head?.unknownCopies === 0;
    this.#truncate(0);
    this.resend();
    this.#newProducer();
    const ended: AppendBatch[] = [];
    for (const batch of batches) {
      if (batch.isDecided) continue;
      if (isCertain ? batch !== head || headGoesOn : batch.unknownCopies === 0) this.#move(batch);
      else ended.push(batch);
    }
    return ended;
  }

  /** Nobody waits for any of it: copies may still arrive, the next epoch fences them. */
  abandon(): void {
    this.#truncate(0);
    this.resend();
    if (this.#epoch === 0xffff_ffff) this.#newProducer();
    else this.#epoch += 1;
    this.#nextNumber = 0;
  }

  /** Adds every call that has records in it. */
  addCallsTo(calls: Set<AppendCall>): void {
    for (const batch of this.#batches) for (const { call } of batch.parts) calls.add(call);
  }

  #dropDecided(): void {
    while (this.#batches[0]?.isDecided === true) {
      const gone = this.#batches.shift() as AppendBatch;
      this.#bytes -= gone.bytes;
      if (this.#sentCount === 0) continue;
      this.#sentCount -= 1;
      this.#sentBytes -= gone.bytes;
    }
  }

  /** From here on no copy of any payload may be applied. */
  #revocableFrom(): number {
    let from = this.#batches.length;
    for (; from > 0; from--) {
      const batch = this.#batches[from - 1] as AppendBatch;
      if (batch.unknownCopies > 0 || batch.isDecided) break;
    }
    return from;
  }

  #position(): AppendPosition {
    return { producer: this.#producer, epoch: this.#epoch, firstNumber: this.#nextNumber };
  }

  #append(batch: AppendBatch): void {
    this.#nextNumber += batch.count;
    this.#bytes += batch.bytes;
    this.#batches.push(batch);
  }

  #move(batch: AppendBatch): void {
    batch.move(this.#position());
    this.#append(batch);
  }

  #truncate(length: number): void {
    for (const batch of this.#batches.slice(length)) this.#bytes -= batch.bytes;
    this.#batches = this.#batches.slice(0, length);
  }

  #newProducer(): void {
    this.#producer = newProducerId(this.#random);
    this.#epoch = 0;
    this.#nextNumber = 0;
  }
}

function newProducerId(random: Random): string {
  return randomHex16(() => random.nextUint32());
}
