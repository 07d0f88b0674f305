import assert from 'node:assert/strict';
import test from 'node:test';
import { type LogIndex, QuorateError } from '@quorate/base';
import {
  AcknowledgementGatherer,
  AwakeClock,
  type Due,
  DueHeap,
  NOTE_EVERY_ENTRIES,
  type OverLimits,
  type Proposer,
  SessionKeeper,
  StateNotes,
  isNoted,
} from '@quorate/host';
import { type SessionId, type SessionInfo, decodeAcknowledge } from '@quorate/machine';
import fc from 'fast-check';

const info = (session: SessionId, ttlMs: number, graceMs: number): SessionInfo => ({
  session,
  ttlMs,
  graceMs,
  nextNumber: 1,
  lastEventIndex: session,
  acknowledgedReplies: 0,
  acknowledgedEvents: session,
});

/** So many may end together, whatever they hold. */
function upTo(max: number): OverLimits {
  return { max, heldMax: Number.POSITIVE_INFINITY, heldBy: () => 1 };
}

test('DueHeap: entries set, moved and removed at random → the first is always the earliest', () => {
  const step = fc.record({ what: fc.constantFrom('set', 'remove', 'pop'), id: fc.nat(15), dueMs: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), (steps) => {
      const heap = new DueHeap<Due & { readonly id: number }>();
      const entries = Array.from({ length: 16 }, (_, id) => ({ id, dueMs: 0, heapAt: -1 }));
      const model = new Map<number, number>();
      for (const { what, id, dueMs } of steps) {
        const entry = entries[id] as (typeof entries)[number];
        if (what === 'set') {
          heap.set(entry, dueMs);
          model.set(id, dueMs);
        } else {
          const gone = what === 'pop' ? heap.first : entry;
          if (gone === undefined) continue;
          heap.remove(gone);
          model.delete(gone.id);
        }
        assert.equal(heap.size, model.size);
        assert.equal(heap.first?.dueMs, model.size === 0 ? undefined : Math.min(...model.values()));
        for (const each of entries) assert.equal(each.heapAt >= 0, model.has(each.id));
      }
    }),
    { numRuns: 200 },
  );
});

/** The same as a keeper, without a heap and without being lazy. */
class KeeperModel {
  readonly sessions = new Map<
    SessionId,
    { ttl: number; grace: number; contact: number; touched: number; carrier: { heardAtMs: number } | null; end: number }
  >();

  over(nowMs: number): SessionId[] {
    return [...this.sessions]
      .filter(([, { ttl, contact, carrier, end }]) => Math.min(Math.max(contact, carrier?.heardAtMs ?? 0) + ttl, end) <= nowMs)
      .map(([id]) => id)
      .sort((a, b) => a - b);
  }
}

test('rule 13, T58: sessions opened, carried, heard of, lost and closed, leaders gone, at random → over exactly when ttl or grace is', () => {
  const step = fc.record({
    what: fc.constantFrom('open', 'carry', 'hear', 'lose', 'end', 'wait', 'lead', 'gone', 'fail'),
    session: fc.integer({ min: 1, max: 6 }),
    ms: fc.nat(200),
    ttl: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1000 })),
    grace: fc.oneof(fc.nat(60), fc.nat(800)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const keeper = new SessionKeeper();
      const model = new KeeperModel();
      let nowMs = 0;
      let startedMs = 0;
      let goneMs = Number.POSITIVE_INFINITY;
      for (const { what, session, ms, ttl, grace } of steps) {
        const known = model.sessions.get(session);
        if (what === 'wait') nowMs += ms;
        if (what === 'hear' && known?.carrier) known.carrier.heardAtMs = nowMs;
        if (what === 'open' && known === undefined) {
          keeper.opened(info(session, ttl, grace), nowMs);
          model.sessions.set(session, { ttl, grace, contact: nowMs, touched: nowMs, carrier: null, end: Number.POSITIVE_INFINITY });
        }
        if (what === 'carry' && known !== undefined) {
          const carrier = { heardAtMs: nowMs };
          keeper.carried(session, carrier, nowMs);
          Object.assign(known, { carrier, contact: nowMs, touched: nowMs, end: Number.POSITIVE_INFINITY });
        }
        if (what === 'lose' && known?.carrier) {
          keeper.lost(session, { heardAtMs: nowMs + 1000 }, nowMs);
          keeper.lost(session, known.carrier, nowMs);
          const contact = Math.max(known.contact, known.carrier.heardAtMs);
          Object.assign(known, {
            contact,
            touched: Math.max(known.touched, known.carrier.heardAtMs),
            carrier: null,
            end: nowMs + known.grace,
          });
        }
        if (what === 'end') {
          keeper.ended(session);
          model.sessions.delete(session);
        }
        if (what === 'lead') {
          keeper.start(nowMs);
          startedMs = nowMs;
          goneMs = Number.POSITIVE_INFINITY;
          for (const each of model.sessions.values()) Object.assign(each, { contact: nowMs, end: Number.POSITIVE_INFINITY });
        }
        if (what === 'gone') {
          keeper.leaderGone(nowMs);
          // Only the first time in a leadership counts, and for those that had no contact with this leader.
          goneMs = Math.min(goneMs, nowMs);
          for (const each of model.sessions.values()) {
            if (each.carrier === null && each.touched < startedMs && each.end === Number.POSITIVE_INFINITY)
              each.end = goneMs + Math.max(each.grace, 400);
          }
        }
        const expected = model.over(nowMs);
        if (expected.length > 0) assert.ok(keeper.nextDueMs <= nowMs);
        const over = keeper.takeOver(nowMs, upTo(100));
        assert.deepEqual(
          over.toSorted((a, b) => a - b),
          expected,
        );
        if (what === 'fail') {
          keeper.retry(over, nowMs);
        } else {
          for (const id of over) {
            keeper.ended(id);
            model.sessions.delete(id);
          }
        }
        assert.equal(keeper.size, model.sessions.size);
      }
    }),
    { numRuns: 300 },
  );
});

test('SessionKeeper: more are over than are taken at a time → the rest comes next, each once', () => {
  const keeper = new SessionKeeper();
  for (let session = 1; session <= 10; session++) keeper.opened(info(session, 10, 10), 0);
  const taken = [keeper.takeOver(10, upTo(4)), keeper.takeOver(10, upTo(4)), keeper.takeOver(10, upTo(4)), keeper.takeOver(10, upTo(4))];
  assert.deepEqual(
    taken.map((each) => each.length),
    [4, 4, 2, 0],
  );
  assert.equal(new Set(taken.flat()).size, 10);
  keeper.retry([3], 50);
  assert.deepEqual(keeper.takeOver(49, upTo(4)), []);
  assert.deepEqual(keeper.takeOver(50, upTo(4)), [3]);
});

test('SessionKeeper: sessions that hold much are over → few of them at a time, but always one', () => {
  const keeper = new SessionKeeper();
  for (let session = 1; session <= 6; session++) keeper.opened(info(session, 10 + session, 10), 0);
  const limits: OverLimits = { max: 100, heldMax: 10, heldBy: (session) => (session === 3 ? 1000 : 4) };
  const taken: SessionId[][] = [];
  for (let over = keeper.takeOver(50, limits); over.length > 0; over = keeper.takeOver(50, limits)) taken.push(over);
  assert.deepEqual(taken, [
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test('T42: SessionKeeper: the machine is another one → sessions that it alone has live for their ttl, those it has not are forgotten, others as before', () => {
  const keeper = new SessionKeeper();
  keeper.start(0);
  for (const session of [1, 2]) keeper.opened(info(session, 100, 100), 0);
  const carrier = { heardAtMs: 80 };
  keeper.carried(2, carrier, 10);
  keeper.replaced([info(2, 100, 100), info(3, 100, 100)], 50);
  assert.equal(keeper.size, 2);
  assert.deepEqual(keeper.takeOver(149, upTo(9)), []);
  assert.deepEqual(keeper.takeOver(150, upTo(9)), [3]);
  assert.deepEqual(keeper.takeOver(180, upTo(9)), [2]);
});

test('T75: AwakeClock: ticks at any distance → never goes back, never ahead of the clock, and a pause counts 60 ms at most', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ ms: fc.nat(200), isTick: fc.boolean() }), { maxLength: 100, size: 'max' }), (steps) => {
      let nowMs = 1000;
      const awake = new AwakeClock({ nowMs: () => nowMs, wallMs: () => 0 });
      let last = awake.nowMs();
      let lastTickMs = nowMs;
      for (const { ms, isTick } of steps) {
        nowMs += ms;
        if (isTick) {
          awake.tick(nowMs);
          lastTickMs = nowMs;
        }
        const now = awake.nowMs();
        assert.ok(now >= last && now <= nowMs - 1000);
        assert.ok(now - last <= 60 + (nowMs - lastTickMs));
        last = now;
      }
    }),
  );
  let nowMs = 0;
  const awake = new AwakeClock({ nowMs: () => nowMs, wallMs: () => 0 });
  for (; nowMs < 10_000; nowMs += 50) awake.tick(nowMs);
  assert.ok(awake.nowMs() > 9900);
  const before = awake.nowMs();
  nowMs += 3_600_000;
  awake.tick(nowMs);
  assert.ok(awake.nowMs() - before <= 60);
});

test('T19: StateNotes: batches of any size → noted at the same ends everywhere; notes of both sides meet whichever comes first', () => {
  const noted: LogIndex[] = [];
  let index = 0;
  for (let i = 0; i < 3000; i++) {
    const base = index + 1;
    index += 1 + ((i * 7919) % 37);
    if (isNoted(base, index)) noted.push(index);
  }
  for (let i = 0; i < noted.length; i++) {
    const at = noted[i] as number;
    assert.equal(Math.floor(at / NOTE_EVERY_ENTRIES), i + 1);
  }
  assert.equal(noted.length, Math.floor(index / NOTE_EVERY_ENTRIES));
  assert.ok(isNoted(1, 5000) && isNoted(1024, 1024) && !isNoted(1, 1023) && !isNoted(1025, 2047));
  const notes = new StateNotes();
  assert.equal(notes.noted({ index: 1024, hash: 1 }), null);
  assert.equal(notes.told({ index: 1024, hash: 1 }), null);
  assert.deepEqual(notes.told({ index: 1024, hash: 2 }), { index: 1024, hash: 1 });
  assert.equal(notes.told({ index: 2048, hash: 5 }), null);
  assert.deepEqual(notes.noted({ index: 2048, hash: 6 }), { index: 2048, hash: 5 });
  for (let i = 3; i < 40; i++) assert.equal(notes.told({ index: i * 1024, hash: i }), null);
  assert.equal(notes.noted({ index: 39 * 1024, hash: 39 }), null);
});

test('AcknowledgementGatherer: many sessions, some twice → one payload with the highest of each, at once from a thousand on; each told once', () => {
  const proposed: { payload: Uint8Array; proposer: Proposer; id: number }[] = [];
  const gatherer = new AcknowledgementGatherer((payload, proposer, id) => proposed.push({ payload, proposer, id }));
  const told: string[] = [];
  const to: Proposer = { applied: (id) => told.push(`applied ${id}`), failed: (id, error) => told.push(`failed ${id} ${error.code}`) };
  gatherer.add(7, 5, 100, to, 1, 1000);
  gatherer.add(7, 9, 90, to, 2, 1050);
  gatherer.add(8, 1, 8, to, 3, 1060);
  assert.equal(gatherer.dueMs, 1100);
  gatherer.flush();
  gatherer.flush();
  assert.equal(proposed.length, 1);
  assert.deepEqual(decodeAcknowledge(proposed[0]?.payload as Uint8Array), [
    { session: 7, acknowledgedReplies: 9, acknowledgedEvents: 100 },
    { session: 8, acknowledgedReplies: 1, acknowledgedEvents: 8 },
  ]);
  gatherer.add(7, 10, 101, to, 4, 2000);
  proposed[0]?.proposer.applied(1, { view: 'none' });
  assert.deepEqual(told.splice(0), ['applied 1', 'applied 2', 'applied 3']);
  gatherer.drop(new QuorateError('notLeader', 'gone'));
  assert.deepEqual(told.splice(0), ['failed 4 notLeader']);
  assert.equal(gatherer.dueMs, Number.POSITIVE_INFINITY);
  for (let i = 1; i <= 1000; i++) gatherer.add(i, 1, i, to, i, 3000);
  assert.equal(proposed.length, 2);
  proposed[1]?.proposer.failed(2, new QuorateError('leadershipLost', 'gone'));
  assert.equal(told.length, 1000);
});

test('T75: a hundred thousand sessions seem to be due when a node begins to lead → looked at a few at a time, none ends', () => {
  const keeper = new SessionKeeper();
  const count = 100_000;
  for (let session = 1; session <= count; session++) keeper.opened(info(session, 10_000, 1000), 0);
  const carrier = { heardAtMs: 0 };
  keeper.carried(5, carrier, 1000);
  keeper.lost(5, carrier, 2000);
  keeper.start(1_000_000);
  let looks = 0;
  while (keeper.nextDueMs <= 1_000_100) {
    assert.deepEqual(keeper.takeOver(1_000_100, upTo(8192)), []);
    looks++;
  }
  assert.ok(looks >= 20 && looks < 100, `${looks}`);
  assert.equal(keeper.nextDueMs, 1_010_000);
  assert.equal(keeper.takeOver(1_010_000, upTo(8192)).length, 4096);
});
