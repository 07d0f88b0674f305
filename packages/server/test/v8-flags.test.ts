import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { COLLECTOR_FLAG, isFlagSet, optimiseEarly } from '@quorate/server';

const BUDGET_FLAG = '--interrupt-budget';

function setBy(version: string, flags: readonly string[]): string[] {
  const set: string[] = [];
  optimiseEarly(version, flags, (flag) => set.push(flag));
  return set;
}

test('compiler: a V8 it was measured with → optimises earlier; another one → decides by itself', () => {
  assert.deepEqual(setBy('11.3.244.8-node.33', []), [`${BUDGET_FLAG}=5000`]);
  assert.deepEqual(setBy('12.4.254.21-node.33', []), []);
  assert.deepEqual(setBy('1.1', []), []);
});

test('compiler: users set its flag → it stays', () => {
  assert.deepEqual(setBy('11.3.244.8-node.33', ['--interrupt_budget=1000']), []);
  assert.deepEqual(setBy('11.3.244.8-node.33', ['--interrupt-budget-for-feedback-allocation=1']), [`${BUDGET_FLAG}=5000`]);
});

test('flags of V8: set by users in either way of writing → found, no other is', () => {
  assert.equal(isFlagSet(COLLECTOR_FLAG, ['--heap_growing_percent=50']), true);
  assert.equal(isFlagSet(COLLECTOR_FLAG, ['--heap-growing-percent', '50']), true);
  assert.equal(isFlagSet(COLLECTOR_FLAG, ['--max-old-space-size=100']), false);
});

test('flags of V8: those that a server sets → this V8 knows them', () => {
  const known = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
  for (const flag of [COLLECTOR_FLAG, ...setBy(process.versions.v8, []).map((set) => set.split('=')[0])]) {
    assert.match(known, new RegExp(`  ${flag} `));
  }
});
