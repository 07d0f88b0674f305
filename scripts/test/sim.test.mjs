import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../workspace.mjs';
import { Totals } from '../sim/totals.mjs';

function sim(args) {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'sim.mjs'), ...args], { encoding: 'utf8' });
  return { status, stderr };
}

for (const [what, args, message] of [
  ['a seed that is not a number', ['--seed', 'x'], /--seed must be a whole number/],
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
    operations: 500,
    judged: { events: 900 },
    faults: { kill: 3 },
    branches: { tailCut: 1, fencedRefused: 0 },
  };
  const numbers = { steps: 10, snapshotsTaken: 1, snapshotsInstalled: 0, expiries: 0, statesCompared: 4, resources: {} };
  totals.add({ ...run, ...numbers }, 1000);
  totals.add({ ...run, ...numbers }, 1000);
  assert.equal(totals.factor, 2);
  const text = totals.lines.join('\n');
  assert.match(text, /2 seeds, .* at 250 calls per virtual second, 1000 calls, 1800 events judged/);
  assert.match(text, /faults: kill 6\n/);
  assert.match(text, /faults that never happened: wipe\n/);
  assert.match(text, /branches that were never reached: fencedRefused/);
});
