import { LIMITS, QuorateError, fromUtf8, utf8 } from '@quorate/base';
import { type Field, kindOf, refused } from './field.js';

/** Bounds of a length, in bytes. */
export interface LengthRange {
  readonly max: number;
  /** Default 0. */
  readonly min?: number;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Bytes: u32 length, then the bytes. */
export function bytes(range: LengthRange): Field<Uint8Array> {
  const { min, max } = checkedLengths('bytes', range);
  return {
    description: { kind: 'bytes', min, max },
    write: (writer, value, path) => {
      if (!(value instanceof Uint8Array)) throw refused(path, `must be bytes, not ${kindOf(value)}`, { min, max });
      checkLength(value.length, min, max, path);
      writer.bytes(value);
    },
    read: (reader) => {
      const read = reader.bytes(max);
      if (read.length < min) throw new QuorateError('malformedFrame', `${read.length} bytes, at least ${min} are needed`);
      return read;
    },
  };
}

/** Text without lone surrogates: u32 length in bytes, then UTF-8. Bounds are in bytes of UTF-8. */
export function text(range: LengthRange): Field<string> {
  const { min, max } = checkedLengths('text', range);
  return {
    description: { kind: 'text', min, max },
    write: (writer, value, path) => {
      if (typeof value !== 'string') throw refused(path, `must be text, not ${kindOf(value)}`, { min, max });
      // Each UTF-16 unit takes at least one byte: a huge string is refused before it is encoded.
      if (value.length > max) throw refused(path, `has at most ${max} bytes of UTF-8, this one at least ${value.length}`, { max });
      const lone = LONE_SURROGATE.exec(value);
      if (lone !== null) throw refused(path, `must be well-formed text: lone surrogate at ${lone.index}`, { at: lone.index });
      const encoded = utf8(value);
      checkLength(encoded.length, min, max, path);
      writer.bytes(encoded);
    },
    read: (reader) => {
      const read = reader.bytes(max);
      if (read.length < min) throw new QuorateError('malformedFrame', `text of ${read.length} bytes, at least ${min} are needed`);
      return fromUtf8(read);
    },
  };
}

function checkLength(length: number, min: number, max: number, path: string): void {
  if (length > max) throw refused(path, `has at most ${max} bytes, this one ${length}`, { max, bytes: length });
  if (length < min) throw refused(path, `has at least ${min} bytes, this one ${length}`, { min, bytes: length });
}

function checkedLengths(kind: string, range: LengthRange): { min: number; max: number } {
  const { min = 0, max } = range;
  if (!Number.isInteger(min) || !Number.isInteger(max) || min < 0 || max < min || max > LIMITS.batchPayloadBytesMax) {
    throw new QuorateError('invalidArgument', `${kind} of ${min} to ${max} bytes: not within 0 to ${LIMITS.batchPayloadBytesMax}`, {
      min,
      max,
    });
  }
  return { min, max };
}
