import { setTimeout as delay } from 'node:timers/promises';
import { asQuorateError } from '@quorate/base';
import type { Driver } from './driver.js';
import { GapProbe } from './gap-probe.js';
import { Histogram } from './histogram.js';

/** Between two operations of the probe. */
const PROBE_MS = 1;
/** Before each transfer, so that followers have caught up. */
const SETTLE_MS = 100;

/** What planned changes of the leader cost a client, as `--json` prints it; the names are stable. */
export interface GapResult {
  /** True: some transfers failed, or it was ended early. */
  readonly partial: boolean;
  readonly partialReasons: readonly string[];
  /** Changes of the leader that were measured. */
  readonly operations: number;
  /** Longest time without an acknowledgement around each of them. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
  /** Failed ones by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly histogram: readonly (readonly [upToMs: number, count: number])[];
}

/** How transfers of the leadership are measured. */
export interface TransferOptions {
  /** Hands leadership over; resolves when it was. */
  readonly transfer: () => Promise<void>;
  /** Begins the writes of the probe. */
  readonly driver: Driver;
  readonly transfers: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number) => void;
}

/** Has leadership handed over, again and again, while entries are written, and measures for how long no write was acknowledged. */
export async function measureTransfers(options: TransferOptions): Promise<GapResult> {
  const { transfer, driver, transfers, timeoutMs, signal, onProgress } = options;
  const probe = new GapProbe(driver, PROBE_MS);
  const gaps = new Histogram();
  const errors: Record<string, number> = {};
  const reasons = new Set<string>();
  try {
    for (let done = 0; done < transfers; done++) {
      if (signal?.aborted === true) {
        reasons.add('interrupted');
        break;
      }
      await delay(SETTLE_MS);
      probe.reset();
      try {
        await transfer();
      } catch (thrown) {
        const { code } = asQuorateError(thrown);
        errors[code] = (errors[code] ?? 0) + 1;
        reasons.add('transfers failed');
        continue;
      }
      if ((await probe.acknowledged(performance.now(), timeoutMs)) === null) {
        reasons.add(`no write was acknowledged for ${(timeoutMs / 1000).toFixed(1)} s after a transfer`);
        break;
      }
      gaps.add(probe.longestMs);
      onProgress?.(done + 1);
    }
  } finally {
    probe.stop();
  }
  return gapResult(gaps, errors, [...reasons]);
}

/** The result of gaps that were measured one by one. */
export function gapResult(gaps: Histogram, errors: Readonly<Record<string, number>>, partialReasons: readonly string[]): GapResult {
  return {
    partial: partialReasons.length > 0,
    partialReasons,
    operations: gaps.count,
    p50Ms: gaps.percentile(0.5),
    p99Ms: gaps.percentile(0.99),
    maxMs: gaps.maxMs,
    meanMs: gaps.meanMs,
    errors,
    histogram: gaps.rows(),
  };
}
