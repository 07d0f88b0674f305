// `npm run sim -- [--seed N] [--count N] [--failures N] [--log FILE] [--history FILE] [--shrink-seconds N] [--replay FILE]`: runs whole clusters in the simulator, one per seed; stops
// at the first that breaks a promise, or at the N-th with `--failures N`. With `--log` the log lines of all nodes and clients go to a file, with
// `--history` what the clients of resources of the last run called and saw (docs/formats/history.md). A failing run is made smaller for at most
// `--shrink-seconds` (default 60, 0: not at all) and kept under tmp/sim: `--replay` runs such a file again.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { replay, tellFailure } from './sim/failure.mjs';
import { ROOT, build, ensureInstalled, main, parseFlags, say, wholeNumber } from './workspace.mjs';

const counted = (counts) =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

/** One line for a run that kept all promises. */
function summary({ virtualMs, operations, records, faults, traceHash }) {
  return `${(virtualMs / 1000).toFixed(1)} virtual s, ${operations} calls, ${records} records, faults: ${counted(faults)}, trace ${traceHash}`;
}

/** The numbers of all runs together. */
class Totals {
  numbers = {};
  faults = {};

  add({ virtualMs, steps, operations, faults, resources, snapshotsTaken, snapshotsInstalled, expiries, statesCompared }) {
    addTo(this.numbers, { virtualMs, steps, operations, snapshotsTaken, snapshotsInstalled, expiries, statesCompared, ...resources });
    addTo(this.faults, faults);
  }

  tell(realMs) {
    const { virtualMs = 0, steps, operations, ...rest } = this.numbers;
    if (virtualMs === 0) return;
    const factor = virtualMs / realMs;
    const rate = (operations / virtualMs) * 1000;
    say(`sim: faults: ${counted(this.faults)}`);
    say(`sim: ${counted(rest)}`);
    say(
      `sim: ${(virtualMs / 1000).toFixed(0)} virtual s in ${(realMs / 1000).toFixed(0)} s: factor ${factor.toFixed(1)} at ${rate.toFixed(0)} calls per virtual second, ${steps} events`,
    );
  }
}

function addTo(sums, numbers) {
  for (const [name, number] of Object.entries(numbers)) sums[name] = (sums[name] ?? 0) + number;
}

await main(async () => {
  const flags = parseFlags(process.argv.slice(2), ['seed', 'count', 'failures', 'log', 'history', 'shrink-seconds', 'replay']);
  const seed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  const count = wholeNumber(flags, 'count', { min: 1, max: 1_000_000, fallback: flags.seed === undefined ? 20 : 1 });
  const failuresMax = wholeNumber(flags, 'failures', { min: 1, max: 1_000_000, fallback: 1 });
  const shrinkSeconds = wholeNumber(flags, 'shrink-seconds', { min: 0, max: 86_400, fallback: 60 });
  await ensureInstalled();
  await build(['packages/testkit']);
  const load = (name) => import(pathToFileURL(join(ROOT, 'packages', name, 'dist', 'index.js')).href);
  const testkit = await load('testkit');
  const { encodeEvent, encodeHeader } = await load('checkers');
  const file = flags.log === undefined ? null : openSync(flags.log, 'w');
  const options = {
    ...(file === null ? {} : { log: (line) => writeSync(file, `${line}\n`) }),
    ...(flags.history === undefined
      ? {}
      : {
          history: (header, events) => writeFileSync(flags.history, `${[encodeHeader(header), ...events.map(encodeEvent)].join('\n')}\n`),
        }),
  };
  if (flags.replay !== undefined) return replay(testkit, flags.replay, options);
  const totals = new Totals();
  let realMs = 0;
  const failed = [];
  for (let at = seed; at < seed + count && failed.length < failuresMax; at++) {
    const started = performance.now();
    try {
      const result = testkit.runSimulation(at, options);
      const ms = performance.now() - started;
      realMs += ms;
      totals.add(result);
      say(`sim: seed ${at}: ${Math.round(ms)} ms, ${summary(result)}`);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      failed.push(at);
      if (shrinkSeconds > 0) tellFailure(testkit, testkit.drawScript(at), { seconds: shrinkSeconds });
    }
  }
  if (file !== null) closeSync(file);
  totals.tell(realMs);
  if (failed.length > 0) throw new Error(`seeds that failed: ${failed.join(', ')}; repeat one with: npm run sim -- --seed ${failed[0]}`);
  say(`sim: seeds ${seed} to ${seed + count - 1}: all promises held`);
});
