// Seeds in this process, one after the other, with logs and histories.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { cpuMsSince } from './cpu-time.mjs';

/** Ends at the first error of the simulator itself: `broken` says which. */
export async function runHere({ testkit, checkers, seeds, failuresMax, options, log, history, totals, onResult, onFailure, onBroken }) {
  const { runSimulation, isSimulatorError } = testkit;
  const { encodeEvent, encodeHeader } = checkers;
  const file = log === undefined ? null : openSync(log, 'w');
  const writeHistory = (header, events) => writeFileSync(history, `${[encodeHeader(header), ...events.map(encodeEvent)].join('\n')}\n`);
  const all = {
    ...options,
    ...(file === null ? {} : { log: (line) => writeSync(file, `${line}\n`) }),
    ...(history === undefined ? {} : { history: writeHistory }),
  };
  const failed = [];
  let broken = null;
  for (const seed of seeds) {
    if (failed.length >= failuresMax || broken !== null) break;
    const started = process.cpuUsage();
    try {
      const result = runSimulation(seed, all);
      const ms = cpuMsSince(started);
      totals.add(result, ms);
      onResult(seed, ms, result);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      if (isSimulatorError(error)) {
        broken = `seed ${seed}: ${text}`;
        onBroken(seed, broken);
      } else {
        failed.push(seed);
        onFailure(seed, text);
      }
    }
  }
  if (file !== null) closeSync(file);
  return { failed, broken };
}
