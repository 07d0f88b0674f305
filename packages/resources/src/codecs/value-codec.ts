import { QuorateError, fromUtf8, utf8 } from '@quorate/base';

/**
 * How values become bytes. Both ways must be pure: the same value gives the same bytes, and `decode(encode(v))` a value equal to `v`. What they
 * throw reaches the caller as `valueInvalid` with that as its cause; then nothing was sent.
 */
export interface ValueCodec<T> {
  encode(value: T): Uint8Array;
  /** `bytes` belong to the codec from now on. */
  decode(bytes: Uint8Array): T;
}

/** How values become bytes; default JSON. */
export interface CodecOptions<T> {
  readonly codec?: ValueCodec<T>;
}

/** Bytes as they are. */
export function bytes(): ValueCodec<Uint8Array> {
  return {
    encode: (value) => {
      if (!(value instanceof Uint8Array)) throw invalidValue(`must be a Uint8Array, not ${kindOf(value)}`);
      return value;
    },
    // A buffer of its own, so that a small value does not keep a large answer in memory.
    decode: (encoded) => encoded.slice(),
  };
}

/** Text as UTF-8; half a surrogate pair is `valueInvalid`. */
export function text(): ValueCodec<string> {
  return {
    encode: (value) => {
      if (typeof value !== 'string') throw invalidValue(`must be a text, not ${kindOf(value)}`);
      const at = loneSurrogateIn(value);
      if (at >= 0) throw invalidValue(`must be well-formed text: half a surrogate pair at ${at}`, { at });
      return utf8(value);
    },
    decode: (encoded) => fromUtf8(encoded),
  };
}

/** Encodes; `what` names the value in errors. `valueInvalid`, `valueTooLarge` (details: bytes, max). */
export function encodeValueWith<T>(
  codec: ValueCodec<T>,
  value: T,
  { what, max }: { readonly what: string; readonly max: number },
): Uint8Array {
  const encoded = guarded(`${what} cannot be stored`, () => codec.encode(value)) as unknown;
  if (!(encoded instanceof Uint8Array)) throw invalidValue(`${what} cannot be stored: its codec gave ${kindOf(encoded)} instead of bytes`);
  if (encoded.length > max) {
    throw new QuorateError('valueTooLarge', `${what} has ${encoded.length} bytes, at most ${max}`, { bytes: encoded.length, max });
  }
  return encoded;
}

/** Decodes; `valueInvalid`. */
export function decodeValueWith<T>(codec: ValueCodec<T>, encoded: Uint8Array, what: string): T {
  return guarded(`${what} cannot be read`, () => codec.decode(encoded));
}

/** The fault of a value that cannot be stored or read. */
export function invalidValue(
  what: string,
  details: Readonly<Record<string, string | number>> = {},
  options?: { cause?: unknown },
): QuorateError {
  return new QuorateError('valueInvalid', what, details, options);
}

/** Place of the first half of a surrogate pair without the other; -1 if there is none. */
export function loneSurrogateIn(value: string): number {
  return value.search(/\p{Surrogate}/u);
}

/** What a value is, in a word. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}

function guarded<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const details = thrown instanceof QuorateError ? thrown.details : {};
    throw new QuorateError('valueInvalid', `${what}: ${why}`, details, { cause: thrown });
  }
}
