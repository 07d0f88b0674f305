import type { DriverSettings } from './driver.js';
import type { LoadOptions, LoadReport } from './load.js';

/** What a client process is told. Each but `stop` has an answer. */
export type LoadRequest =
  /** `module`: URL of a module that exports `openDriver`. Answer: `opened` or `failed`. */
  | { readonly type: 'open'; readonly module: string; readonly settings: DriverSettings; readonly load: LoadOptions }
  | { readonly type: 'start' }
  | { readonly type: 'beginMeasure' }
  /** Answer: `report`. */
  | { readonly type: 'endMeasure' }
  /** Ends the process, once nothing is under way. */
  | { readonly type: 'stop' };

/** What a client process tells. */
export type LoadAnswer =
  | { readonly type: 'opened' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  /** Now and then, while it runs: counts since the start. */
  | { readonly type: 'progress'; readonly acknowledged: number; readonly failed: number }
  | { readonly type: 'report'; readonly report: ClientReport };

/** What one client process did while it was measured. */
export interface ClientReport extends LoadReport {
  /** User and system time of the process, in µs. */
  readonly cpuMicros: number;
}
