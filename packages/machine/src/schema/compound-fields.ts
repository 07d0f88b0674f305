import { QuorateError } from '@quorate/base';
import { malformed } from '../faults.js';
import { type AnyField, type Field, type FieldDescription, type ValueOf, kindOf, readFlag, refused } from './field.js';

/** The values of named fields. */
export type RecordOf<F extends Readonly<Record<string, AnyField>>> = { readonly [K in keyof F]: ValueOf<F[K]> };

const LIST_ITEMS_MAX = 1_000_000;
const FIELD_NAME = /^[a-z][A-Za-z0-9]{0,63}$/;

/** A value or null: 1 byte, then the value if there is one. */
export function optional<T>(of: Field<T>): Field<T | null> {
  if (of.description.kind === 'optional' || of.description.kind === 'nothing') {
    throw new QuorateError('invalidArgument', `an optional ${of.description.kind} means nothing`, {});
  }
  return {
    description: { kind: 'optional', of: of.description },
    write: (writer, value, path) => {
      writer.u8(value === null ? 0 : 1);
      if (value !== null) of.write(writer, value, path);
    },
    read: (reader) => (readFlag(reader.u8()) ? of.read(reader) : null),
  };
}

/** Up to `max` values (at most 1,000,000): u32 count, then each. */
export function list<T>(of: Field<T>, range: { readonly max: number }): Field<readonly T[]> {
  const { max } = range;
  const itemBytes = minBytesOf(of.description);
  if (!Number.isInteger(max) || max < 0 || max > LIST_ITEMS_MAX) {
    throw new QuorateError('invalidArgument', `a list of at most ${max} values: not within 0 to ${LIST_ITEMS_MAX}`, { max });
  }
  // Otherwise a few bytes could claim any number of them.
  if (itemBytes === 0) throw new QuorateError('invalidArgument', 'the values of a list take at least one byte each', {});
  return {
    description: { kind: 'list', max, of: of.description },
    write: (writer, value, path) => {
      if (!Array.isArray(value)) throw refused(path, `must be a list, not ${kindOf(value)}`, { max });
      if (value.length > max) throw refused(path, `has at most ${max} values, this one ${value.length}`, { max, count: value.length });
      writer.u32(value.length);
      for (let i = 0; i < value.length; i++) of.write(writer, value[i] as T, `${path}[${i}]`);
    },
    read: (reader) => {
      const count = reader.u32();
      if (count > max) throw malformed(`list of ${count} values, at most ${max} are allowed`);
      if (count * itemBytes > reader.remaining) throw malformed(`list of ${count} values in ${reader.remaining} bytes`);
      const values: T[] = [];
      for (let i = 0; i < count; i++) values.push(of.read(reader));
      return values;
    },
  };
}

/** Named values, written in the order of their declaration. */
export function record<const F extends Readonly<Record<string, AnyField>>>(fields: F): Field<RecordOf<F>> {
  checkFieldNames(fields, 'record');
  const names = Object.keys(fields);
  const pathOf = pathsWithin(names);
  return {
    description: { kind: 'record', fields: describeFields(fields) },
    write: (writer, value, path) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw refused(path, `must be an object, not ${kindOf(value)}`);
      for (let i = 0; i < names.length; i++) {
        const name = names[i] as string;
        (fields[name] as AnyField).write(writer, (value as Record<string, unknown>)[name], pathOf(path, i));
      }
    },
    read: (reader) => {
      const value: Record<string, unknown> = {};
      for (const name of names) value[name] = (fields[name] as AnyField).read(reader);
      return value as RecordOf<F>;
    },
  };
}

/** Names a field of a record in errors. Mostly records of the same path are written: joining its names costs more than writing the fields. */
function pathsWithin(names: readonly string[]): (path: string, i: number) => string {
  let known = '';
  let paths = names;
  return (path, i) => {
    if (path !== known) {
      paths = names.map((name) => `${path}.${name}`);
      known = path;
    }
    return paths[i] as string;
  };
}

/** Throws `invalidArgument` unless each name starts with a lower-case letter and has only letters and digits (64 at most). */
export function checkFieldNames(fields: Readonly<Record<string, AnyField>>, where: string): void {
  for (const name of Object.keys(fields)) {
    if (!FIELD_NAME.test(name)) throw new QuorateError('invalidArgument', `${where}: "${name}" is not a name of a field`, { name });
  }
}

/** The descriptions of named fields, in their order. */
export function describeFields(fields: Readonly<Record<string, AnyField>>): Readonly<Record<string, FieldDescription>> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.description]));
}

/** Fewest bytes that any value of a field takes. */
function minBytesOf(description: FieldDescription): number {
  switch (description.kind) {
    case 'nothing':
      return 0;
    case 'record':
      return Object.values(description.fields ?? {}).reduce((sum, field) => sum + minBytesOf(field), 0);
    case 'bytes':
    case 'text':
      return 4 + (description.min ?? 0);
    case 'u16':
      return 2;
    case 'u32':
    case 'list':
      return 4;
    case 'u53':
    case 'i53':
      return 8;
    case 'token':
      return 12;
    case 'fence':
      return 24;
    default:
      return 1;
  }
}
