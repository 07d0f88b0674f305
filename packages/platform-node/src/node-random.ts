import { randomFillSync } from 'node:crypto';
import type { Random } from '@quorate/base';

/** Drawn from the system at once: a draw costs microseconds, a number of the pool nanoseconds. */
const POOL_NUMBERS = 1024;

class NodeRandom implements Random {
  readonly #pool = new Uint32Array(POOL_NUMBERS);
  #next = POOL_NUMBERS;

  nextUint32(): number {
    if (this.#next === POOL_NUMBERS) {
      randomFillSync(this.#pool);
      this.#next = 0;
    }
    const at = this.#next++;
    const value = this.#pool[at] as number;
    // A number is given out once and not kept.
    this.#pool[at] = 0;
    return value;
  }
}

/** Random numbers from the cryptographic generator of the operating system. */
export const nodeRandom: Random = new NodeRandom();
