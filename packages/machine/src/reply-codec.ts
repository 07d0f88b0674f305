import { ByteReader, ByteWriter, type ErrorDetails, type LogIndex, QuorateError, isErrorCode } from '@quorate/base';
import type { Reply } from './machine-types.js';

/*
 * Consecutive replies of a session, kept as one entry: u32 count, u64 index of the first (each after it has the next index), then per reply
 * u8 1, u32 length, result; or u8 0, code, message, u8 count of details, per detail its name, u8 kind (0 number, 1 text, 2 flag), value as
 * text. Texts are u16 length and UTF-8.
 */
const ENTRY_HEAD_BYTES = 12;
const REPLY_HEAD_BYTES = 5;
// An entry is closed beyond this, so that acknowledging part of a batch frees most of it and one large batch does not become one large value.
const ENTRY_BYTES = 65_536;
// Memory of a writer beyond this is not kept.
const KEPT_BYTES = 65_536;
const MESSAGE_MAX = 1000;
const DETAILS_MAX = 16;
const DETAIL_MAX = 200;

type RefusedReply = Reply & { readonly isOk: false };

/** Replies of consecutive numbers and indexes under one key of the table. */
export interface RepliesEntry {
  readonly firstNumber: number;
  readonly count: number;
  /** Valid until the next batch. */
  readonly bytes: Uint8Array;
}

/**
 * Gathers the replies of a batch, of consecutive numbers and indexes, as the entries that they are kept in. A reply is written once, by whoever knows
 * it: `begin` and `end` around the result, or `refuse`.
 */
export class RepliesWriter {
  readonly #writer = new ByteWriter(KEPT_BYTES);
  /** First number, count and beginning of each entry, one after the other; the last one is open while `#isOpen`. */
  readonly #entries: number[] = [];
  #isOpen = false;
  /** What `cancel` goes back to. */
  #markLength = 0;
  #didOpen = false;

  /** How often `clear` was called. */
  batch = 0;

  /** Bytes of all replies so far. */
  get length(): number {
    return this.#writer.length;
  }

  /** The result of the next command goes to this writer; then comes `end` or `cancel`. */
  begin(number: number, index: LogIndex): ByteWriter {
    this.#open(number, index);
    return this.#writer.u8(1).u32(0);
  }

  /** The result is written. */
  end(): void {
    this.#writer.patchU32(this.#resultAt() - 4, this.resultBytes);
    this.#added();
  }

  /** Bytes of the result so far. */
  get resultBytes(): number {
    return this.#writer.length - this.#resultAt();
  }

  /** There is no such reply: another one comes in its place. */
  cancel(): void {
    this.#writer.truncate(this.#markLength);
    if (!this.#didOpen) return;
    this.#entries.length -= 3;
    this.#isOpen = false;
  }

  refuse(number: number, reply: RefusedReply): void {
    this.#open(number, reply.index);
    writeError(this.#writer, reply);
    this.#added();
  }

  /** What was gathered, in the order of numbers. */
  *entries(): Generator<RepliesEntry> {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i += 3) {
      const end = i + 3 < entries.length ? (entries[i + 5] as number) : this.#writer.length;
      const bytes = this.#writer.view(entries[i + 2] as number, end);
      yield { firstNumber: entries[i] as number, count: entries[i + 1] as number, bytes };
    }
  }

  /** Forgets what was gathered. */
  clear(): void {
    this.batch++;
    if (this.#writer.length > KEPT_BYTES) this.#writer.take();
    else this.#writer.clear();
    this.#entries.length = 0;
    this.#isOpen = false;
  }

  #open(number: number, index: LogIndex): void {
    const writer = this.#writer;
    this.#markLength = writer.length;
    this.#didOpen = !this.#isOpen;
    if (this.#isOpen) return;
    this.#entries.push(number, 0, writer.length);
    this.#isOpen = true;
    writer.u32(0).u64(index);
  }

  #resultAt(): number {
    return this.#markLength + (this.#didOpen ? ENTRY_HEAD_BYTES : 0) + REPLY_HEAD_BYTES;
  }

  #added(): void {
    const entries = this.#entries;
    const at = entries[entries.length - 1] as number;
    const count = (entries[entries.length - 2] as number) + 1;
    entries[entries.length - 2] = count;
    this.#writer.patchU32(at, count);
    if (this.#writer.length - at >= ENTRY_BYTES) this.#isOpen = false;
  }
}

/** The replies of an entry, in order; copies. */
export function decodeReplies(entry: Uint8Array): Reply[] {
  const reader = new ByteReader(entry.slice());
  const count = reader.u32();
  const firstIndex = reader.u64();
  const replies: Reply[] = [];
  for (let i = 0; i < count; i++) replies.push(readReply(reader, firstIndex + i));
  reader.end();
  return replies;
}

/** The reply that a refused command gives: what of the error is kept, and told again to whoever asks again. */
export function refusedReply(index: LogIndex, error: QuorateError): RefusedReply {
  const details: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(error.details).slice(0, DETAILS_MAX)) {
    if (value !== undefined) details[cut(name, DETAIL_MAX)] = typeof value === 'string' ? cut(value, DETAIL_MAX) : value;
  }
  return { index, isOk: false, code: error.code, message: cut(error.message, MESSAGE_MAX), details };
}

function writeError(writer: ByteWriter, reply: RefusedReply): void {
  writer.u8(0).text(reply.code).text(reply.message);
  const details = Object.entries(reply.details);
  writer.u8(details.length);
  for (const [name, value] of details)
    writer
      .text(name)
      .u8(KINDS[typeof value as keyof typeof KINDS])
      .text(String(value));
}

const KINDS = { number: 0, string: 1, boolean: 2 } as const;

function readReply(reader: ByteReader, index: LogIndex): Reply {
  if (reader.u8() === 1) return { index, isOk: true, result: reader.raw(reader.u32()) };
  const code = reader.text();
  if (!isErrorCode(code)) throw new QuorateError('formatUnsupported', `a kept reply has the unknown code ${code}`, { code });
  const message = reader.text();
  const details: Record<string, ErrorDetails[string]> = {};
  for (let left = reader.u8(); left > 0; left--) {
    const name = reader.text();
    const kind = reader.u8();
    const value = reader.text();
    details[name] = kind === 0 ? Number(value) : kind === 1 ? value : value === 'true';
  }
  return { index, isOk: false, code, message, details };
}

// By characters; never between the two halves of one.
function cut(text: string, max: number): string {
  const wellFormed = text.replace(/\p{Surrogate}/gu, '\ufffd');
  if (wellFormed.length <= max) return wellFormed;
  return wellFormed.slice(0, max).replace(/\p{Surrogate}$/u, '');
}
