import { writeU64Be } from '@quorate/machine';

/** One part of a key: a whole number (8 bytes, big-endian, so that byte order is number order) or bytes as they are. */
export type KeyPart = number | Uint8Array;

/** A key in the space of a resource: the number of its section in one byte, then the parts. */
export function spaceKey(section: number, ...parts: readonly KeyPart[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += typeof part === 'number' ? 8 : part.length;
  const key = new Uint8Array(length);
  key[0] = section;
  let at = 1;
  for (const part of parts) {
    if (typeof part === 'number') {
      writeU64Be(key, at, part);
      at += 8;
    } else {
      key.set(part, at);
      at += part.length;
    }
  }
  return key;
}

/** The first key that does not start with `prefix`; undefined: there is none, as all its bytes are 255. */
export function keyAfterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return undefined;
  const after = prefix.slice(0, length);
  after[length - 1] = (after[length - 1] as number) + 1;
  return after;
}
