import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CrashScript, crashEverywhere, failEverywhere } from '@quorate/testkit';

/** A short script; `npm run exhaustive` has a long one and hits every call of it. */
const SCRIPT = { seed: 1, length: 45 };

test('exhaustive: T24, T70: power lost at calls of a script, nothing, everything or a part of what was not synced left → all that was acknowledged is there', () => {
  for (const seed of [1, 2, 3]) {
    const { calls } = crashEverywhere({ ...SCRIPT, seed, from: 8 * seed, every: 19, depth: 1 });
    assert.ok(calls >= 3, `seed ${seed}: ${calls} calls`);
  }
});

test('exhaustive: T26: power lost while checkpoints are slow and dead files of the journal are used again → nothing acknowledged is missing', () => {
  const script = new CrashScript(1, 200);
  script.run({ effect: { type: 'slow', ms: 0 }, times: 1 });
  const numbers = script.node.disk.paths().filter((path) => /^journal\/[0-9]/u.test(path));
  assert.ok(numbers.length < Number(numbers.at(-1)?.slice(8, 18)), 'some are used again under other numbers, or removed');
  assert.equal(crashEverywhere({ seed: 1, length: 200, from: 244, to: 290, every: 9, depth: 1 }).calls, 6);
});

test('exhaustive: T35: power lost at a call of a script, at every call of the recovery, and of a recovery from that → nothing acknowledged is missing', () => {
  const { calls, recoveries, secondRecoveries } = crashEverywhere({ ...SCRIPT, from: 40, to: 41 });
  assert.equal(calls, 1);
  assert.ok(recoveries >= 5 && secondRecoveries >= 5, `${recoveries} and ${secondRecoveries}`);
});

test('exhaustive: calls to the disk fail, each once in a run of its own → the script comes to its end and nothing is missing', () => {
  for (const kind of ['io', 'full'] as const) {
    for (const from of [3, 70]) assert.equal(failEverywhere({ ...SCRIPT, from, to: from + 4 }, kind).calls, 4, `${kind} from call ${from}`);
  }
});

test('exhaustive: a record that was acknowledged is not on the disk → told, with what is missing', () => {
  const script = new CrashScript(1, 12);
  script.run({ effect: { type: 'slow', ms: 0 }, times: 1 });
  script.finish();
  const { outcome } = script;
  const more = { ...outcome, records: [...outcome.records, 'never written'] };
  assert.throws(() => script.recovered().check({ ...outcome, late: outcome.late + 1 }), /acknowledged and lost.*\n.*late/);
  assert.throws(() => script.recovered().check(more), /acknowledged and lost.*\n.*records/);
  assert.throws(() => script.recovered().check({ ...outcome, total: outcome.total - 1 }), /acknowledged and lost.*\n.*total/);
  script.recovered().check(outcome);
});
