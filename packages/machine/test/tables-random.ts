import { SeededRandom } from '@quorate/base';

/** Whole numbers from 0 up to a border, excluded; the same ones for the same seed. */
export function createRandom(seed: number): (below: number) => number {
  const random = new SeededRandom(seed);
  return (below) => random.nextUint32() % below;
}
