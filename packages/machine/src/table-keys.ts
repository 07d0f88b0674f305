/*
 * Tables of a machine. Numbers in keys are big-endian, so that byte order is number order; numbers in values are little-endian.
 *
 *    1 sessions     u64 session                              -> record, see sessions.ts
 *    2 session keys 16 bytes key that it was opened with     -> u64 session
 *    3 replies      u64 session, u64 number of the first     -> consecutive replies, see reply-codec.ts
 *    4 events       u64 session, u64 index, u16 place        -> u64 previous index, u64 resource, u16 code, fields
 *    5 resources    u64 resource                             -> u16 version, type, name
 *    6 names        name in UTF-8                            -> u64 resource
 *    7 timers       u64 due ms, u64 resource, id             -> nothing
 *    8 timer ids    u64 resource, id                         -> u64 due ms
 *    9 owners       u64 session, u64 resource                -> nothing
 *   10 seen tokens  u32 group, u64 resource                  -> u32 epoch, u64 index
 *   16 spaces       u64 resource, key                        -> value
 */
export const TABLE = {
  sessions: 1,
  sessionKeys: 2,
  replies: 3,
  events: 4,
  resources: 5,
  names: 6,
  timers: 7,
  timerIds: 8,
  owners: 9,
  seenTokens: 10,
  spaces: 16,
} as const;

/** The tables that this version knows. */
export const TABLE_NUMBERS: ReadonlySet<number> = new Set(Object.values(TABLE));

export function writeU16Be(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[at + 1] = value;
}

export function readU16Be(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 8) | (b[at + 1] as number);
}

export function writeU32Be(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}

export function readU32Be(b: Uint8Array, at: number): number {
  return (((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8) | (b[at + 3] as number)) >>> 0;
}

/** A safe integer, 0 or more, in 8 bytes, big-endian: byte order is number order. */
export function writeU64Be(b: Uint8Array, at: number, value: number): void {
  const low = value >>> 0;
  writeU32Be(b, at, value === low ? 0 : (value - low) / 0x1_0000_0000);
  writeU32Be(b, at + 4, low);
}

/** A big-endian number of 8 bytes at a position that the caller has checked. */
export function readU64Be(b: Uint8Array, at: number): number {
  return readU32Be(b, at) * 0x1_0000_0000 + readU32Be(b, at + 4);
}

/** A new key of big-endian numbers of 8 bytes. */
export function keyOf(...numbers: readonly number[]): Uint8Array {
  const key = new Uint8Array(numbers.length * 8);
  for (let i = 0; i < numbers.length; i++) writeU64Be(key, i * 8, numbers[i] as number);
  return key;
}

/** A new key of a big-endian number and bytes. */
export function keyWith(number: number, rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(8 + rest.length);
  writeU64Be(key, 0, number);
  key.set(rest, 8);
  return key;
}

/** No bytes: the value where a key says it all. */
export const EMPTY: Uint8Array = new Uint8Array(0);
