/** A source of random numbers, injected. */
export interface Random {
  /** The next unsigned 32-bit number. */
  nextUint32(): number;
}

/** xoshiro128** seeded through splitmix32: the same seed gives the same sequence everywhere. Not for secrets. */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    let state = seed >>> 0;
    const split = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.#a = split();
    this.#b = split();
    this.#c = split();
    this.#d = split() | 1;
  }

  nextUint32(): number {
    const scrambled = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = rotate(this.#d, 11);
    return scrambled;
  }
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k));
}

/** A number in [0, 1). */
export function randomUnit(random: Random): number {
  return random.nextUint32() / 0x1_0000_0000;
}

/** A whole number in [low, high], both included. */
export function randomBetween(random: Random, low: number, high: number): number {
  return low + Math.floor(randomUnit(random) * (high - low + 1));
}

/** True with the given probability (0 to 1). */
export function randomChance(random: Random, probability: number): boolean {
  return randomUnit(random) < probability;
}
