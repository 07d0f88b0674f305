import type { Timers } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import type { HistoryFields } from '@quorate/checkers';
import type { ResourceClient } from '@quorate/resources';

/** What a workload needs of a client: that of a simulation, or a real one. */
export interface WorkloadClient {
  readonly name: string;
  readonly face: { readonly resources: { readonly client: ResourceClient } };
  readonly process: {
    readonly isAlive: boolean;
    readonly nowMs: number;
    readonly timers: Timers;
    /** Runs when the process dies. */
    onKilled(callback: () => void): void;
  };
}

/** An append under what is held, which is recorded with `fenceInHistory`; `done` once it has an outcome. */
export type FencedAppend = (
  stream: string,
  options: { readonly fence: Fence; readonly fenceInHistory: HistoryFields; readonly deadlineMs: number },
  done: () => void,
) => void;
