import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';

/** Time between two looks, in ms: shorter delays may go unseen, longer ones never do. */
const RESOLUTION_MS = 10;
const NANOSECONDS_PER_MS = 1_000_000;

/**
 * Makes a meter of how long the event loop of this process was held up since it was asked last: `eventLoopDelayP999Ms` and `eventLoopDelayMaxMs`,
 * and the number of looks behind them, `eventLoopDelaySamples`. It begins to look at the first call, and anew at each: a delay that begins before
 * the first look after it is not seen.
 */
export function eventLoopDelayMeter(): () => Readonly<Record<string, number>> {
  let histogram: IntervalHistogram | null = null;
  return () => {
    if (histogram === null) {
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
    }
    const { count, max } = histogram;
    const p999 = count === 0 ? 0 : histogram.percentile(99.9);
    histogram.reset();
    return {
      eventLoopDelayP999Ms: beyondResolution(p999),
      eventLoopDelayMaxMs: count === 0 ? 0 : beyondResolution(max),
      eventLoopDelaySamples: count,
    };
  };
}

/** What is measured is the time from look to look. */
function beyondResolution(nanoseconds: number): number {
  return Math.round(Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS) * 100) / 100;
}
