import type { Timers } from '@quorate/base';
import type { ResourceClient } from '@quorate/resources';

/** What a workload needs of a client: that of a simulation, or a real one. */
export interface WorkloadClient {
  readonly name: string;
  readonly face: { readonly resources: { readonly client: ResourceClient } };
  readonly process: {
    readonly isAlive: boolean;
    readonly timers: Timers;
    /** Runs when the process dies. */
    onKilled(callback: () => void): void;
  };
}
