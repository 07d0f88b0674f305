import { type Random, SeededRandom, concatBytes, randomBetween, writeU16, writeU32 } from '@quorate/base';

/** One kind of fuzz case: draws its input from the random source and throws if something is wrong with what came of it. */
export type FuzzKind = (random: Random) => void;

/**
 * Runs that many cases of a package's fuzz, each of a kind drawn from the list; the same seed gives the same cases. The first that throws
 * ends the run with an error that names the fuzz, the seed, the number of the case and its kind.
 */
export function runFuzz(name: string, kinds: readonly FuzzKind[], seed: number, cases: number): { cases: number } {
  for (let i = 0; i < cases; i++) {
    const random = new SeededRandom(Math.imul(seed, 0x9e37_79b1) + i);
    const kind = drawOne(random, kinds);
    try {
      kind(random);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${name}: seed ${seed}, case ${i} (${kind.name}): ${what}`, { cause });
    }
  }
  return { cases };
}

/** One of the items, each equally likely. The list must not be empty. */
export function drawOne<T>(random: Random, items: readonly T[]): T {
  return items[randomBetween(random, 0, items.length - 1)] as T;
}

/** 0 to `max` random bytes. */
export function drawBytes(random: Random, max: number): Uint8Array {
  return Uint8Array.from({ length: randomBetween(random, 0, max) }, () => random.nextUint32());
}

/** Values that break a decoder which trusts a length or a count. */
const EVIL_NUMBERS = [0, 1, 2, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];

/**
 * A copy with one to three changes: a byte, a bit, a run of equal bytes, a number of 16 or 32 bits that lies, something cut, doubled or put in
 * between. `limits`: numbers at the borders of the format, told as lies too.
 */
export function mutateBytes(random: Random, original: Uint8Array, limits: readonly number[] = []): Uint8Array {
  const lies = [...EVIL_NUMBERS, ...limits];
  let bytes = original.slice();
  for (let left = randomBetween(random, 1, 3); left > 0 && bytes.length > 0; left--) {
    const at = randomBetween(random, 0, bytes.length - 1);
    const end = Math.min(bytes.length, at + randomBetween(random, 1, 40));
    switch (randomBetween(random, 0, 7)) {
      case 0:
        bytes[at] = random.nextUint32();
        break;
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << randomBetween(random, 0, 7));
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = concatBytes([bytes.subarray(0, at), drawBytes(random, 20), bytes.subarray(at)]).slice();
        break;
      case 4:
        if (at + 4 <= bytes.length) writeU32(bytes, at, drawOne(random, lies));
        break;
      case 6:
        if (at + 2 <= bytes.length) writeU16(bytes, at, drawOne(random, lies));
        break;
      case 5:
        bytes = concatBytes([bytes.subarray(0, end), bytes.subarray(at)]).slice();
        break;
      default:
        bytes.fill(drawOne(random, [0, 0xff, 0x80]), at, end);
    }
  }
  return bytes;
}
