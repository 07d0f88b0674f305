import { fromUtf8, utf8 } from '@quorate/base';
import { type ValueCodec, invalidValue } from './value-codec.js';

/** Deepest nesting that is stored: far below where engines give up. */
const DEPTH_MAX = 500;

/**
 * JSON, the default. What JSON would silently lose is `valueInvalid`: undefined, functions, symbols, NaN and infinities, Maps, Sets and other
 * objects that are not plain; also cycles and bigints. A property that is undefined is left out, and what has `toJSON` (dates) becomes what
 * that gives, as JSON does.
 */
export function json<T = unknown>(): ValueCodec<T> {
  return {
    encode: (value) => {
      check(value, 'value', 0);
      return utf8(JSON.stringify(value));
    },
    decode: (encoded) => JSON.parse(fromUtf8(encoded)) as T,
  };
}

function check(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw lost(path, String(value));
      return;
    case 'object':
      if (value !== null) checkObject(value, path, depth);
      return;
    default:
      throw lost(path, typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`);
  }
}

function checkObject(value: object, path: string, depth: number): void {
  if (depth >= DEPTH_MAX) throw invalidValue(`${path} is nested more than ${DEPTH_MAX} deep, or in a circle`, { path: path.slice(0, 200) });
  if ('toJSON' in value && typeof value.toJSON === 'function') {
    const given: unknown = value.toJSON(path);
    // A date that is none gives null.
    if (given === null || given === undefined) throw lost(path, 'an object without a JSON form');
    if (given !== value) check(given, path, depth + 1);
    return;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(value[i], `${path}[${i}]`, depth + 1);
    return;
  }
  const tag = Object.prototype.toString.call(value);
  if (tag !== '[object Object]') throw lost(path, tag.slice('[object '.length, -1));
  for (const name of Object.keys(value)) {
    const property = (value as Readonly<Record<string, unknown>>)[name];
    if (property !== undefined) check(property, `${path}.${name}`, depth + 1);
  }
}

function lost(path: string, what: string): Error {
  return invalidValue(`${path} is ${what}, which JSON cannot hold`, { path: path.slice(0, 200) });
}
