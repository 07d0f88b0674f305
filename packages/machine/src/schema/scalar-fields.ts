import { QuorateError } from '@quorate/base';
import { malformed } from '../faults.js';
import { type Field, kindOf, readFlag, refused } from './field.js';

/** Borders of a number, both included. */
export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
}

/** A whole number from 0 to 65,535 in 2 bytes. */
export function u16(range: NumberRange = {}): Field<number> {
  const { min, max } = checkedRange('u16', range, 0, 0xffff);
  return {
    description: { kind: 'u16', min, max },
    write: (writer, value, path) => void writer.u16(whole(value, min, max, path)),
    read: (reader) => inRange(reader.u16(), min, max),
  };
}

/** A whole number from 0 to 4,294,967,295 in 4 bytes. */
export function u32(range: NumberRange = {}): Field<number> {
  const { min, max } = checkedRange('u32', range, 0, 0xffff_ffff);
  return {
    description: { kind: 'u32', min, max },
    write: (writer, value, path) => void writer.u32(whole(value, min, max, path)),
    read: (reader) => inRange(reader.u32(), min, max),
  };
}

/** A whole number from 0 to 2^53 - 1 in 8 bytes. */
export function u53(range: NumberRange = {}): Field<number> {
  const { min, max } = checkedRange('u53', range, 0, Number.MAX_SAFE_INTEGER);
  return {
    description: { kind: 'u53', min, max },
    write: (writer, value, path) => void writer.u64(whole(value, min, max, path)),
    read: (reader) => inRange(reader.u64(), min, max),
  };
}

/** A whole number from -(2^53 - 1) to 2^53 - 1 in 8 bytes, two's complement. */
export function i53(range: NumberRange = {}): Field<number> {
  const { min, max } = checkedRange('i53', range, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return {
    description: { kind: 'i53', min, max },
    write: (writer, value, path) => {
      const checked = whole(value, min, max, path);
      const high = Math.floor(checked / 0x1_0000_0000);
      writer.u32(checked - high * 0x1_0000_0000).u32(high);
    },
    read: (reader) => {
      const low = reader.u32();
      return inRange((reader.u32() | 0) * 0x1_0000_0000 + low, min, max);
    },
  };
}

/** True or false in 1 byte. */
export function flag(): Field<boolean> {
  return {
    description: { kind: 'flag' },
    write: (writer, value, path) => {
      if (typeof value !== 'boolean') throw refused(path, `must be true or false, not ${kindOf(value)}`);
      writer.u8(value ? 1 : 0);
    },
    read: (reader) => readFlag(reader.u8()),
  };
}

/** One of up to 256 names, in 1 byte: its place in the list. Names may be added at the end, never removed or moved. */
export function choice<const N extends readonly string[]>(names: N): Field<N[number]> {
  if (names.length === 0 || names.length > 256 || new Set(names).size !== names.length) {
    throw new QuorateError('invalidArgument', `a choice has 1 to 256 different names, not ${names.join(', ')}`, { count: names.length });
  }
  const places = new Map<unknown, number>(names.map((name, place) => [name, place]));
  return {
    description: { kind: 'choice', names: [...names] },
    write: (writer, value, path) => {
      const place = places.get(value);
      if (place === undefined) throw refused(path, `must be one of ${names.join(', ')}`, { names: names.join(',') });
      writer.u8(place);
    },
    read: (reader) => {
      const place = reader.u8();
      const name = names[place];
      if (name === undefined) throw malformed(`choice ${place} of ${names.length}`);
      return name;
    },
  };
}

/** No value, no bytes: the result of an operation that only succeeds or fails. */
export function nothing(): Field<void> {
  return {
    description: { kind: 'nothing' },
    write: (_writer, value, path) => {
      if (value !== undefined) throw refused(path, `must be undefined, not ${kindOf(value)}`);
    },
    read: () => undefined,
  };
}

function whole(value: unknown, min: number, max: number, path: string): number {
  if (typeof value !== 'number') throw refused(path, `must be a number, not ${kindOf(value)}`, { min, max });
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw refused(path, `must be a whole number from ${min} to ${max}, not ${value}`, { min, max, value: String(value) });
  }
  return value;
}

function inRange(value: number, min: number, max: number): number {
  if (!Number.isSafeInteger(value) || value < min || value > max) throw malformed(`number ${value} is not from ${min} to ${max}`);
  return value;
}

function checkedRange(kind: string, range: NumberRange, lowest: number, highest: number): { min: number; max: number } {
  const { min = lowest, max = highest } = range;
  if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min < lowest || max > highest || min > max) {
    throw new QuorateError('invalidArgument', `${kind} from ${min} to ${max}: not within ${lowest} to ${highest}`, { min, max });
  }
  return { min, max };
}
