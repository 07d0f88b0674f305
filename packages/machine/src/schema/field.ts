import { type ByteReader, type ByteWriter, QuorateError } from '@quorate/base';
import { malformed } from '../faults.js';

/** What a field is, for documentation, command lines and generators of test data. */
export interface FieldDescription {
  /** `bytes`, `text`, `u16`, `u32`, `u53`, `i53`, `flag`, `choice`, `optional`, `list`, `record`, `nothing`, `token`, `fence`. */
  readonly kind: string;
  /** Largest length (bytes, texts, lists) or value (numbers). */
  readonly max?: number;
  readonly min?: number;
  /** Of a choice. */
  readonly names?: readonly string[];
  /** Of an optional or a list. */
  readonly of?: FieldDescription;
  /** Of a record. */
  readonly fields?: Readonly<Record<string, FieldDescription>>;
}

/**
 * One typed field of an operation: how it is checked, written, read and described. The same bytes on every platform, little-endian.
 *
 * `write` refuses what is not allowed with `invalidArgument` (details: `path`, `max` …); `read` with `malformedFrame`. What `read` gives may share
 * memory with the reader's bytes.
 */
export interface Field<T> {
  readonly description: FieldDescription;
  /** `path` names the value in an error: `set.key`. */
  write(writer: ByteWriter, value: T, path: string): void;
  read(reader: ByteReader): T;
}

/** The value type of a field. */
export type ValueOf<F> = F extends Field<infer T> ? T : never;

/** Fields by name, in the order in which they are written. */
export type Fields = Readonly<Record<string, Field<never>>> | Readonly<Record<string, Field<unknown>>>;

/** A field whose value type is left open: `Field` is invariant in it, so no other type accepts fields of every value type. */
export type AnyField = Field<any>; // oxlint-disable-line typescript/no-explicit-any -- see above

/** What a value is, in a word, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : typeof value;
}

/** The fault of a value that is not allowed. */
export function refused(
  path: string,
  what: string,
  details: Readonly<Record<string, string | number | boolean | undefined>> = {},
): QuorateError {
  return new QuorateError('invalidArgument', `${path} ${what}`, { path, ...details });
}

/** A byte that must be 0 or 1, as a boolean. */
export function readFlag(value: number): boolean {
  if (value > 1) throw malformed(`flag ${value} is neither 0 nor 1`);
  return value === 1;
}
