import { ByteReader, ByteWriter, type ErrorDetails, type LogIndex, QuorateError, isErrorCode } from '@quorate/base';
import type { Reply } from './machine-types.js';

/*
 * Consecutive replies of a session, kept as one entry: u32 count, u64 index of the first (each after it has the next index), then per reply
 * u8 1, u32 length, result; or u8 0, code, message, u8 count of details, per detail its name, u8 kind (0 number, 1 text, 2 flag), value as
 * text. Texts are u16 length and UTF-8.
 */
// Memory of a writer beyond this is not kept.
const KEPT_BYTES = 131_072;
const MESSAGE_MAX = 1000;
const DETAILS_MAX = 16;
const DETAIL_MAX = 200;

/** Gathers replies of consecutive numbers and indexes. One writer makes one entry after another in the same memory. */
export class RepliesWriter {
  readonly #writer = new ByteWriter(1024);
  #firstNumber = 0;
  #count = 0;

  /** Number of the first reply; meaningless while `count` is 0. */
  get firstNumber(): number {
    return this.#firstNumber;
  }
  get count(): number {
    return this.#count;
  }
  get length(): number {
    return this.#writer.length;
  }

  add(number: number, reply: Reply): void {
    if (this.#count === 0) {
      this.#firstNumber = number;
      this.#writer.u32(0).u64(reply.index);
    }
    this.#count++;
    if (reply.isOk) this.#writer.u8(1).bytes(reply.result);
    else writeError(this.#writer, reply);
  }

  /** The entry; the next one begins. */
  take(): Uint8Array {
    this.#writer.patchU32(0, this.#count);
    this.#count = 0;
    return this.#writer.length <= KEPT_BYTES ? this.#writer.copy() : this.#writer.take();
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
export function refusedReply(index: LogIndex, error: QuorateError): Reply {
  const details: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(error.details).slice(0, DETAILS_MAX)) {
    if (value !== undefined) details[cut(name, DETAIL_MAX)] = typeof value === 'string' ? cut(value, DETAIL_MAX) : value;
  }
  return { index, isOk: false, code: error.code, message: cut(error.message, MESSAGE_MAX), details };
}

function writeError(writer: ByteWriter, reply: Reply & { readonly isOk: false }): void {
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
