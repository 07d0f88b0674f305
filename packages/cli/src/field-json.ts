import { fromUtf8, utf8 } from '@quorate/base';
import type { FieldDescription } from '@quorate/machine';
import { loneSurrogateIn } from '@quorate/resources';
import { UsageError } from './report-error.js';

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The value of a field from JSON, where bytes are a text or `{"base64": …}`, and what is left out is none. Values of another type are left to the field,
 * which refuses them. `path` names the value in errors. Throws `UsageError`.
 */
export function valueOfJson(field: FieldDescription, given: unknown, path: string): unknown {
  switch (field.kind) {
    case 'bytes':
      return given === undefined ? undefined : bytesOfJson(given, path);
    case 'optional':
      return given === undefined || given === null ? null : valueOfJson(field.of as FieldDescription, given, path);
    case 'list':
      if (!Array.isArray(given)) return given;
      return given.map((each: unknown, at) => valueOfJson(field.of as FieldDescription, each, `${path}[${at}]`));
    case 'record':
      return isObject(given) ? valuesOfJson(field.fields ?? {}, given, path) : given;
    default:
      return given;
  }
}

/** The values of named fields, none but these. */
export function valuesOfJson(fields: Readonly<Record<string, FieldDescription>>, given: JsonObject, path: string): JsonObject {
  const names = Object.keys(fields);
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    throw new UsageError(`${path} takes no "${name}"${names.length === 0 ? ', nor anything else' : `: it takes ${names.join(', ')}`}`);
  }
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, valueOfJson(field, given[name], `${path}.${name}`)]));
}

/** A value of a field as JSON, the other way round. */
export function jsonOfValue(field: FieldDescription, value: unknown): unknown {
  switch (field.kind) {
    case 'bytes':
      return jsonOfBytes(value as Uint8Array);
    case 'optional':
      return value === null ? null : jsonOfValue(field.of as FieldDescription, value);
    case 'list':
      return (value as readonly unknown[]).map((each) => jsonOfValue(field.of as FieldDescription, each));
    case 'record':
      return Object.fromEntries(
        Object.entries(field.fields ?? {}).map(([name, of]) => [name, jsonOfValue(of, (value as JsonObject)[name])]),
      );
    case 'nothing':
      return null;
    default:
      return value;
  }
}

/** True for an object of JSON. */
export function isObject(given: unknown): given is JsonObject {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

function bytesOfJson(given: unknown, path: string): Uint8Array {
  if (typeof given === 'string') {
    if (loneSurrogateIn(given) < 0) return utf8(given);
  } else if (isObject(given) && Object.keys(given).join() === 'base64') {
    const { base64 } = given;
    const bytes = typeof base64 === 'string' ? Buffer.from(base64, 'base64') : null;
    if (bytes !== null && bytes.toString('base64') === base64) return bytes;
  }
  throw new UsageError(`${path} must be a text, or {"base64": "…"} for bytes that are none`);
}

function jsonOfBytes(bytes: Uint8Array): unknown {
  try {
    return fromUtf8(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}
