// The same tests of resources on members embedded in this process, on clients of servers, and in the simulator.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuorateClient } from '@quorate/client';
import { SimCluster } from '@quorate/testkit';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { freePorts } from './free-ports.mjs';
import { Process, REPOSITORY, delay } from './processes.mjs';
import { report, say } from './report.mjs';
import { RESOURCE_CASES } from './resource-cases.mjs';

const CASE_MS_MOST = 60_000;
const CLIENTS = ['a', 'b', 'c', 'closing'];

export async function prove({ seed }) {
  const results = {};
  for (const [face, run] of Object.entries({ embedded, remote, simulator })) {
    results[face] = await run(seed);
    say(`${face}: ${results[face].passed} passed, ${results[face].failed.length} failed`);
  }
  const count = Object.keys(RESOURCE_CASES).length;
  const suites = await packageSuites();
  const failed = Object.entries(results).flatMap(([face, { failed: of }]) => of.map((text) => `${face}: ${text}`));
  const counts = Object.entries(results).map(([face, { passed, failed: of }]) => [face, { passed, failed: of.length }]);
  return report(
    'faces',
    {
      seed,
      cases: count,
      ...Object.fromEntries(counts),
      testFiles: Object.fromEntries(suites.map(({ file, passed, failures }) => [file, { passed, failed: failures }])),
    },
    [
      ...Object.entries(results).map(([face, { passed }]) => [`all ${count} cases pass: ${face}`, passed === count]),
      [
        'the package has test files that are the same for several homes',
        suites.length >= 3 && new Set(suites.map(({ passed, failures }) => passed + failures)).size === 1,
      ],
      ...suites.map(({ file, passed, failures }) => [`${file} passes`, passed > 0 && failures === 0]),
    ],
    [...failed, ...suites.flatMap(({ file, titles }) => titles.map((title) => `${file}: ${title}`))],
  );
}

/** The tests of the package `quorate` that are run in each home, a file per home. */
async function packageSuites() {
  execFileSync('npx', ['tsc', '-b', 'packages/quorate/test'], { cwd: REPOSITORY, stdio: 'pipe' });
  const folder = join(REPOSITORY, 'packages', 'quorate', 'dist-test');
  const suites = [];
  for (const file of readdirSync(folder).filter((name) => /^faces-.*\.test\.js$/.test(name))) {
    const run = new Process(process.execPath, ['--test', '--test-reporter=tap', join(folder, file)]);
    await run.ended;
    const counted = (what) => Number(run.lines.findLast((line) => line.startsWith(`# ${what} `))?.split(' ')[2] ?? 0);
    const titles = run.lines.filter((line) => /^ +not ok /.test(line)).map((line) => line.trim());
    suites.push({
      file,
      passed: counted('pass'),
      failures: counted('fail') + counted('cancelled') + (run.exit.code === 0 ? 0 : 1),
      titles,
    });
    say(`${file}: ${suites.at(-1).passed} passed, ${suites.at(-1).failures} failed`);
  }
  return suites;
}

/** Runs all cases, one after the other; `drive` waits for a promise in the time of the face. */
async function runCases({ clients, sleep, drive = (promise) => promise }) {
  const failed = [];
  let passed = 0;
  for (const [number, [title, run]] of Object.entries(RESOURCE_CASES).entries()) {
    try {
      await drive(run({ ...clients, name: `case-${number}`, sleep }));
      passed++;
    } catch (error) {
      failed.push(`${title}: ${error.code ?? ''} ${error.message.slice(0, 400)}`);
    }
  }
  return { passed, failed };
}

async function withTimeLimit(promise) {
  let timer;
  const tooLong = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${CASE_MS_MOST} ms`)), CASE_MS_MOST);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

/** A member of its own for each client, all in this process. */
async function embedded() {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-faces-'));
  const members = (await freePorts(CLIENTS.length)).map((port) => `127.0.0.1:${port}`);
  const opened = await Promise.all(
    members.map((address, index) =>
      Quorate.start({ data: join(directory, String(index)), address, members, settings: { journalFileBytes: 8_388_608 } }),
    ),
  );
  try {
    return await runCases({ clients: named(opened), sleep: delay, drive: withTimeLimit });
  } finally {
    await Promise.all(opened.map((quorate) => quorate.close()));
    rmSync(directory, { recursive: true, force: true });
  }
}

async function remote() {
  return await Cluster.run({}, async (cluster) => {
    const opened = await Promise.all(CLIENTS.map(() => Quorate.connect(cluster.addresses)));
    try {
      return await runCases({ clients: named(opened), sleep: delay, drive: withTimeLimit });
    } finally {
      await Promise.all(opened.map((quorate) => quorate.close()));
    }
  });
}

async function simulator(seed) {
  const cluster = new SimCluster({ seed, settings: { journalFileBytes: 8_388_608 } });
  cluster.startAll();
  cluster.awaitLeader();
  const opened = CLIENTS.map((name) => {
    const { core, process } = cluster.client(name);
    return new QuorateClient(core, { ...core.settings, clock: process.clock, timers: process.timers });
  });
  const { timers } = cluster.client('sleeper').process;
  const sleep = (ms) => new Promise((resolve) => timers.set(ms, resolve));
  // Time passes while somebody waits; what promises do next happens in between.
  const drive = async (promise) => {
    let isOver = false;
    const watched = promise.finally(() => (isOver = true));
    watched.catch(() => {});
    for (let ms = 0; !isOver; ms++) {
      if (ms > CASE_MS_MOST) throw new Error(`not done after ${CASE_MS_MOST} ms of virtual time`);
      cluster.runFor(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return await watched;
  };
  return await runCases({ clients: named(opened), sleep, drive });
}

const named = (opened) => Object.fromEntries(CLIENTS.map((name, index) => [name, opened[index]]));
