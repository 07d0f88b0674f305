import type { SimClient, SimCluster } from '@quorate/testkit';
import { STREAM } from './ready-cluster.js';

/** Calls that began in a second, and how many of them succeeded. */
export interface Second {
  called: number;
  done: number;
}

/** The part of the calls of some seconds that succeeded. */
export function partDone(seconds: readonly Second[]): number {
  return seconds.reduce((sum, { done }) => sum + done, 0) / seconds.reduce((sum, { called }) => sum + called, 0);
}

/** Appends in an open loop: they come at even times, from each client in turn, whatever becomes of those before. */
export class OpenLoop {
  called = 0;
  settled = 0;
  readonly #cluster: SimCluster;
  readonly #clients: readonly SimClient[];
  readonly #valueBytes: number;

  constructor(cluster: SimCluster, clients: readonly SimClient[], valueBytes: number) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#valueBytes = valueBytes;
  }

  run(perSecond: number, seconds: number): Second[] {
    return Array.from({ length: seconds }, () => {
      const second: Second = { called: 0, done: 0 };
      for (let ms = 10; ms <= 1000; ms += 10) {
        while (second.called < (perSecond * ms) / 1000) this.#append(second);
        this.#cluster.runFor(10);
      }
      return second;
    });
  }

  #append(second: Second): void {
    second.called++;
    this.#clients[this.called++ % this.#clients.length]?.append(STREAM, { valueBytes: this.#valueBytes }, (error) => {
      this.settled++;
      if (error === null) second.done++;
    });
  }
}
