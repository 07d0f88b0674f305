// `npm run chaos -- --minutes M`: three servers and some clients in processes of their own, and faults at random: kills, pauses, cut networks, full
// disks, wrong clocks. What the clients called and saw is written down (docs/formats/history.md) and judged as that of the simulator is.
import { rmSync } from 'node:fs';
import { readOptions } from './chaos/options.mjs';
import { build, ensureInstalled, say } from './workspace.mjs';

const EXIT = { fine: 0, violation: 1, ownFault: 3 };

function report({ figures, problems, remarks }, options, impossible) {
  const { faults, history, judged, ...rest } = figures;
  for (const remark of remarks) say(`chaos: ${remark}`);
  for (const fault of options.faults) {
    const why = impossible(fault, { kind: figures.network });
    say(`chaos: ${fault}: ${why === null ? (faults?.[fault] ?? 0) : `not injected: ${why}`}`);
  }
  for (const [name, count] of Object.entries({ ...judged, ...rest })) say(`chaos: ${name}: ${count}`);
  if (problems.length === 0) {
    if (options.history === null) rmSync(history, { force: true });
    else say(`chaos: history: ${history}`);
    say(`chaos: seed ${options.seed}: all promises held`);
    return EXIT.fine;
  }
  if (history !== undefined) say(`chaos: history: ${history}`);
  say(`chaos: seed ${options.seed}: ${problems.length} problems:`);
  for (const problem of problems) say(problem);
  return EXIT.violation;
}

const options = readOptions(process.argv.slice(2));
// By way of `exit`, so that all that was made goes.
process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
try {
  await ensureInstalled();
  await build();
  const { Chaos } = await import('./chaos/run.mjs');
  const { impossible } = await import('./chaos/faults.mjs');
  const chaos = new Chaos(options, say);
  say(`chaos: seed ${options.seed}, ${options.minutes} minutes`);
  await chaos.run();
  process.exitCode = report(chaos, options, impossible);
  if (options.isKeeping) say(`chaos: kept in ${chaos.directory}`);
} catch (error) {
  process.stderr.write(`[quorate] error: ${error?.stack ?? String(error)}\n`);
  process.exitCode = EXIT.ownFault;
}
