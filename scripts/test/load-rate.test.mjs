import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadDemands, setsPerSecond } from '../prove/load-rate.mjs';

/** What a load tells, a line a second: sets done in each of these seconds. */
function told(...sets) {
  let done = 0;
  return sets.map((count, second) => ({ phase: second === 0 ? 'fill' : 'steady', atMs: 1000 * second, done: (done += count) }));
}
const failed = (demands) => demands.filter(([, holds]) => !holds).map(([what]) => what);

test('prove bigstate: sets a second → those of the seconds that are meant, none before the load is even', () => {
  const progress = told(900_000, 5, 20_000, 19_000, 10_000);
  assert.equal(
    setsPerSecond(progress, () => true),
    Math.round((20_000 + 19_000 + 10_000) / 3),
  );
  assert.equal(
    setsPerSecond(progress, (from) => from >= 3000),
    10_000,
  );
  assert.equal(
    setsPerSecond(progress, () => false),
    0,
  );
});

for (const [what, sets, errors, missing] of [
  ['as much as was asked for', { without: 20_004, taking: 19_889, installing: 19_000 }, {}, []],
  [
    'less while a snapshot was taken',
    { without: 20_000, taking: 18_999, installing: 20_000 },
    {},
    [/^taking: at least 19000 sets .*18999/],
  ],
  ['nothing while one was installed', { without: 20_000, taking: 20_000, installing: 0 }, {}, [/^installing:/]],
  ['sets that failed', { without: 20_000, taking: 20_000, installing: 20_000 }, { overloaded: 1 }, [/no set of the load failed/]],
]) {
  test(`prove bigstate: the load was ${what} → ${missing.length === 0 ? 'all demands hold' : 'not proved'}`, () => {
    const found = failed(loadDemands(20_000, sets, errors));
    assert.equal(found.length, missing.length);
    for (const [at, pattern] of missing.entries()) assert.match(found[at], pattern);
  });
}
