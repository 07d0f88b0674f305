import { ByteReader, ByteWriter } from '@quorate/base';
import type { ArgumentFields, ArgumentsOf } from '../resource-definition.js';
import { type AnyField, type Field, kindOf, refused } from './field.js';

/** The bytes of named values; `path` names them in an error (`set` gives `set.key`). Throws `invalidArgument`. */
export function encodeFields<A extends ArgumentFields>(fields: A, values: ArgumentsOf<A>, path: string): Uint8Array {
  const writer = new ByteWriter(64);
  writeFields(writer, fields, values, path);
  return writer.take();
}

/** Writes named values; see `encodeFields`. What was written before one was refused is left in the writer. */
export function writeFields<A extends ArgumentFields>(writer: ByteWriter, fields: A, values: ArgumentsOf<A>, path: string): void {
  if (typeof values !== 'object' || values === null) throw refused(path, `must be an object, not ${kindOf(values)}`);
  for (const name of Object.keys(fields)) (fields[name] as AnyField).write(writer, values[name], `${path}.${name}`);
}

/** The named values of bytes, which they may share memory with. Throws `malformedFrame`, also if bytes are left over. */
export function decodeFields<A extends ArgumentFields>(fields: A, bytes: Uint8Array): ArgumentsOf<A> {
  const reader = new ByteReader(bytes);
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) values[name] = (fields[name] as AnyField).read(reader);
  reader.end();
  return values as ArgumentsOf<A>;
}

/** The bytes of one value. Throws `invalidArgument`. */
export function encodeValue<T>(field: Field<T>, value: T, path: string): Uint8Array {
  const writer = new ByteWriter(16);
  field.write(writer, value, path);
  return writer.take();
}

/** The value of bytes, which it may share memory with. Throws `malformedFrame`, also if bytes are left over. */
export function decodeValue<T>(field: Field<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const value = field.read(reader);
  reader.end();
  return value;
}
