// `npm run chaos -- --minutes M`: three servers and some clients in processes of their own, and faults at random: kills, pauses, cut networks, full
// disks, wrong clocks. What the clients called and saw is written down (docs/formats/history.md) and judged as that of the simulator is.
import { closeSync, openSync } from 'node:fs';
import { placeOfHistory } from './chaos/kept-history.mjs';
import { readOptions } from './chaos/options.mjs';
import { build, ensureInstalled, say } from './workspace.mjs';

const EXIT = { fine: 0, violation: 1, ownFault: 3 };

function report({ figures, problems, remarks }, options, impossible) {
  const { faults, judged, ...rest } = figures;
  for (const remark of remarks) say(`chaos: ${remark}`);
  for (const fault of options.faults) {
    const why = impossible(fault, { kind: figures.network });
    say(`chaos: ${fault}: ${why === null ? (faults?.[fault] ?? 0) : `not injected: ${why}`}`);
  }
  for (const [name, count] of Object.entries({ ...judged, ...rest })) say(`chaos: ${name}: ${count}`);
  if (problems.length > 0) {
    say(`chaos: seed ${options.seed}: ${problems.length} problems:`);
    for (const problem of problems) say(problem);
    return EXIT.violation;
  }
  const never = Object.keys(faults ?? {}).filter((fault) => faults[fault] === 0);
  if (never.length > 0) {
    say(`chaos: seed ${options.seed}: all promises held, but some faults were never injected: ${never.join(', ')}`);
    return EXIT.ownFault;
  }
  say(`chaos: seed ${options.seed}: all promises held`);
  return EXIT.fine;
}

const options = readOptions(process.argv.slice(2));
// By way of `exit`, so that all that was made goes.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
try {
  await ensureInstalled();
  await build();
  const { Chaos } = await import('./chaos/run.mjs');
  const { impossible } = await import('./chaos/faults.mjs');
  // Made now: after the run it would be too late to hear that it cannot be.
  const history = options.history ?? placeOfHistory({ seed: options.seed, date: new Date() });
  closeSync(openSync(history, 'w'));
  const chaos = new Chaos({ ...options, history }, say);
  say(`chaos: seed ${options.seed}, ${options.minutes} minutes`);
  await chaos.run();
  process.exitCode = report(chaos, options, impossible);
  if (options.isKeeping) say(`chaos: kept in ${chaos.directory}`);
  say(`chaos: history: ${history}`);
} catch (error) {
  process.stderr.write(`[quorate] error: ${error?.stack ?? String(error)}\n`);
  process.exitCode = EXIT.ownFault;
}
