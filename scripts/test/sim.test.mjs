import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../workspace.mjs';
import { explore } from '../sim/explore.mjs';
import { replayScript } from '../sim/failure.mjs';
import { runHere } from '../sim/here.mjs';
import { MUST_REACH_HOURS, neverReached } from '../sim/must-reach.mjs';
import { EXIT, exitCodeOf } from '../sim/options.mjs';
import { Totals } from '../sim/totals.mjs';

function sim(args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'sim.mjs'), ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

for (const [what, args, message] of [
  ['a seed that is not a number', ['--seed', 'x'], /--seed must be a whole number/],
  ['a seed that is empty', ['--seed', ''], /--seed must be a whole number from 0 to 4294967295, not ""/],
  ['a seed that is empty, with =', ['--seed='], /--seed must be a whole number/],
  ['a seed in hexadecimal', ['--seed', '0x10'], /--seed must be a whole number/],
  ['a seed with an exponent', ['--seed=1e3'], /--seed must be a whole number/],
  ['a seed with a fraction', ['--seed', '1.0'], /--seed must be a whole number/],
  ['an unknown flag', ['--sed', '1'], /unknown argument "--sed"/],
  ['a flag without its value', ['--minutes'], /--minutes needs a value/],
  ['an unknown fault', ['--faults', 'kill,meteor'], /no fault "meteor"; known: kill,/],
  ['a history of many processes', ['--minutes', '1', '--history', 'h'], /are for single seeds/],
  ['a replay that is not there', ['--replay', join(tmpdir(), 'no-such-failure.json')], /no failure of the simulation/],
]) {
  test(`sim: ${what} → a clear message, exit code 2`, () => {
    const { status, stderr } = sim(args);
    assert.match(stderr, message);
    assert.equal(status, 2, stderr);
  });
}

test('sim: a file to replay without a seed → a clear message, exit code 2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
  try {
    const path = join(folder, 'seed.json');
    writeFileSync(path, '{"seed":"x"}');
    const { status, stderr } = sim(['--replay', path]);
    assert.match(stderr, /it has no seed/);
    assert.equal(status, 2, stderr);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('sim: numbers of runs together → what never happened is named', () => {
  const totals = new Totals({ faults: ['kill', 'wipe'], branches: ['tailCut', 'fencedRefused'] });
  const run = {
    virtualMs: 2000,
    judged: { events: 900, calls: 500, 'streams.appends': 20, 'streams.records': 1520 },
    faults: { kill: 3 },
    branches: { tailCut: 1, fencedRefused: 0 },
  };
  const numbers = { steps: 10, snapshotsTaken: 1, snapshotsInstalled: 0, expiries: 0, statesCompared: 4, resources: {} };
  totals.add({ ...run, ...numbers, nodes: 3 }, 500);
  totals.add({ ...run, ...numbers, nodes: 5 }, 1500);
  assert.equal(totals.factor, 2);
  const text = totals.lines.join('\n');
  assert.match(text, /2 seeds, 0\.00 virtual h, factor 2\.0 a core at 1000 operations per virtual second, /);
  assert.match(
    text,
    /, 4000 operations checked \(3040 records, 960 calls beside 40 appends\), 2000 a second of a core, 1800 events judged\n/,
  );
  assert.match(text, /\nclusters of three nodes: factor 4\.0 a core at 1000 operations per virtual second\n/);
  assert.match(text, /faults: kill 6\n/);
  assert.match(totals.progress, /, 1800 events judged, faults 6 of 1 kinds, branches 1 of 2$/);
  assert.match(text, /faults that never happened: wipe\n/);
  assert.match(text, /branches that were never reached: fencedRefused/);
});

test('sim: --help → flags, faults, rare branches and exit codes, exit code 0', () => {
  const { status, stdout } = sim(['--help']);
  assert.equal(status, EXIT.good);
  for (const text of ['--replay FILE', 'clockJump', 'tornTailCut', ...Object.values(EXIT).map((code) => `\n  ${code}  `)])
    assert.ok(stdout.includes(text), text);
});

test('sim: one seed without faults → all promises held, exit code 0', () => {
  const { status, stdout, stderr } = sim(['--seed', '1', '--faults', '']);
  assert.match(stdout, /1 seeds: all promises held/);
  assert.equal(status, EXIT.good, stderr);
});

const RUN = { virtualMs: 3_600_000, operations: 1, judged: {}, faults: { kill: 1 }, branches: { tailCut: 1 }, resources: {} };
const NUMBERS = { steps: 1, snapshotsTaken: 0, snapshotsInstalled: 0, expiries: 0, statesCompared: 0 };

function totalsOf(hours) {
  const totals = new Totals({ faults: ['kill', 'wipe'], branches: ['tailCut', 'quorumLost'] });
  for (let hour = 0; hour < hours; hour++) totals.add({ ...RUN, ...NUMBERS }, 1);
  return totals;
}

test('sim: a fault and a rare branch that never happened → named once enough was run, exit code 4', () => {
  assert.deepEqual(neverReached(totalsOf(MUST_REACH_HOURS - 1), { areFewFaults: false }), []);
  const never = neverReached(totalsOf(MUST_REACH_HOURS), { areFewFaults: false });
  assert.deepEqual(never, ['fault wipe', 'branch quorumLost']);
  assert.deepEqual(neverReached(totalsOf(MUST_REACH_HOURS), { areFewFaults: true }), ['fault wipe']);
  const few = new Totals({ faults: ['kill'], branches: [] });
  few.add({ ...RUN, ...NUMBERS, virtualMs: 1e8, faults: { kill: 1, tornSector: 0 } }, 1);
  assert.deepEqual(neverReached(few, { areFewFaults: true }), []);
  const all = new Totals({ faults: ['kill'], effects: ['tornSector'], branches: [] });
  all.add({ ...RUN, ...NUMBERS, virtualMs: 1e8, faults: { kill: 1, tornSector: 0 } }, 1);
  assert.deepEqual(neverReached(all, { areFewFaults: false }), ['fault tornSector']);
  assert.equal(exitCodeOf({ failed: [], broken: null, never }), 4);
  assert.equal(exitCodeOf({ failed: [], broken: null, never: [] }), 0);
  assert.equal(exitCodeOf({ failed: [7], broken: null, never }), 1);
  assert.equal(exitCodeOf({ failed: [7], broken: 'a worker ended', never }), 3);
});

/** A simulator of our own, as a file where the real one has its files. */
async function withSimulator(source, action) {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
  const path = join(folder, 'packages', 'testkit', 'dist', 'index.mjs');
  mkdirSync(join(path, '..'), { recursive: true });
  const testkit = JSON.stringify(join(ROOT, 'packages', 'testkit', 'dist', 'index.js'));
  writeFileSync(path, `import { SimulationFault, isSimulatorError } from ${testkit};\nexport { isSimulatorError };\n${source}\n`);
  try {
    return await action(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What comes of three seeds in two processes. */
async function explored(testkit, more = {}) {
  const seeds = [1, 2, 3];
  const told = [];
  const totals = new Totals({ faults: [], branches: [] });
  const run = { jobs: 2, next: () => seeds.shift() ?? null, options: {}, untilMs: Number.POSITIVE_INFINITY, failuresMax: 10, ...more };
  const kept = [];
  const onFailure = (seed, text) => told.push([seed, text]);
  const onBroken = (seed, text) => kept.push([seed, text]);
  const outcome = await explore({ testkit, ...run, totals, onResult: () => {}, onFailure, onBroken });
  return { ...outcome, told, kept, code: exitCodeOf({ ...outcome, never: [] }) };
}

test('sim: processes find a bug in one of three seeds → it is told with its seed, exit code 1', async () => {
  const source = `const result = ${JSON.stringify({ ...RUN, ...NUMBERS })};
    export function runSimulation(seed) { if (seed === 2) throw new SimulationFault('guarantee broken, seed 2'); return result; }`;
  const { failed, broken, told, code } = await withSimulator(source, explored);
  assert.deepEqual([failed, broken, code], [[2], null, EXIT.bug]);
  assert.match(told[0][1], /guarantee broken, seed 2/);
});

test('sim: an exception of the simulator itself, in a process or here → no bug: exit code 3', async () => {
  const source = 'export function runSimulation() { return null.nothing; }';
  const { failed, broken, kept, code } = await withSimulator(source, explored);
  assert.match(broken, /seed [123]: TypeError/);
  assert.deepEqual(
    kept.map(([, text]) => text),
    [broken],
  );
  assert.deepEqual([failed, code], [[], EXIT.simulator]);
  await withSimulator(source, async (path) => {
    const totals = new Totals({ faults: [], branches: [] });
    const kept = [];
    const told = { onResult: assert.fail, onFailure: assert.fail, onBroken: (seed) => kept.push(seed) };
    const run = { checkers: {}, seeds: [5, 6], failuresMax: 9, options: {}, totals, ...told };
    assert.match((await runHere({ ...run, testkit: await import(path) })).broken, /seed 5: TypeError/);
    assert.deepEqual(kept, [5]);
  });
});

test('sim: an exception of the product in the processes, which keep no stacks → a bug that was found, exit code 1', async () => {
  const [client, testkit] = ['client', 'testkit'].map((name) => JSON.stringify(join(ROOT, 'packages', name, 'dist', 'index.js')));
  const source = `import { ClientCore } from ${client};
    import { runSimulation as run } from ${testkit};
    const { append } = ClientCore.prototype;
    ClientCore.prototype.append = (...args) => append.apply(undefined, args);
    export const runSimulation = (seed) => run(seed, { nodes: 3, clients: 1, faultMs: 300, actions: [] });`;
  const { failed, broken, told, code } = await withSimulator(source, explored);
  assert.deepEqual([failed.sort(), broken, code], [[1, 2, 3], null, EXIT.bug]);
  assert.match(told[0][1], /simulation failed with seed [123]: uncaught TypeError in packages\/client\/dist\/core\/client-core\.js: /);
});

/** The real simulator, while a method of one of its classes, or of the product's, throws. */
async function withBrokenMethod(prototype, name, action) {
  const sound = prototype[name];
  prototype[name] = (...args) => sound.apply(undefined, args);
  try {
    return await action();
  } finally {
    prototype[name] = sound;
  }
}

test('sim: a script is replayed with other events, another end or none → exit code 3 with the sources it was saved with, else that of its end', async () => {
  const testkit = await import(join(ROOT, 'packages', 'testkit', 'dist', 'index.js'));
  const { ClientCore } = await import(join(ROOT, 'packages', 'client', 'dist', 'index.js'));
  const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
  const file = join(folder, 'seed-5-small.json');
  const script = testkit.drawScript(5, { nodes: 3, clients: 1, faultMs: 300, actions: [] });
  const replayed = (change = {}, commit = 'abc123') => {
    writeFileSync(file, testkit.encodeScriptFile({ script, commit: 'abc123', failure: { ...saved, ...change } }));
    return replayScript(testkit, file, commit);
  };
  let saved = { kind: 'some', message: 'some', traceHash: '0123456789abcdef', atMs: 1 };
  try {
    assert.deepEqual([replayed(), replayed({}, 'def456'), replayed({}, 'abc123+'), replayed({}, '')], [3, 0, 0, 0]);
    await withBrokenMethod(ClientCore.prototype, 'append', () => {
      const { message, traceHash, atMs } = testkit.tryScript(script).failure;
      saved = { kind: testkit.failureKind(message), message, traceHash, atMs };
      assert.deepEqual([replayed(), replayed({}, 'def456')], [1, 1]);
      const other = { traceHash: '0123456789abcdef' };
      assert.deepEqual([replayed(other), replayed(other, 'def456')], [3, 1]);
    });
    await withBrokenMethod(testkit.SimDisk.prototype, 'drawMs', () => assert.equal(replayed({}, 'def456'), 3));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

for (const [what, place, code] of [
  ['the product', ['client', 'ClientCore', 'append'], 1],
  ['the simulator', ['testkit', 'SimDisk', 'drawMs'], 3],
]) {
  test(`exhaustive: an exception of ${what} → exit code ${code}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-'));
    const [name, className, method] = place;
    const index = JSON.stringify(join(ROOT, 'packages', name, 'dist', 'index.js'));
    const preload = join(folder, 'broken.mjs');
    writeFileSync(
      preload,
      `import { ${className} } from ${index};
       const { ${method} } = ${className}.prototype;
       ${className}.prototype.${method} = (...args) => ${method}.apply(undefined, args);`,
    );
    try {
      const args = ['--import', preload, join(ROOT, 'scripts', 'exhaustive.mjs'), 'graphs', '--sample', '0'];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      assert.match(stderr, code === 1 ? /^\[quorate\] error: /m : /^\[quorate\] simulator error: /m);
      assert.equal(status, code, stderr);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test('sim: a seed that does not end → it is named and kept, exit code 3', async () => {
  const source = 'export function runSimulation() { for (;;); }';
  const { broken, kept, code } = await withSimulator(source, (path) => explored(path, { seedMsMax: 300 }));
  assert.match(broken, /^seed [12] did not end within 0\.3 s$/);
  assert.deepEqual([kept, code], [[[Number(broken[5]), broken]], EXIT.simulator]);
});

test('sim: a process that ends by itself → its seed is named and kept, exit code 3', async () => {
  const source = 'export function runSimulation() { process.exit(9); }';
  const { broken, kept, code } = await withSimulator(source, explored);
  assert.match(broken, /ended by itself in seed [123]: exit code 9/);
  assert.deepEqual(kept, [[Number(/seed (\d)/.exec(broken)[1]), broken]]);
  assert.equal(code, EXIT.simulator);
});
