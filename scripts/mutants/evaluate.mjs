// What becomes of one mutant: whether its named tests pass without it and fail with it, and for the right reason.
import { runNamedTests } from './named-tests.mjs';

/** Seconds for the named tests of one file without a mutant; with one they may take this many times as long as without, and a while more. */
const TEST_SECONDS_MAX = 180;
const TIMES_LONGER_MAX = 5;
const SECONDS_MORE = 15;

/** Files of tests that a mutant names: `tests` is a list of `PACKAGE/FILE: start of the title`. */
export function testFilesOf(mutant) {
  const files = new Map();
  for (const { package: name, file, title } of mutant.tests) {
    const key = `${name}/${file}`;
    const entry = files.get(key) ?? { package: name, file, titles: [] };
    entry.titles.push(title);
    files.set(key, entry);
  }
  return [...files.values()];
}

/** Runs of tests on the unchanged tree: those that several mutants share run once. */
export class Baseline {
  #runs = new Map();

  /** What is wrong with the tests (null: they pass), and how many seconds they took. */
  check(root, tests) {
    const key = JSON.stringify(tests);
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const started = performance.now();
    const run = runNamedTests(root, tests, TEST_SECONDS_MAX).then((result) => ({
      wrong: wrongWithout(tests, result),
      seconds: (performance.now() - started) / 1000,
    }));
    this.#runs.set(key, run);
    return run;
  }
}

function wrongWithout(tests, { isLate, ran, failures, output }) {
  if (isLate) return 'does not end';
  if (failures.length > 0) return `fails: ${failures[0].failure.message}`;
  return ran < tests.titles.length ? `runs only ${ran} of ${tests.titles.length} tests\n${output}` : null;
}

/**
 * `caught`: every test that is named fails by its own verdict. `survived`: one passes. `error`: the mutant or the test is no good: the text is
 * gone, it does not compile, a test fails without it, or breaks with it in a way that is no verdict.
 */
export async function evaluate(mutant, scratch, baseline) {
  const started = performance.now();
  const ended = (outcome, detail) => ({ id: mutant.id, outcome, detail, seconds: (performance.now() - started) / 1000 });
  const files = testFilesOf(mutant);
  const secondsMax = new Map();
  for (const tests of files) {
    const { wrong, seconds } = await baseline.check(scratch.path, tests);
    if (wrong !== null) return ended('error', `without the mutant ${tests.package}/${tests.file} ${wrong}`);
    secondsMax.set(tests, SECONDS_MORE + TIMES_LONGER_MAX * seconds);
  }
  try {
    const reason = await scratch.apply(mutant);
    if (reason !== null) return ended('error', reason);
    const messages = [];
    for (const tests of files) {
      const { outcome, detail } = verdictOf(tests, await runNamedTests(scratch.path, tests, secondsMax.get(tests)));
      if (outcome !== 'caught') return ended(outcome, detail);
      messages.push(detail);
    }
    return ended('caught', messages[0]);
  } finally {
    scratch.restore();
  }
}

function verdictOf(tests, { isLate, ran, failures, output }) {
  const where = `${tests.package}/${tests.file}`;
  if (isLate) return { outcome: 'error', detail: `${where} does not end with it` };
  if (ran < tests.titles.length) return { outcome: 'error', detail: `${where} breaks down with it: ${output.trim().split('\n').at(-1)}` };
  for (const title of tests.titles) {
    const failed = failures.filter(({ name }) => name.startsWith(title));
    if (failed.length === 0) return { outcome: 'survived', detail: `${where}: "${title}" passes with it` };
    const verdict = failed.find(({ failure }) => failure.kind === 'verdict');
    if (verdict === undefined) return { outcome: 'error', detail: `${where}: ${failed[0].failure.kind}: ${failed[0].failure.message}` };
  }
  return { outcome: 'caught', detail: failures[0].failure.message.split('\n')[0] };
}
