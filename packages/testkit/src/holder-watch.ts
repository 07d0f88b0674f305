import type { Holding } from '@quorate/resources';
import type { WorkloadClient } from './workload-client.js';

/** Whoever holds something now, as far as it knows: two at a time is a fault (T57). */
export class HolderWatch {
  /** Grants seen, and grants while another holding of the same was looked at. */
  grants = 0;
  compared = 0;
  readonly #last = new Map<string, { readonly client: WorkloadClient; readonly holding: Holding }[]>();
  readonly #fault: (message: string) => void;

  /** `fault` is told what is wrong; it must end the run. */
  constructor(fault: (message: string) => void) {
    this.#fault = fault;
  }

  granted(object: string, client: WorkloadClient, holding: Holding): void {
    this.grants++;
    const others = (this.#last.get(object) ?? []).filter((other) => other.client.process.isAlive);
    for (const other of others) {
      this.compared++;
      if (!other.holding.isHeld) continue;
      const [its, ours] = [other.holding.token.index, holding.token.index];
      this.#fault(
        `T57: ${object} was granted to ${client.name} (token ${ours}) while ${other.client.name} (token ${its}) knows that it holds it`,
      );
    }
    this.#last.set(object, [...others.filter((other) => other.holding.isHeld), { client, holding }]);
  }
}
