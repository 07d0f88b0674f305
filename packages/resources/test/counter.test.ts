import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError } from '@quorate/base';
import { COUNTER } from '@quorate/resources';
import { Driver, fault, request } from './driver.js';
import { TestLock } from './lock.js';

const { MAX_SAFE_INTEGER: MAX } = Number;

function opened(): { driver: Driver; session: number; counter: number } {
  const driver = new Driver();
  const session = driver.open();
  return { driver, session, counter: driver.create(session, COUNTER) };
}

test('counter: new → 0; add gives the new value, set the old one, compareAndSet whether it did', () => {
  const { driver, session, counter } = opened();
  const get = (): number => driver.query(COUNTER, counter, 'get', {});
  assert.equal(get(), 0);
  assert.equal(driver.do(session, COUNTER, counter, 'add', { delta: 5, fence: null }), 5);
  assert.equal(driver.do(session, COUNTER, counter, 'add', { delta: -7, fence: null }), -2);
  assert.equal(driver.do(session, COUNTER, counter, 'set', { value: MAX, fence: null }), -2);
  assert.equal(driver.do(session, COUNTER, counter, 'compareAndSet', { expected: 0, value: 1, fence: null }), false);
  assert.equal(get(), MAX);
  assert.equal(driver.do(session, COUNTER, counter, 'compareAndSet', { expected: MAX, value: -MAX, fence: null }), true);
  assert.equal(get(), -MAX);
});

test('counter: beyond 2^53 - 1 on either side → counterOverflow, the value stays', () => {
  const { driver, session, counter } = opened();
  const add = (delta: number): number => driver.do(session, COUNTER, counter, 'add', { delta, fence: null });
  assert.equal(add(MAX), MAX);
  assert.throws(() => add(1), fault('counterOverflow', { value: MAX, delta: 1 }));
  assert.throws(() => add(MAX), fault('counterOverflow'));
  assert.equal(add(-MAX), 0);
  assert.equal(add(-MAX), -MAX);
  assert.throws(() => add(-1), fault('counterOverflow', { value: -MAX, delta: -1 }));
  assert.equal(add(0), -MAX);
  assert.throws(() => request(COUNTER, counter, 'add', { delta: 2 ** 53, fence: null }), fault('invalidArgument'));
  assert.throws(() => request(COUNTER, counter, 'add', { delta: 0.5, fence: null }), fault('invalidArgument'));
});

test('counter: fence that does not hold → fenced for each command, nothing changed', () => {
  const { driver, session, counter } = opened();
  const lock = new TestLock(driver, session);
  const token = lock.take(session);
  const fence = lock.fence(token);
  assert.equal(driver.do(session, COUNTER, counter, 'add', { delta: 3, fence }), 3);
  lock.release(session, token);
  assert.throws(() => driver.do(session, COUNTER, counter, 'add', { delta: 1, fence }), fault('fenced'));
  assert.throws(() => driver.do(session, COUNTER, counter, 'set', { value: 1, fence }), fault('fenced'));
  assert.throws(() => driver.do(session, COUNTER, counter, 'compareAndSet', { expected: 9, value: 1, fence }), fault('fenced'));
  assert.equal(driver.query(COUNTER, counter, 'get', {}), 3);
});

const number = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(MAX, -MAX, MAX - 1, 1 - MAX, 2 ** 32, -(2 ** 32)),
  fc.maxSafeInteger(),
);
const step = fc.oneof(
  fc.record({ type: fc.constant('add' as const), delta: number }),
  fc.record({ type: fc.constant('set' as const), value: number }),
  fc.record({ type: fc.constant('compareAndSet' as const), expected: fc.option(number), value: number }),
  fc.record({ type: fc.constant('reload' as const) }),
);

test('counter: any commands → as a BigInt counts, on every replica', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const { driver, session, counter } = opened();
      let model = 0n;
      for (const each of steps) {
        if (each.type === 'reload') driver.reload();
        else if (each.type === 'add') {
          const sum = model + BigInt(each.delta);
          const isOver = sum > BigInt(MAX) || sum < -BigInt(MAX);
          let result: number | string;
          try {
            result = driver.do(session, COUNTER, counter, 'add', { delta: each.delta, fence: null });
          } catch (thrown) {
            assert.ok(thrown instanceof QuorateError);
            result = thrown.code;
          }
          assert.equal(result, isOver ? 'counterOverflow' : Number(sum));
          if (!isOver) model = sum;
        } else if (each.type === 'set') {
          assert.equal(driver.do(session, COUNTER, counter, 'set', { value: each.value, fence: null }), Number(model));
          model = BigInt(each.value);
        } else {
          const expected = each.expected ?? Number(model);
          const isSet = driver.do(session, COUNTER, counter, 'compareAndSet', { expected, value: each.value, fence: null });
          assert.equal(isSet, BigInt(expected) === model);
          if (isSet) model = BigInt(each.value);
        }
        assert.equal(driver.query(COUNTER, counter, 'get', {}), Number(model));
      }
      assert.equal(driver.machine.hash, driver.replicaHash());
    }),
    { numRuns: 60 },
  );
});
