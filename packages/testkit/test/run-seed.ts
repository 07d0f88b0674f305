import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type SimulationOptions, type SimulationResult, drawScript, reportFailure, runSimulation } from '@quorate/testkit';

/** Time for making a failing run smaller, in ms: a test run has others to do. */
const SHRINK_MS = 20_000;

/** Runs a seed; if it fails, the error has the smallest script found and its story, which are kept as files too. */
export function runSeed(seed: number, options: SimulationOptions = {}): SimulationResult {
  try {
    return runSimulation(seed, options);
  } catch (thrown) {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-seed-'));
    const { text, files } = reportFailure({
      script: options.script ?? drawScript(seed, options),
      commit: '',
      pathOf: (name) => join(folder, name),
      shrink: { limitMs: SHRINK_MS, nowMs: () => performance.now(), ...(options.rule === undefined ? {} : { rule: options.rule }) },
    });
    for (const file of files) writeFileSync(join(folder, file.name), file.text);
    throw new Error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${text}`, { cause: thrown });
  }
}
