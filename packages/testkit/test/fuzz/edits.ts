import { concatBytes, writeU16, writeU32 } from '@quorate/base';
import fc from 'fast-check';

/*
 * What is changed in the bytes of a valid message. An edit names a field by a number that is taken modulo the count of fields, so that any edit
 * fits any message and a failing list of edits can be shrunk.
 */

/** A part of the bytes that a decoder reads at once. */
export interface FieldPlace {
  readonly at: number;
  readonly length: number;
}

/** One change. */
export type Edit =
  | { readonly type: 'lie'; readonly field: number; readonly value: number }
  | { readonly type: 'nudge'; readonly field: number; readonly by: number }
  | { readonly type: 'remove' | 'double' | 'toEnd'; readonly field: number; readonly fields: number }
  | { readonly type: 'swap' | 'splice'; readonly field: number; readonly other: number }
  | { readonly type: 'cut'; readonly field: number; readonly bytes: number }
  | { readonly type: 'byte' | 'flip'; readonly at: number; readonly value: number }
  | { readonly type: 'insert'; readonly field: number; readonly bytes: Uint8Array };

/** Numbers that break a decoder which trusts a length, a count, an index or a flag. */
const LIES = [0, 1, 2, 3, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/** Any one edit. `borders`: numbers at the limits of the format, told as lies too. */
export function someEdit(borders: readonly number[] = []): fc.Arbitrary<Edit> {
  const field = fc.nat(0xffff);
  const fields = fc.integer({ min: 1, max: 4 });
  return fc.oneof(
    fc.record({ type: fc.constant('lie' as const), field, value: fc.oneof(fc.constantFrom(...LIES, ...borders), fc.nat(0xffff_ffff)) }),
    fc.record({ type: fc.constant('nudge' as const), field, by: fc.constantFrom(1, -1, 2, -2) }),
    fc.record({ type: fc.constantFrom('remove' as const, 'double' as const, 'toEnd' as const), field, fields }),
    fc.record({ type: fc.constantFrom('swap' as const, 'splice' as const), field, other: field }),
    fc.record({ type: fc.constant('cut' as const), field, bytes: fc.nat(3) }),
    fc.record({ type: fc.constantFrom('byte' as const, 'flip' as const), at: field, value: fc.nat(255) }),
    fc.record({ type: fc.constant('insert' as const), field, bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }) }),
  );
}

/** A copy of `bytes` with the edits, one after the other. `fieldsOf` finds the fields of what is there; `other` is another valid message. */
export function edited(
  bytes: Uint8Array,
  edits: readonly Edit[],
  other: Uint8Array,
  fieldsOf: (bytes: Uint8Array) => readonly FieldPlace[],
): Uint8Array {
  let now = bytes;
  for (const edit of edits) if (now.length > 0) now = editedOnce(now, edit, other, fieldsOf);
  return now;
}

function editedOnce(bytes: Uint8Array, edit: Edit, other: Uint8Array, fieldsOf: (bytes: Uint8Array) => readonly FieldPlace[]): Uint8Array {
  const fields = fieldsOf(bytes);
  const place = (number: number, of = fields): FieldPlace => of[number % Math.max(1, of.length)] ?? { at: 0, length: 1 };
  switch (edit.type) {
    case 'lie':
      return withNumber(bytes, place(edit.field), () => edit.value);
    case 'nudge':
      return withNumber(bytes, place(edit.field), (before) => before + edit.by);
    case 'remove': {
      const { from, to } = span(fields, edit.field, edit.fields, bytes.length);
      return joined(bytes.subarray(0, from), bytes.subarray(to));
    }
    case 'double': {
      const { from, to } = span(fields, edit.field, edit.fields, bytes.length);
      return joined(bytes.subarray(0, to), bytes.subarray(from));
    }
    case 'toEnd': {
      const { from, to } = span(fields, edit.field, edit.fields, bytes.length);
      return joined(bytes.subarray(0, from), bytes.subarray(to), bytes.subarray(from, to));
    }
    case 'swap': {
      const [one, two] = [place(edit.field), place(edit.other)].sort((a, b) => a.at - b.at) as [FieldPlace, FieldPlace];
      if (one.at + one.length > two.at) return bytes;
      const between = bytes.subarray(one.at + one.length, two.at);
      const [first, second] = [bytes.subarray(one.at, one.at + one.length), bytes.subarray(two.at, two.at + two.length)];
      return joined(bytes.subarray(0, one.at), second, between, first, bytes.subarray(two.at + two.length));
    }
    case 'splice':
      return joined(bytes.subarray(0, place(edit.field).at), other.subarray(place(edit.other, fieldsOf(other)).at));
    case 'cut':
      return bytes.slice(0, Math.min(bytes.length, place(edit.field).at + edit.bytes));
    case 'byte':
    case 'flip': {
      const changed = bytes.slice();
      const at = edit.at % bytes.length;
      changed[at] = edit.type === 'byte' ? edit.value : (bytes[at] as number) ^ (1 << (edit.value & 7));
      return changed;
    }
    case 'insert': {
      const { at } = place(edit.field);
      return joined(bytes.subarray(0, at), edit.bytes, bytes.subarray(at));
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes([...parts, new Uint8Array(0)]).slice();
}

function span(fields: readonly FieldPlace[], first: number, count: number, end: number): { readonly from: number; readonly to: number } {
  const start = first % Math.max(1, fields.length);
  const last = fields[Math.min(fields.length, start + count) - 1];
  return { from: Math.min(end, fields[start]?.at ?? 0), to: Math.min(end, last === undefined ? end : last.at + last.length) };
}

function withNumber(bytes: Uint8Array, { at, length }: FieldPlace, change: (before: number) => number): Uint8Array {
  const changed = bytes.slice();
  let before = 0;
  const width = length >= 4 ? 4 : length >= 2 ? 2 : 1;
  for (let i = width - 1; i >= 0; i--) before = before * 256 + (bytes[at + i] ?? 0);
  const value = change(before);
  if (at + width > bytes.length) return changed;
  if (width === 4) writeU32(changed, at, value);
  else if (width === 2) writeU16(changed, at, value);
  else changed[at] = value;
  // The upper half of a wide number lies with the lower one when it must be beyond 2^53.
  if (length === 8 && value >= 0x7fff_ffff && at + 8 <= changed.length) writeU32(changed, at + 4, value);
  return changed;
}
