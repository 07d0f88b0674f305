// `npm test [-- PACKAGE…]`: installs and builds what is missing, then runs the tests of all packages and of the repository itself.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, build, ensureInstalled, listFiles, listPackages, main, runNode, say } from './workspace.mjs';

// The machine also runs the servers that some tests start: more test files at once would only make them wait for each other.
const CONCURRENCY = 2;
// A test that hangs must not hang the run.
const TEST_TIMEOUT_MS = 300_000;
const REPOSITORY = 'repository';
// Properties draw the same cases in every run, so that a change is judged by what it changes; `npm run fuzz` and `npm run sim` draw fresh ones.
const SEED = process.env.SEED ?? '1';

/** Test files by package; the tests of the scripts stand under the name "repository". */
function findTests(wanted) {
  const groups = listPackages().map(({ name, path }) => {
    const folder = join(path, 'dist-test');
    return { name, files: listFiles(folder, { accept: (file) => file.endsWith('.test.js') }).map((file) => join(folder, file)) };
  });
  const own = join(ROOT, 'scripts', 'test');
  groups.push({ name: REPOSITORY, files: listFiles(own, { accept: (file) => file.endsWith('.test.mjs') }).map((file) => join(own, file)) });
  for (const name of wanted) if (!groups.some((group) => group.name === name)) throw new Error(`there is no package "${name}"`);
  return wanted.length === 0 ? groups : groups.filter(({ name }) => wanted.includes(name));
}

function wholeNumber(text) {
  if (!/^-?\d{1,10}$/.test(text)) throw new Error(`SEED is "${text}", not a whole number`);
  return Number(text);
}

async function runTests(files, countsFile) {
  return runNode([
    '--import',
    pathToFileURL(join(ROOT, 'scripts', 'test-seed.mjs')).href,
    '--test',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${pathToFileURL(join(ROOT, 'scripts', 'test-counts.mjs')).href}`,
    `--test-reporter-destination=${countsFile}`,
    ...files,
  ]);
}

/** Names of the groups in which no test ran at all. */
function emptyGroups(groups, countsFile) {
  const ran = new Set(
    readFileSync(countsFile, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  );
  return groups.filter(({ files }) => !files.some((file) => ran.has(file))).map(({ name }) => name);
}

await main(async () => {
  await ensureInstalled();
  say('build: compiling what changed');
  await build();
  const groups = findTests(process.argv.slice(2));
  process.env.SEED = String(wholeNumber(SEED));
  const without = groups.filter(({ files }) => files.length === 0).map(({ name }) => name);
  if (without.length > 0) throw new Error(`no tests at all in: ${without.join(', ')}`);
  const files = groups.flatMap((group) => group.files);
  say(`test: ${files.length} files of ${groups.length} packages, properties with seed ${process.env.SEED}`);
  const folder = mkdtempSync(join(tmpdir(), 'quorate-test-'));
  try {
    const countsFile = join(folder, 'counts');
    const code = await runTests(files, countsFile);
    const empty = emptyGroups(groups, countsFile);
    if (empty.length > 0) throw new Error(`no test ran in: ${empty.join(', ')}`);
    return code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
