// `npm run mutants -- [--only ID,…] [--jobs N] [--sim SEEDS [--record]] [--list] [--json]`: puts known bugs of this trade into scratch copies of the
// repository, one at a time, and demands that the test that is named for each fails with it and passes without it. The bugs are in
// scripts/mutants/list, the traps and rules that they stand for in scripts/mutants/traps.mjs. `--list` shows which test and which mutant stand
// for which trap; `--sim SEEDS` also asks the general simulation, which knows none of the traps, three times for up to SEEDS seeds each;
// `--record` keeps what it says in scripts/mutants/simulated.json, and later tables show that.
// Exit code 0: all caught; 1: one survived, or is no good; 2: wrong use.
import { availableParallelism } from 'node:os';
import { ROOT, build, ensureInstalled, main, say } from './workspace.mjs';
import { MUTANTS, mutantsOf, problemsOf } from './mutants/catalogue.mjs';
import { readOptions } from './mutants/options.mjs';
import { printReport, rowOf } from './mutants/report.mjs';
import { runMutants } from './mutants/run.mjs';
import { record } from './mutants/simulated.mjs';
import { coverage } from './mutants/traps.mjs';

/** Which tests and mutants stand for each trap and rule. */
function list(isJson) {
  const rows = coverage(MUTANTS, ROOT);
  if (isJson) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  for (const { id, about, absent, tests, mutants } of rows) {
    process.stdout.write(`${id}  ${about}\n`);
    if (absent !== null) process.stdout.write(`    does not apply: ${absent}\n`);
    for (const test of tests) process.stdout.write(`    test    ${test.package}/${test.file}: ${test.title}\n`);
    for (const mutant of mutants) process.stdout.write(`    mutant  ${mutant}\n`);
  }
}

/** Installs and builds what is missing; with `isJson` only the result goes to the standard output. */
async function prepare(isJson) {
  const { write } = process.stdout;
  if (isJson) process.stdout.write = process.stderr.write.bind(process.stderr);
  try {
    await ensureInstalled();
    await build();
  } finally {
    process.stdout.write = write;
  }
}

// A list that is piped into `head` ends there.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));
// By way of `exit`, so that the scratch copies go.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

await main(async () => {
  const options = readOptions(process.argv.slice(2));
  const mutants = mutantsOf(options.only);
  if (options.isList) {
    list(options.isJson);
    return 0;
  }
  const problems = problemsOf(mutants);
  if (problems.length > 0) throw new Error(`the list of mutants is wrong:\n${problems.join('\n')}`);
  const tell = options.isJson ? (text) => process.stderr.write(`[quorate] ${text}\n`) : say;
  await prepare(options.isJson);
  const jobs = options.jobs ?? availableParallelism();
  tell(`mutants: ${mutants.length}, ${jobs} at a time`);
  const results = await runMutants(mutants, {
    jobs,
    simSeeds: options.simSeeds,
    ended: (result, done) => {
      tell(`mutants: ${done} of ${mutants.length}: ${rowOf(result)}`);
      if (options.isRecording && result.sim !== null && result.sim.error === undefined) record([result]);
    },
  });
  if (options.isJson) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
  else printReport(results);
  return results.every(({ outcome }) => outcome === 'caught') ? 0 : 1;
});
