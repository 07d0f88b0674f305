import { ByteReader, type ByteWriter, LIMITS, type QuorateError, readU16, readU32, readU64 } from '@quorate/base';
import { readError, readFlag, toWireError, writeError } from './fields.js';
import type { WireError } from './messages.js';

/*
 * Lists of queries and of their results, as bytes: who makes one writes it piece by piece, who takes one walks over it, and neither makes an object
 * per query.
 *
 *   query   u64 resource, u16 operation, u32 length and arguments
 *   result  u8 1 ok: u32 length and result; 0: error
 */

/** Bytes of a query besides its arguments, and of a result besides itself. */
export const QUERY_HEADER_BYTES = 14;
export const QUERY_RESULT_HEADER_BYTES = 5;

/** Adds a query to a list. */
export function writeQuery(writer: ByteWriter, resource: number, operation: number, args: Uint8Array): void {
  writer.u64(resource).u16(operation).bytes(args);
}

/** Adds a result to a list. */
export function writeQueryResult(writer: ByteWriter, result: Uint8Array): void {
  writer.u8(1).bytes(result);
}

/** Adds a result that is written next; gives where it begins, for `endQueryResult`. */
export function beginQueryResult(writer: ByteWriter): number {
  const at = writer.length;
  writer.u8(1).u32(0);
  return at;
}

/** The result that began there is whole. */
export function endQueryResult(writer: ByteWriter, at: number): void {
  writer.patchU32(at + 1, writer.length - at - QUERY_RESULT_HEADER_BYTES);
}

/** Adds the error of a query to a list of results. */
export function writeQueryError(writer: ByteWriter, error: QuorateError): void {
  writeError(writer.u8(0), toWireError(error));
}

/** Throws `malformedFrame` unless these are `count` queries and nothing else. */
export function checkQueries(queries: Uint8Array, count: number): void {
  const reader = new ByteReader(queries);
  for (let i = 0; i < count; i++) {
    reader.u64();
    reader.u16();
    reader.skip(LIMITS.batchPayloadBytesMax);
  }
  reader.end();
}

/** Throws `malformedFrame` unless these are `count` results and nothing else. */
export function checkQueryResults(results: Uint8Array, count: number): void {
  const reader = new ByteReader(results);
  for (let i = 0; i < count; i++) {
    if (readFlag(reader)) reader.skip(LIMITS.frameBytesMax);
    else readError(reader);
  }
  reader.end();
}

/** Walks over a list of queries that was checked. */
export class QueryList {
  readonly #bytes: Uint8Array;
  #at = 0;
  resource = 0;
  operation = 0;
  /** A view. */
  args: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.args = bytes;
  }

  /** Goes on to the next query, whose fields are then here; there must be one. */
  next(): void {
    const bytes = this.#bytes;
    const start = this.#at + QUERY_HEADER_BYTES;
    this.resource = readU64(bytes, this.#at);
    this.operation = readU16(bytes, this.#at + 8);
    this.#at = start + readU32(bytes, this.#at + 10);
    this.args = bytes.subarray(start, this.#at);
  }
}

/** Walks over a list of results that was checked. */
export class QueryResultList {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Where the present result lies in the list; 0 and 0 for an error. */
  start = 0;
  end = 0;
  error: WireError | null = null;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Goes on to the next result, which is then here; there must be one. */
  next(): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 1) {
      this.error = null;
      this.start = this.#at + QUERY_RESULT_HEADER_BYTES;
      this.end = this.start + readU32(bytes, this.#at + 1);
      this.#at = this.end;
      return;
    }
    const reader = new ByteReader(bytes.subarray(this.#at + 1));
    this.error = readError(reader);
    this.start = 0;
    this.end = 0;
    this.#at += 1 + reader.position;
  }
}
