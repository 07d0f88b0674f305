import { SeededRandom } from '@quorate/base';

/**
 * A random source of its own for one purpose of a run, by the seed and the purpose's name: what one draws changes nothing for another, so a
 * fault or a client that is left out leaves the rest as it was.
 */
export function randomByName(seed: number, name: string): SeededRandom {
  return new SeededRandom(seedByName(seed, name));
}

/** The seed of `randomByName`: 32 bits, unsigned (FNV-1a over the name, from the seed). */
export function seedByName(seed: number, name: string): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  // FNV alone leaves names that differ in the last character close together.
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  return (hash ^ (hash >>> 15)) >>> 0;
}
