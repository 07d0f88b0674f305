import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupId } from '@quorate/base';
import { type Token, compareTokens } from '@quorate/machine';
import { COUNTER, LOCK } from '@quorate/resources';
import { Driver, decodeResult, fault, request } from './driver.js';
import { TestLock, grantOf } from './lock.js';
import { TestMap } from './map.js';

function opened(limits = {}): { driver: Driver; a: number; b: number; c: number; lock: TestLock } {
  const driver = new Driver(limits);
  const [a, b, c] = [driver.open(), driver.open(), driver.open()];
  return { driver, a, b, c, lock: new TestLock(driver, a) };
}

function assertNewer(newer: Token, older: Token): void {
  assert.ok(compareTokens(newer, older) > 0, `${JSON.stringify(newer)} after ${JSON.stringify(older)}`);
}

test('lock: free → acquired at once, the token is the index of the claim (rule 21)', () => {
  const { driver, a, b, lock } = opened();
  assert.deepEqual(lock.holder, { isHeld: false, session: 0, token: null, waiters: 0 });
  const index = driver.nextIndex;
  const token = { epoch: 1, index };
  assert.deepEqual(lock.acquire(a), { status: 'acquired', ticket: index, token });
  assert.deepEqual(lock.holder, { isHeld: true, session: a, token, waiters: 0 });
  assert.deepEqual(lock.acquire(b, 0), { status: 'busy', ticket: index + 1, token: null });
  assert.deepEqual(lock.holder, { isHeld: true, session: a, token, waiters: 0 });
});

test('lock: several wait → granted in order of coming, tokens rise', () => {
  const { driver, a, b, c, lock } = opened();
  let token = lock.take(a);
  const waiting = [c, b, a, c].map((session) => ({ session, ticket: lock.wait(session) }));
  assert.equal(lock.holder.waiters, 4);
  let holder = a;
  for (const { session, ticket } of waiting) {
    lock.release(holder, token);
    const events = driver.takeEvents();
    assert.deepEqual([...events.keys()], [session]);
    const granted = grantOf(events.get(session), ticket);
    assertNewer(granted, token);
    assert.equal(granted.index, driver.machine.appliedIndex);
    assert.equal(lock.holder.session, session);
    token = granted;
    holder = session;
  }
  lock.release(holder, token);
  assert.deepEqual(lock.holder, { isHeld: false, session: 0, token: null, waiters: 0 });
});

test('rule 21: a session that holds it claims it again → waits behind itself', () => {
  const { driver, a, lock } = opened();
  const token = lock.take(a);
  assert.equal(lock.acquire(a, 0).status, 'busy');
  const ticket = lock.wait(a);
  lock.release(a, token);
  assertNewer(grantOf(driver.eventsOf(a), ticket), token);
});

test('rule 21: release of a lock that was lost, of another session, of another lock → notHeld, the holder keeps it', () => {
  const { driver, a, b, lock } = opened();
  const lost = lock.take(a);
  lock.release(a, lost);
  const held = lock.take(b);
  assert.throws(() => lock.release(a, lost), fault('notHeld', { index: lost.index }));
  assert.throws(() => lock.release(b, lost), fault('notHeld', { index: lost.index }));
  assert.throws(() => lock.release(a, held), fault('notHeld', { index: held.index }));
  const other = new TestLock(driver, a, 'other');
  assert.throws(() => other.release(a, held), fault('notHeld'));
  const elsewhere = other.take(b);
  assert.throws(() => lock.release(b, elsewhere), fault('notHeld'));
  assert.throws(() => lock.release(b, { epoch: 2, index: held.index }), fault('notHeld', { epoch: 2 }));
  assert.deepEqual(lock.holder.token, held);
  lock.release(b, held);
  assert.throws(() => lock.release(b, held), fault('notHeld'));
});

test('lock: time to wait is up → told so, out of the queue; the next one is not held up', () => {
  const { driver, a, b, c, lock } = opened();
  driver.tick(1000);
  const token = lock.take(a);
  const first = lock.wait(b, 50);
  const second = lock.wait(c, 60);
  assert.equal(driver.machine.nextDeadlineMs, 1050);
  driver.tick(1049);
  assert.equal(lock.holder.waiters, 2);
  driver.tick(1050);
  assert.deepEqual(
    driver.eventsOf(b).map(({ event, fields }) => ({ event, fields })),
    [{ event: 'timedOut', fields: { ticket: first } }],
  );
  assert.equal(lock.cancel(b, first), 'none');
  lock.release(a, token);
  grantOf(driver.eventsOf(c), second);
  driver.tick(5000);
  assert.equal(driver.takeEvents().size, 0);
  assert.equal(lock.holder.session, c);
});

test('rule 21: release, cancel and the end of the time at one log point → the time counts first, one outcome each', () => {
  const { driver, a, b, c, lock } = opened();
  const token = lock.take(a);
  const late = lock.wait(b, 50);
  const next = lock.wait(c, 51);
  const commands = [request(LOCK, lock.resource, 'release', { token }), request(LOCK, lock.resource, 'cancel', { ticket: late })];
  const replies = driver.run(a, commands, 50);
  assert.deepEqual(
    replies.map((reply) => reply.isOk),
    [true, true],
  );
  const events = driver.takeEvents();
  assert.deepEqual(
    events.get(b)?.map((each) => each.event),
    ['timedOut'],
  );
  grantOf(events.get(c), next);
  driver.tick(51);
  assert.equal(driver.takeEvents().size, 0);
  assert.equal(lock.holder.session, c);
});

test('rule 21: release just before the time is up → granted, no time-out follows', () => {
  const { driver, a, b, lock } = opened();
  const token = lock.take(a);
  const ticket = lock.wait(b, 50);
  driver.run(a, [request(LOCK, lock.resource, 'release', { token })], 49);
  grantOf(driver.eventsOf(b), ticket);
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
  driver.tick(50);
  assert.equal(driver.takeEvents().size, 0);
  assert.equal(lock.holder.session, b);
});

test('lock: cancel of a claim → none, waited or held by now; only that of its own session', () => {
  const { driver, a, b, c, lock } = opened();
  const { ticket } = lock.acquire(a);
  const [second, third] = [lock.wait(b, 100), lock.wait(c)];
  assert.equal(lock.cancel(a, second), 'none');
  assert.equal(lock.cancel(b, ticket), 'none');
  assert.equal(lock.cancel(b, second), 'waited');
  assert.equal(lock.cancel(b, second), 'none');
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
  assert.equal(lock.cancel(a, ticket), 'held');
  grantOf(driver.eventsOf(c), third);
  assert.equal(lock.cancel(c, third), 'held');
  assert.equal(lock.holder.isHeld, false);
});

test('T57: a session expires while it waits → never granted; the holder expires → the next live one has it', () => {
  const { driver, a, b, c, lock } = opened();
  const first = lock.take(a);
  lock.wait(b, 1000);
  const ticket = lock.wait(c);
  driver.expire(b);
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
  assert.equal(lock.holder.waiters, 1);
  driver.expire(a);
  const events = driver.takeEvents();
  assert.deepEqual([...events.keys()], [c]);
  assertNewer(grantOf(events.get(c), ticket), first);
  driver.close(c);
  assert.deepEqual(lock.holder, { isHeld: false, session: 0, token: null, waiters: 0 });
});

test('T57: holder and those who wait expire in one batch → each end at its own index, the lock passes to none of them', () => {
  const { driver, a, b, c, lock } = opened();
  const d = driver.open();
  lock.take(a);
  for (const session of [b, c, d]) lock.wait(session);
  driver.expire(b, a, c);
  assert.deepEqual([lock.holder.session, lock.holder.waiters], [d, 0]);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('T57, T65: late write of a holder that was paused → fenced, before any write of the new holder', () => {
  const { driver, a, b, lock } = opened();
  const map = new TestMap(driver, a);
  const stale = lock.fence(lock.take(a));
  assert.deepEqual(map.set(a, 'k', 'of a', null, stale), { version: 1, previousVersion: null });
  const ticket = lock.wait(b);
  driver.expire(a);
  const fresh = lock.fence(grantOf(driver.eventsOf(b), ticket));
  const late = driver.open();
  assert.throws(() => map.set(late, 'k', 'late', null, stale), fault('fenced', { resource: lock.resource }));
  assert.throws(() => map.remove(late, 'k', null, stale), fault('fenced'));
  assert.throws(() => map.remove(late, 'missing', 7, stale), fault('fenced'));
  map.set(b, 'k', 'of b', null, fresh);
  assert.deepEqual(map.get('k'), ['of b', 2]);
  lock.release(b, fresh.token);
  assert.throws(() => map.set(b, 'k', 'after release', null, fresh), fault('fenced'));
  driver.reload();
  assert.throws(() => map.set(b, 'k', 'after snapshot', null, fresh), fault('fenced'));
});

test('D14: fence of another group → refused once a newer token was seen, not before; of what cannot be held → always', () => {
  const { driver, a, b, lock } = opened();
  const map = new TestMap(driver, a);
  const counter = driver.create(a, COUNTER, 'counter');
  const elsewhere = (index: number) => ({ group: groupId(7), resource: 5, token: { epoch: 1, index } });
  map.set(a, 'k', '1', null, elsewhere(10));
  map.set(b, 'k', '2', null, elsewhere(20));
  assert.throws(() => map.set(a, 'k', '3', null, elsewhere(10)), fault('fenced', { seenIndex: 20 }));
  const add = { delta: 1, fence: elsewhere(19) };
  assert.throws(() => driver.do(a, COUNTER, counter, 'add', add), fault('fenced'));
  const token = lock.take(a);
  for (const resource of [map.resource, counter, 999_999]) {
    assert.throws(() => map.set(a, 'k', '4', null, { ...lock.fence(token), resource }), fault('fenced', { resource }));
  }
  assert.deepEqual(map.get('k'), ['2', 2]);
});

test('T58: leaders change again and again → nothing that is held is lost, and a session that ended got it from nobody', () => {
  const { driver, a, b, lock } = opened();
  const token = lock.take(a);
  lock.wait(b);
  for (let i = 0; i < 20; i++) driver.noop(i % 2 === 0 ? 60_000 : 0);
  assert.deepEqual(lock.holder, { isHeld: true, session: a, token, waiters: 1 });
  assert.equal(driver.takeEvents().size, 0);
});

test('rule 16: the grant is one event too many for its session → that session ends, the next one is granted with a newer token', () => {
  const { driver, a, b, c, lock } = opened({ sessionEventsMax: 2 });
  const d = driver.open();
  const map = new TestMap(driver, a);
  map.watch(b, 'k');
  map.watch(c, 'k');
  const token = lock.take(a);
  for (const session of [b, c, d]) lock.wait(session);
  for (let i = 0; i < 2; i++) map.set(a, 'k', '');
  driver.takeEvents();
  // b and c have no room for one more: both are granted the lock and end at the index of the release.
  lock.release(a, token);
  const events = driver.takeEvents();
  assert.deepEqual([...events.keys()], [d]);
  const granted = events.get(d)?.[0]?.fields as { token: Token };
  assert.deepEqual(granted.token, { epoch: 1, index: driver.machine.appliedIndex + 2 });
  assert.deepEqual(lock.holder, { isHeld: true, session: d, token: granted.token, waiters: 0 });
  lock.release(d, granted.token);
  const next = [lock.take(a), lock.holder.token];
  assert.ok(next[0] !== undefined && next[1] !== null);
  assertNewer(next[0], granted.token);
  assert.deepEqual(next[0], next[1]);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('lock: a session that let go of all it had → not told of when it ends; one with a claim left → is', () => {
  const { driver, a, b, c, lock } = opened();
  const token = lock.take(a);
  const [first, second] = [lock.wait(b), lock.wait(b)];
  lock.cancel(b, first);
  const third = lock.wait(c);
  driver.expire(b);
  assert.equal(lock.holder.waiters, 1);
  assert.equal(lock.cancel(c, second), 'none');
  lock.release(a, token);
  grantOf(driver.eventsOf(c), third);
});

test('T42: snapshot while some hold and some wait → the same goes on: order, times, tokens', () => {
  const { driver, a, b, c, lock } = opened();
  const token = lock.take(a);
  const [timed, waits] = [lock.wait(b, 50), lock.wait(c)];
  driver.reload();
  assert.equal(driver.machine.nextDeadlineMs, 50);
  driver.tick(50);
  assert.equal(driver.eventsOf(b).length, 1);
  driver.reload();
  lock.release(a, token);
  assertNewer(grantOf(driver.eventsOf(c), waits), token);
  assert.ok(timed < waits);
  assert.equal(driver.machine.hash, driver.replicaHash());
});

test('lock: holds, releases and waits of one batch → each at its own index', () => {
  const { driver, a, lock } = opened();
  const index = driver.nextIndex;
  const acquire = request(LOCK, lock.resource, 'acquire', { waitMs: null });
  const release = request(LOCK, lock.resource, 'release', { token: { epoch: 1, index } });
  const replies = driver.run(a, [acquire, acquire, release, release]);
  assert.deepEqual(
    replies.map((reply) => (reply.isOk ? 'ok' : reply.code)),
    ['ok', 'ok', 'ok', 'notHeld'],
  );
  assert.equal(decodeResult(LOCK, 'acquire', replies[1]).status, 'queued');
  assert.deepEqual(lock.holder.token, { epoch: 1, index: index + 2 });
});
