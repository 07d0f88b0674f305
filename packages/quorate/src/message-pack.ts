/** The codec for MessagePack, at `quorate/message-pack`: a door of its own, so that only who uses it loads the library behind it. */
import { ExtensionCodec, decode, decodeTimestampToTimeSpec, encode, encodeTimestampExtension } from '@msgpack/msgpack';
import { QuorateError } from '@quorate/base';
import { type ValueCodec, invalidValue, kindOf, loneSurrogateIn } from '@quorate/resources';
import { MESSAGE_PACK_DEPTH_MAX, checkMessagePack } from './message-pack-form.js';

const TIMESTAMP = -1;
const NANOSECONDS_MAX = 999_999_999;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

const extensionCodec = new ExtensionCodec();
extensionCodec.register({ type: TIMESTAMP, encode: encodeTimestampExtension, decode: momentOf });

/**
 * MessagePack: what JSON holds, in fewer bytes, and besides that `Uint8Array`, `Date`, NaN, infinities and `bigint` from −2⁶³ to 2⁶⁴ − 1. A `bigint` is a
 * 64-bit integer of MessagePack and comes back as one; a number comes back as a number, whatever its size. So a 64-bit integer that another
 * program has written is a `bigint` here, also a small one.
 *
 * `valueInvalid` with `details.path` for what would come back as something else: undefined (a property that is undefined is left out), functions, symbols, larger
 * bigints, half a surrogate pair, dates that are none, Maps, Sets, instances of classes, other views of bytes; the name `__proto__`; and what is nested more than
 * 500 deep, or in a circle. Negative zero becomes zero, and a Buffer a `Uint8Array`. `valueInvalid` with `details.at` for bytes that are not one whole such value: text that is not
 * UTF-8, keys that are no texts, extensions other than moments in time, too deep nesting. What is decoded takes room in proportion to the bytes.
 *
 * @example
 * ```ts
 * import { messagePack } from 'quorate/message-pack';
 *
 * const readings = quorate.map<{ at: Date; raw: Uint8Array }>('readings', { codec: messagePack() });
 * ```
 */
export function messagePack<T = unknown>(): ValueCodec<T> {
  return {
    encode: (value) => {
      check(value, 'value', 0);
      return guarded(() =>
        encode(value, { extensionCodec, useBigInt64: true, ignoreUndefined: true, maxDepth: MESSAGE_PACK_DEPTH_MAX + 2 }),
      );
    },
    decode: (encoded) => {
      const { hasBytes } = checkMessagePack(encoded);
      // Bytes in the value are views of what it is decoded from: a small one must not keep a large answer in memory, nor change with it.
      const own = hasBytes ? new Uint8Array(encoded) : encoded;
      return guarded(() => decode(own, { extensionCodec, useBigInt64: true })) as T;
    },
  };
}

/** A moment in time; fractions of a millisecond are cut off. */
function momentOf(data: Uint8Array): Date {
  const { sec, nsec } = decodeTimestampToTimeSpec(data);
  const moment = new Date(sec * 1000 + nsec / 1e6);
  if (nsec > NANOSECONDS_MAX || Number.isNaN(moment.getTime())) throw invalidValue('a moment in time that a Date cannot hold');
  return moment;
}

function check(value: unknown, path: string, depth: number): void {
  switch (typeof value) {
    case 'boolean':
    case 'number':
      return;
    case 'string':
      if (loneSurrogateIn(value) >= 0) throw lost(path, 'text with half a surrogate pair');
      return;
    case 'bigint':
      if (value < INT64_MIN || value > UINT64_MAX) throw lost(path, 'a bigint of more than 64 bits');
      return;
    case 'object':
      if (value !== null && !(value instanceof Uint8Array)) checkObject(value, path, depth);
      return;
    default:
      throw lost(path, kindOf(value));
  }
}

function checkObject(value: object, path: string, depth: number): void {
  if (depth >= MESSAGE_PACK_DEPTH_MAX) {
    throw invalidValue(`${path.slice(0, 200)} is nested more than ${MESSAGE_PACK_DEPTH_MAX} deep, or in a circle`, {
      path: path.slice(0, 200),
    });
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw lost(path, 'a date that is none');
    return;
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) check(value[i], `${path}[${i}]`, depth + 1);
    return;
  }
  if (!isPlain(value))
    throw lost(path, `an object of another kind (${Object.prototype.toString.call(value).slice('[object '.length, -1)})`);
  for (const name of Object.keys(value)) {
    const property = (value as Readonly<Record<string, unknown>>)[name];
    if (property === undefined) continue;
    if (name === '__proto__' || loneSurrogateIn(name) >= 0)
      throw lost(path, `an object with the name ${JSON.stringify(name.slice(0, 50))}`);
    check(property, `${path}.${name}`, depth + 1);
  }
}

/** As literals make them, in this realm or another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function lost(path: string, what: string): QuorateError {
  return invalidValue(`${path.slice(0, 200)} is ${what}, which is not stored as MessagePack`, { path: path.slice(0, 200) });
}

/** What the library throws is a fault of the value. */
function guarded<R>(run: () => R): R {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof QuorateError) throw thrown;
    throw invalidValue(thrown instanceof Error ? thrown.message : String(thrown), {}, { cause: thrown });
  }
}
