import type { Holding } from '@quorate/resources';
import type { WorkloadClient } from './workload-client.js';

/** Where the clocks of a cluster are known to have been wrong. */
export interface HolderTolerance {
  /** By how much an earlier holder may be late to know that it has lost something, in ms; 0: not at all. */
  lateMs(): number;
  later(ms: number, action: () => void): void;
}

/** Whoever holds something now, as far as it knows: two at a time is a fault (T57). */
export class HolderWatch {
  /** Grants seen, and grants while another holding of the same was looked at. */
  grants = 0;
  compared = 0;
  readonly #last = new Map<string, { readonly client: WorkloadClient; readonly holding: Holding }[]>();
  readonly #fault: (message: string) => void;
  readonly #tolerance: HolderTolerance | null;

  /** `fault` is told what is wrong; it must end the run. */
  constructor(fault: (message: string) => void, tolerance: HolderTolerance | null = null) {
    this.#fault = fault;
    this.#tolerance = tolerance;
  }

  granted(object: string, client: WorkloadClient, holding: Holding): void {
    this.grants++;
    const others = (this.#last.get(object) ?? []).filter((other) => other.client.process.isAlive);
    for (const other of others) {
      this.compared++;
      if (!other.holding.isHeld) continue;
      const [its, ours] = [other.holding.token.index, holding.token.index];
      const fault = `T57: ${object} was granted to ${client.name} (token ${ours}) while ${other.client.name} (token ${its}) knows that it holds it`;
      const lateMs = this.#tolerance?.lateMs() ?? 0;
      if (lateMs === 0) this.#fault(fault);
      else this.#tolerance?.later(lateMs, () => this.#isStill(other) && this.#fault(`${fault}, ${lateMs} ms later still`));
    }
    this.#last.set(object, [...others.filter((other) => other.holding.isHeld), { client, holding }]);
  }

  #isStill({ client, holding }: { readonly client: WorkloadClient; readonly holding: Holding }): boolean {
    return client.process.isAlive && holding.isHeld;
  }
}
