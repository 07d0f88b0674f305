import type { CallScript } from './call-turns.js';
import type { HistoryRecorder } from './history-recorder.js';
import type { HolderWatch } from './holder-watch.js';
import type { ResourcePlan } from './resource-plan.js';
import type { ResourceClientScript } from './sim-script.js';
import type { FencedAppend, WorkloadClient } from './workload-client.js';

/** What a workload of resources works with. */
export interface ResourceWorkloadInit {
  readonly client: WorkloadClient;
  readonly plan: ResourcePlan;
  readonly script: ResourceClientScript;
  readonly calls: CallScript;
  readonly recorder: HistoryRecorder;
  readonly holders: HolderWatch;
  /** Appended to under what is held. */
  readonly streams: readonly string[];
  /** How; null: it is not done. */
  readonly append: FencedAppend | null;
}
