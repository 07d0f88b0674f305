// Mutants: the list fits the tree, traps have tests, and one of them is put in and caught.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../workspace.mjs';
import { CANARY, MUTANTS, mutantsOf, problemsOf } from '../mutants/catalogue.mjs';
import { namedIn } from '../mutants/named-tests.mjs';
import { runMutants } from '../mutants/run.mjs';
import { reasonNotApplicable } from '../mutants/scratch.mjs';
import { inWords, readSimulated, record, simulatedOf } from '../mutants/simulated.mjs';
import { coverage } from '../mutants/traps.mjs';

const rows = coverage(MUTANTS, ROOT);

test('mutants: the list → every text stands in its file once, every test and trap that is named exists', () => {
  assert.deepEqual(problemsOf(MUTANTS), []);
});

test('traps: each that can be in this code → a test names it in its title, and a mutant puts it back', () => {
  const lacks = (what) => rows.filter((row) => row.absent === null && row[what].length === 0).map(({ id }) => id);
  assert.deepEqual({ tests: lacks('tests'), mutants: lacks('mutants') }, { tests: [], mutants: [] });
});

test('traps: each that cannot be in this code yet → no test and no mutant claims it', () => {
  // Checkers of histories know what there may be some day.
  const own = (row) => row.tests.filter((each) => each.package !== 'checkers');
  const claimed = rows.filter((row) => row.absent !== null && own(row).length + row.mutants.length > 0);
  assert.deepEqual(
    claimed.map(({ id }) => id),
    [],
  );
});

test('traps: titles → those that they name', () => {
  assert.deepEqual(namedIn('T39, T44: dies → whole'), ['T39', 'T44']);
  assert.deepEqual(namedIn('T62, rules 10 and 12 to 14: as the model says'), ['T62', 'rule 10', 'rule 12', 'rule 13', 'rule 14']);
  assert.deepEqual(namedIn('sessions: rules 9 to 11, 17, T66: cuts'), ['T66', 'rule 9', 'rule 10', 'rule 11', 'rule 17']);
});

test('mutants: the canary, one that changes nothing, does not compile, has lost its text → caught, survived, no good, no good', async () => {
  const [canary] = mutantsOf([CANARY]);
  const before = readFileSync(join(ROOT, canary.file), 'utf8');
  const harmless = { ...canary, id: 'harmless', new: `${canary.old} // nothing` };
  const broken = { ...canary, id: 'broken', new: `${canary.old} this.noSuchMember();` };
  const gone = { ...canary, id: 'gone', old: 'this text is nowhere' };
  const results = await runMutants([canary, harmless, broken, gone], { jobs: 1 });
  assert.deepEqual(
    results.map(({ id, outcome }) => [id, outcome]),
    [
      [CANARY, 'caught'],
      ['harmless', 'survived'],
      ['broken', 'error'],
      ['gone', 'error'],
    ],
  );
  assert.match(results[2].detail, /does not compile/u);
  assert.match(results[3].detail, /is gone from .* nothing in its package is like it/u);
  assert.equal(readFileSync(join(ROOT, canary.file), 'utf8'), before, 'the repository itself is not touched');
});

test('mutants: the text of one was changed, stands in another file → told where it is now', () => {
  const [canary] = mutantsOf([CANARY]);
  const changed = { ...canary, old: canary.old.replace('this.leader = 0;', 'this.knownLeader = 0;') };
  const line = readFileSync(join(ROOT, canary.file), 'utf8').split(canary.old)[0].split('\n').length;
  assert.match(
    reasonNotApplicable(changed),
    new RegExp(`is gone from .*most like it, [0-9]+ %, is ${canary.file}:${line}\n +leaderIsGone`, 'u'),
  );
  const moved = { ...canary, file: 'packages/raft/src/raft.ts' };
  assert.match(reasonNotApplicable(moved), new RegExp(`it stands in ${canary.file}:${line}$`, 'u'));
});

test('mutants: what the simulation said of them → of mutants that there are; of one that was changed since nothing counts', () => {
  const known = readSimulated();
  const ids = MUTANTS.map(({ id }) => id);
  assert.deepEqual(
    Object.keys(known).filter((id) => !ids.includes(id)),
    [],
  );
  const folder = mkdtempSync(join(tmpdir(), 'quorate-simulated-'));
  try {
    const path = join(folder, 'simulated.json');
    const [mutant] = mutantsOf([CANARY]);
    const sim = { median: null, found: [null, 3, null], tried: 5, said: 'two leaders' };
    record([{ mutant, sim }], path);
    const kept = simulatedOf(mutant, readSimulated(path));
    assert.equal(inWords(kept), 'found by simulation in 1 of 3 ranges of 5 seeds');
    assert.equal(inWords({ ...kept, found: [null, null] }), 'not in 10 seeds of the simulation');
    assert.equal(inWords({ ...kept, median: 1 }), 'found by simulation: median 1 seed');
    assert.equal(simulatedOf({ ...mutant, new: `${mutant.new} // changed` }, readSimulated(path)), null);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('mutants: bad command line → exit code 2, and what is wrong', () => {
  for (const args of [
    ['--only', 'no-such-mutant'],
    ['--only'],
    ['--jobs', '0'],
    ['--sim', 'many'],
    ['--record'],
    ['--list=yes'],
    ['canary'],
  ]) {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts', 'mutants.mjs'), ...args], { encoding: 'utf8' });
    assert.deepEqual([status, stderr.startsWith('error: ')], [2, true], args.join(' '));
  }
});
