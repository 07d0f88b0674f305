import type { SimCluster } from './sim-cluster.js';

/** Calls that began in a second, and how many of them succeeded. */
export interface Second {
  called: number;
  done: number;
}

/** The part of the calls of some seconds that succeeded. */
export function partDone(seconds: readonly Second[]): number {
  return seconds.reduce((sum, { done }) => sum + done, 0) / seconds.reduce((sum, { called }) => sum + called, 0);
}

/** Calls in an open loop: they come at even times, whatever becomes of those before. */
export class OpenLoop {
  called = 0;
  settled = 0;
  readonly #cluster: SimCluster;
  readonly #call: (at: number, done: (error: Error | null) => void) => void;

  /** `call` makes the call with this number, from 0 on, and tells once how it ended. */
  constructor(cluster: SimCluster, call: (at: number, done: (error: Error | null) => void) => void) {
    this.#cluster = cluster;
    this.#call = call;
  }

  run(perSecond: number, seconds: number): Second[] {
    return Array.from({ length: seconds }, () => {
      const second: Second = { called: 0, done: 0 };
      for (let ms = 10; ms <= 1000; ms += 10) {
        while (second.called < (perSecond * ms) / 1000) this.#begin(second);
        this.#cluster.runFor(10);
      }
      return second;
    });
  }

  #begin(second: Second): void {
    second.called++;
    this.#call(this.called++, (error) => {
      this.settled++;
      if (error === null) second.done++;
    });
  }
}
