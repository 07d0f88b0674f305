// The tests of the public face pass on members embedded in this process, on clients of server processes, and in the simulator: the same tests.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { Process, REPOSITORY } from './processes.mjs';
import { report, say } from './report.mjs';

/** A test file for each home, all of which declare the tests of `packages/quorate/test/faces`. */
const HOMES = ['embedded-alone', 'embedded-three', 'remote', 'simulated'];

export async function prove({ seed }) {
  execFileSync('npx', ['tsc', '-b', 'packages/quorate/test'], { cwd: REPOSITORY, stdio: 'pipe' });
  const runs = [];
  for (const home of HOMES) {
    const run = await runTests(home);
    say(`${home}: ${run.passed.length} passed, ${run.failed.length} failed, ${run.seconds} s`);
    runs.push(run);
  }
  const { titles } = runs[0];
  const isSame = (run) => JSON.stringify(run.titles) === JSON.stringify(titles);
  return report(
    'faces',
    {
      seed,
      tests: titles.length,
      ...Object.fromEntries(
        runs.map(({ home, passed, failed, seconds }) => [home, { passed: passed.length, failed: failed.length, seconds }]),
      ),
    },
    [
      ['each home runs the same tests', titles.length > 30 && runs.every(isSame)],
      ...runs.map(({ home, passed, isWhole }) => [`all ${titles.length} tests pass: ${home}`, isWhole && passed.length === titles.length]),
    ],
    runs.flatMap(({ home, failed, said }) => [...failed.map((title) => `${home}: ${title}`), ...said]),
  );
}

async function runTests(home) {
  const started = performance.now();
  const file = join(REPOSITORY, 'packages', 'quorate', 'dist-test', `faces-${home}.test.js`);
  const run = new Process(process.execPath, ['--test', '--test-reporter=tap', file]);
  await run.ended;
  // Those of the suite itself are less deeply indented, or follow it.
  const outcomes = run.lines
    .map((line) => /^ +(not ok|ok) \d+ - (.*)$/.exec(line))
    .filter((match) => match !== null && match[2] !== 'faces');
  const titled = (how) => outcomes.filter(([, outcome]) => outcome === how).map(([, , title]) => title);
  const isWhole = run.exit.code === 0;
  return {
    home,
    titles: outcomes.map(([, , title]) => title),
    passed: titled('ok'),
    failed: titled('not ok'),
    isWhole,
    said: isWhole ? [] : [`${home}: ended with ${JSON.stringify(run.exit)}`],
    seconds: Math.round((performance.now() - started) / 100) / 10,
  };
}
