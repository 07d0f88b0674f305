import { SimulatedCrash } from './faults.js';
import type { SimProcess } from './sim-process.js';

/** When in a call a process dies; `midway`: some first part of what it sends has left. */
export type NetworkCrash = 'before' | 'midway' | 'after';

/** Counts what one process does with the network and is given by it, so that it can be killed in the call of a given number. */
export class NetworkCalls {
  /** Listening, dialing, writing, flushing, ending, and each piece of bytes that it is given. */
  count = 0;
  readonly #process: SimProcess;
  #crashAt = Number.POSITIVE_INFINITY;
  #when: NetworkCrash = 'before';
  #died: () => void = () => {};

  constructor(process: SimProcess) {
    this.#process = process;
  }

  /** The process dies in its call after `skip` more; `died` is told when it does. */
  crash(skip: number, when: NetworkCrash, died: () => void = () => {}): void {
    this.#died = died;
    this.#crashAt = this.count + skip + 1;
    this.#when = when;
  }

  /** It does not die that way any more. */
  spare(): void {
    this.#crashAt = Number.POSITIVE_INFINITY;
  }

  /** Counts a call; the process dies if it was to die before it. Gives the way in which it is to die in it otherwise, null: none. */
  enter(): NetworkCrash | null {
    if (++this.count !== this.#crashAt) return null;
    if (this.#when === 'before') this.die();
    return this.#when;
  }

  /** The process dies within a call: nothing that follows has any effect. */
  die(): never {
    this.#died();
    this.#process.kill();
    throw new SimulatedCrash(`${this.#process.name} died in call ${this.count} to the network`);
  }
}
