import { QuorateError, fromUtf8, utf8 } from '@quorate/base';
import { kindOf, loneSurrogateIn } from '../codecs/value-codec.js';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { keyAfterPrefix } from '../space-key.js';

/** The bytes of a key: 1 to 4096 of UTF-8. `invalidArgument` (no text, empty, half a surrogate pair), `keyTooLarge`; `path` names it. */
export function encodeKey(key: string, path = 'key'): Uint8Array {
  const encoded = encodeBorder(key, path);
  if (encoded.length === 0) throw wrong(path, 'must not be empty');
  return encoded;
}

/** The same for a border or a prefix, which may be empty. */
export function encodeBorder(key: string, path: string): Uint8Array {
  if (typeof key !== 'string') throw wrong(path, `must be a text, not ${kindOf(key)}`);
  const max = RESOURCE_LIMITS.keyBytesMax;
  // Each UTF-16 unit takes at least one byte: a huge text is refused before it is encoded.
  const encoded = key.length > max ? null : utf8(key);
  const bytes = encoded?.length ?? key.length;
  if (encoded === null || bytes > max)
    throw new QuorateError('keyTooLarge', `${path} has at least ${bytes} bytes, at most ${max}`, { path, bytes, max });
  const at = loneSurrogateIn(key);
  if (at >= 0) throw wrong(path, `must be well-formed text: half a surrogate pair at ${at}`);
  return encoded;
}

/** A key of the map as text. `valueInvalid` if it is no UTF-8: then a program of another kind wrote it. */
export function decodeKey(key: Uint8Array): string {
  try {
    return fromUtf8(key);
  } catch (cause) {
    throw new QuorateError('valueInvalid', 'a key of this map is no UTF-8', {}, { cause });
  }
}

/** The first key that may come after this one; undefined: none may. */
export function keyAfter(key: Uint8Array): Uint8Array | undefined {
  if (key.length === RESOURCE_LIMITS.keyBytesMax) return keyAfterPrefix(key);
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

function wrong(path: string, what: string): QuorateError {
  return new QuorateError('invalidArgument', `${path} ${what}`, { path });
}
