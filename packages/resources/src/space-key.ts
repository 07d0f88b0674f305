import { invariant } from '@quorate/base';
import { writeU64Be } from '@quorate/machine';

/** One part of a key: a whole number (8 bytes, big-endian, so that byte order is number order) or bytes as they are. */
export type KeyPart = number | Uint8Array;

/** A key in the space of a resource: the number of its section in one byte (1 to 254), then the parts. */
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

/** The first key that does not start with `prefix`, itself a key or the beginning of one: there is one, as no section is 255. */
export function keyAfterPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  invariant(length > 0, 'the section of a key is below 255');
  const after = prefix.slice(0, length);
  after[length - 1] = (after[length - 1] as number) + 1;
  return after;
}
