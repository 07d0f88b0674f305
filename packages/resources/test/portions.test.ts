import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ELECTION, LOCK, MAP } from '@quorate/resources';
import { Driver, b, fault, request } from './driver.js';
import { TestMap, toldOf } from './map.js';

const NEVER = Number.POSITIVE_INFINITY;
// Room for a few hundred changes in each batch, so that few entries are many.
const LIMITS = { workPerBatch: 300, workPerCommand: 1 };

/** Ticks at this time until nothing is due; what each batch did. */
function portions<T>(driver: Driver, timeMs: number, look: () => T): T[] {
  const all: T[] = [];
  while (driver.machine.nextDeadlineMs <= timeMs) {
    driver.tick(timeMs);
    all.push(look());
    assert.ok(all.length < 10_000, 'it gets on');
  }
  return all;
}

function withEntries(count: number, ttlMs: number): { driver: Driver; session: number; map: TestMap; keys: string[] } {
  const driver = new Driver(LIMITS);
  const session = driver.open();
  const map = new TestMap(driver, session);
  const keys = Array.from({ length: count }, (_, i) => `k${String(i).padStart(5, '0')}`);
  const commands = keys.map((key) => request(MAP, map.resource, 'set', { key: b(key), value: b(''), ttlMs, fence: null }));
  for (let from = 0; from < count; from += 5000) driver.run(session, commands.slice(from, from + 5000));
  return { driver, session, map, keys };
}

function changesOf(driver: Driver, session: number): (string | number | null | undefined)[][] {
  return toldOf(driver.eventsOf(session)).map(([, version, change, key]) => [change, key, version]);
}

test('rule 15, T71: 10,000 entries expire at one instant → a bounded number in each batch, in order of keys, time stands still until the last is gone', () => {
  const { driver, map, keys } = withEntries(10_000, 50);
  const watcher = driver.open();
  map.watch(watcher, 'k', { isPrefix: true });
  const steps = portions(driver, 60, () => ({ gone: changesOf(driver, watcher), size: map.size().size, timeMs: driver.machine.timeMs }));
  const most = Math.max(...steps.map(({ gone }) => gone.length));
  assert.ok(most > 10 && most <= 100, `at most 301 changes and one entry more: ${most} entries`);
  assert.deepEqual(
    steps.flatMap(({ gone }) => gone),
    keys.map((key, i) => ['expired', key, 10_001 + i]),
  );
  let left = keys.length;
  for (const { gone, size, timeMs } of steps) {
    left -= gone.length;
    assert.deepEqual([size, timeMs], [left, left === 0 ? 60 : 50]);
  }
  assert.equal(driver.machine.nextDeadlineMs, NEVER);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('rules 15 and 19: a snapshot between two portions → the machine loaded from it does the rest alike', () => {
  const { driver, map } = withEntries(500, 50);
  const whole = portions(driver, 60, () => [driver.machine.hash, map.size().size]);
  const again = withEntries(500, 50);
  const loaded = portions(again.driver, 60, () => {
    again.driver.reload();
    return [again.driver.machine.hash, again.map.size().size];
  });
  assert.ok(whole.length > 3);
  assert.deepEqual(loaded, whole);
});

test('rule 15: commands between two portions → they come before the time at which the rest expires, and see that; each change has its version in order', () => {
  const { driver, session, map, keys } = withEntries(1000, 50);
  const watcher = driver.open();
  map.watch(watcher, 'k', { isPrefix: true });
  driver.tick(60);
  const gone = changesOf(driver, watcher).map(([, key]) => key);
  const [first, last] = [keys[0] as string, keys.at(-1) as string];
  assert.ok(gone.includes(first) && !gone.includes(last));
  assert.equal(map.get(first), null);
  assert.deepEqual(map.get(last), ['', 1000], 'it is there until its turn comes');
  const [a, z] = driver.run(
    session,
    [
      request(MAP, map.resource, 'setIfAbsent', { key: b(first), value: b('new'), ttlMs: null, fence: null }),
      request(MAP, map.resource, 'set', { key: b(last), value: b('kept'), ttlMs: null, fence: null }),
    ],
    60,
  );
  assert.ok(a?.isOk && z?.isOk);
  portions(driver, 60, () => null);
  assert.deepEqual([map.get(first)?.[0], map.get(last)?.[0], map.size().size], ['new', 'kept', 2]);
  const told = changesOf(driver, watcher);
  assert.deepEqual(
    told.map(([, , version]) => version),
    told.map((_, i) => 1000 + gone.length + 1 + i),
  );
  assert.equal(told.filter(([change]) => change === 'expired').length, 999 - gone.length);
});

test('rule 15: a time to live and a wait begin while others overdue expire → both are counted from the time of their batch, none is shorter', () => {
  const { driver, session, map } = withEntries(3000, 50);
  const lock = driver.create(session, LOCK, 'lock');
  driver.do(session, LOCK, lock, 'acquire', { waitMs: null });
  const set = request(MAP, map.resource, 'set', { key: b('a'), value: b(''), ttlMs: 100, fence: null });
  driver.run(session, [set, request(LOCK, lock, 'acquire', { waitMs: 100 })], 1000);
  assert.equal(driver.machine.timeMs, 50, 'far behind');
  portions(driver, 1099, () => null);
  assert.deepEqual([map.size().size, driver.query(LOCK, lock, 'holder', {}).waiters], [1, 1]);
  driver.tick(1100);
  assert.deepEqual([map.size().size, driver.query(LOCK, lock, 'holder', {}).waiters], [0, 0]);
});

test('rules 15 and 21: 1,000 who wait for a lock time out at one instant → a bounded number in each batch, in order, and none of them is granted after', () => {
  const driver = new Driver(LIMITS);
  const [holder, waiter] = [driver.open(), driver.open()];
  const lock = driver.create(holder, LOCK, 'lock');
  const { token } = driver.do(holder, LOCK, lock, 'acquire', { waitMs: null });
  assert.ok(token !== null);
  const first = driver.nextIndex;
  driver.run(
    waiter,
    Array.from({ length: 1000 }, () => request(LOCK, lock, 'acquire', { waitMs: 20 })),
  );
  const steps = portions(driver, 30, () => driver.eventsOf(waiter));
  assert.ok(Math.max(...steps.map((events) => events.length)) <= 100);
  assert.deepEqual(
    steps.flat().map(({ event, fields }) => [event, (fields as { readonly ticket: number }).ticket]),
    Array.from({ length: 1000 }, (_, i) => ['timedOut', first + i]),
  );
  driver.do(holder, LOCK, lock, 'release', { token });
  assert.deepEqual(driver.eventsOf(waiter), []);
});

test('sessions: one with 5,000 watches ends → it is gone at once, its watches go in bounded portions, and nobody else notices', () => {
  const driver = new Driver(LIMITS);
  const [session, watcher] = [driver.open(), driver.open()];
  const map = new TestMap(driver, session);
  const many = Array.from({ length: 5000 }, (_, i) =>
    request(MAP, map.resource, 'watch', { key: b(`k${i % 7}`), isPrefix: i % 2 === 0, afterVersion: null }),
  );
  driver.run(watcher, many);
  const other = driver.open();
  map.watch(other, 'k1');
  driver.takeEvents();
  const before = driver.machine.memory.liveBytes;
  driver.expire(watcher);
  assert.equal(driver.machine.session(watcher), undefined);
  map.set(session, 'k1', '1');
  assert.deepEqual([...driver.takeEvents().keys()], [other]);
  let live = driver.machine.memory.liveBytes;
  const freed = portions(driver, driver.machine.timeMs, () => {
    const was = live;
    live = driver.machine.memory.liveBytes;
    return was - live;
  });
  assert.ok(freed.length >= 5000 / 150 - 2, `${freed.length} portions`);
  assert.ok(Math.max(...freed) < before / 10);
  assert.equal(driver.machine.nextDeadlineMs, NEVER);
  assert.equal(driver.machine.hash, driver.replicaHash());
  map.set(session, 'k1', '2');
  assert.deepEqual([...driver.takeEvents().keys()], [other]);
});

test('rule 22: a session with a lock and 3,000 claims on it ends → the next one who lives has it in the same step, the claims go in portions', () => {
  const driver = new Driver(LIMITS);
  const [ending, next] = [driver.open(), driver.open()];
  const lock = driver.create(next, LOCK, 'lock');
  driver.run(
    ending,
    Array.from({ length: 3001 }, () => request(LOCK, lock, 'acquire', { waitMs: 1_000_000 })),
  );
  driver.do(next, LOCK, lock, 'acquire', { waitMs: null });
  driver.takeEvents();
  driver.expire(ending);
  assert.deepEqual(
    driver.eventsOf(next).map(({ event }) => event),
    ['acquired'],
  );
  const { session, waiters } = driver.query(LOCK, lock, 'holder', {});
  assert.equal(session, next);
  assert.ok(waiters > 2800, `${waiters} are left of what nobody waits for`);
  driver.reload();
  portions(driver, driver.machine.timeMs, () => null);
  assert.equal(driver.query(LOCK, lock, 'holder', {}).waiters, 0);
  assert.equal(driver.machine.nextDeadlineMs, NEVER, 'their timers are gone with them');
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('rule 22: a holder releases while claims of an ended session are left before the others → they are passed over; the same in an election', () => {
  for (const declaration of [LOCK, ELECTION]) {
    const driver = new Driver(LIMITS);
    const [holder, ending, next] = [driver.open(), driver.open(), driver.open()];
    const resource = driver.create(holder, declaration, 'it');
    const asked =
      declaration === LOCK
        ? request(LOCK, resource, 'acquire', { waitMs: null })
        : request(ELECTION, resource, 'campaign', { about: b('') });
    for (const [session, count] of [
      [holder, 1],
      [ending, 2000],
      [next, 1],
    ] as const) {
      driver.run(
        session,
        Array.from({ length: count }, () => asked),
      );
    }
    driver.takeEvents();
    driver.expire(ending, holder);
    assert.deepEqual([...driver.takeEvents().keys()], [next], declaration.type);
    portions(driver, driver.machine.timeMs, () => null);
    assert.equal(driver.machine.nextDeadlineMs, NEVER);
  }
});

test('T71: a session that holds as many locks as it may wants one more → overloaded; a lock it has may be claimed again, one given up makes room', () => {
  const driver = new Driver({ sessionOwnersMax: 3 });
  const session = driver.open();
  const locks = ['a', 'b', 'c', 'd'].map((name) => driver.create(session, LOCK, name));
  const acquire = (lock: number | undefined) => driver.do(session, LOCK, lock ?? 0, 'acquire', { waitMs: null });
  const tokens = locks.slice(0, 3).map((lock) => acquire(lock).token);
  assert.throws(() => acquire(locks[3]), fault('overloaded', { max: 3 }));
  assert.equal(driver.query(LOCK, locks[3] ?? 0, 'holder', {}).isHeld, false, 'refused whole');
  driver.reload();
  assert.throws(() => acquire(locks[3]), fault('overloaded', { max: 3 }));
  assert.equal(acquire(locks[0]).status, 'queued');
  driver.do(session, LOCK, locks[1] ?? 0, 'release', { token: tokens[1] ?? assert.fail() });
  assert.equal(acquire(locks[3]).status, 'acquired');
  driver.close(session);
  assert.deepEqual(
    locks.map((lock) => driver.query(LOCK, lock, 'holder', {}).isHeld),
    [false, false, false, false],
  );
});

test('T71: a command is refused after it was counted as an owner → the count is taken back with it', () => {
  const driver = new Driver({ sessionOwnersMax: 2, pendingEventsMax: 3 });
  const session = driver.open();
  const map = new TestMap(driver, session);
  for (let i = 0; i < 5; i++) map.set(session, 'a', String(i));
  // Each time the watch is added and owned, then the changes that it asks for are too many.
  for (let i = 0; i < 5; i++) assert.throws(() => map.watch(session, 'a', { afterVersion: 0 }), fault('overloaded', { max: 3 }));
  assert.deepEqual(driver.eventsOf(session), []);
  map.watch(session, 'a', { afterVersion: 3 });
  const lock = driver.create(session, LOCK, 'lock');
  driver.do(session, LOCK, lock, 'acquire', { waitMs: null });
  const election = driver.create(session, ELECTION, 'election');
  assert.throws(() => driver.do(session, ELECTION, election, 'observe', {}), fault('overloaded', { max: 2 }));
});
