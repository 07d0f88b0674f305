import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlightLimit, type FlightLimitOptions } from '@quorate/base';

const MOST = 16_384;

/** Users of one node that does what it gets in order, each as much as its limit says; gives how long the last answers took. */
function share(limits: readonly FlightLimit[], options: { perSecond: number; fromMs?: number; toMs: number; delayMs?: number }): number[] {
  const { perSecond, fromMs = 0, toMs, delayMs = 0 } = options;
  const underWay = limits.map(() => 0);
  const took = limits.map(() => 0);
  let queue: { readonly user: number; readonly sentMs: number }[] = [];
  let done = 0;
  for (let nowMs = fromMs; nowMs < toMs; nowMs++) {
    for (const [user, limit] of limits.entries())
      for (; (underWay[user] as number) < limit.part * MOST; underWay[user] = (underWay[user] as number) + 1)
        queue.push({ user, sentMs: nowMs });
    let room = Math.floor((perSecond * (nowMs + 1 - fromMs)) / 1000) - done;
    done += room;
    let taken = 0;
    for (; room > 0 && (queue[taken]?.sentMs ?? Number.POSITIVE_INFINITY) + delayMs <= nowMs; room--) {
      const { user, sentMs } = queue[taken++] as { user: number; sentMs: number };
      limits[user]?.answered({ sentMs, nowMs, part: 1 / MOST, underWay: (underWay[user] as number) / MOST });
      underWay[user] = (underWay[user] as number) - 1;
      took[user] = nowMs - sentMs;
    }
    queue = queue.slice(taken);
  }
  return took;
}

const ALONE: FlightLimitOptions = { slowMs: 500, leastPart: 1 / 1024, isAlone: true };
const limitsOf = (count: number, options: FlightLimitOptions): FlightLimit[] =>
  Array.from({ length: count }, () => new FlightLimit(options));

test('flight limit: answers are quick → all of it may be on its way, soon', () => {
  const [limit] = limitsOf(1, ALONE) as [FlightLimit];
  assert.equal(limit.part, 1 / 32);
  share([limit], { perSecond: 1_000_000, toMs: 200 });
  assert.equal(limit.part, 1);
});

test('flight limit: T74: more is asked for than a node can do → it answers in half a second, whatever it can do', () => {
  for (const perSecond of [300, 1000, 10_000]) {
    const limits = limitsOf(1, ALONE);
    const [tookMs] = share(limits, { perSecond, toMs: 20_000 });
    assert.ok((tookMs as number) >= 150 && (tookMs as number) <= 600, `${perSecond} a second: ${tookMs} ms`);
  }
});

test('flight limit: users of one node, one of whom had it to itself → they come to share it evenly', () => {
  const [first, second] = limitsOf(2, { ...ALONE, isAlone: false }) as [FlightLimit, FlightLimit];
  for (const each of [first, second]) share([each], { perSecond: 1_000_000, toMs: 100 });
  share([first], { perSecond: 1000, fromMs: 100, toMs: 10_000 });
  share([first, second], { perSecond: 1000, fromMs: 10_000, toMs: 70_000 });
  const ratio = first.part / second.part;
  assert.ok(ratio > 0.6 && ratio < 1.6, `${ratio}`);
});

test('flight limit: a node that is far away → what the way takes is not taken for waiting', () => {
  const [limit] = limitsOf(1, ALONE) as [FlightLimit];
  share([limit], { perSecond: 100_000, toMs: 20_000, delayMs: 400 });
  assert.equal(limit.part, 1);
});

test('flight limit: the way became longer for good → the limit comes back', () => {
  const [limit] = limitsOf(1, ALONE) as [FlightLimit];
  share([limit], { perSecond: 1_000_000, toMs: 100 });
  share([limit], { perSecond: 1_000_000, fromMs: 100, toMs: 60_000, delayMs: 550 });
  assert.ok(limit.part > 0.5, `${limit.part}`);
});

test('flight limit: users who share it: the way takes longer than what is slow, for good → the limit comes back all the same', () => {
  const [limit] = limitsOf(1, { slowMs: 1000, leastPart: 1 / 128, isAlone: false }) as [FlightLimit];
  share([limit], { perSecond: 1_000_000, toMs: 100 });
  share([limit], { perSecond: 1_000_000, fromMs: 100, toMs: 400_000, delayMs: 1500 });
  assert.ok(limit.part > 0.1, `${limit.part}`);
});

test('flight limit: not used → it does not grow; lost → a quarter, until answers come', () => {
  const limit = new FlightLimit(ALONE);
  for (let i = 0; i < 100; i++) limit.answered({ sentMs: i, nowMs: i + 1, part: 1 / 1024, underWay: 1 / 1024 });
  assert.equal(limit.part, 1 / 32);
  limit.lost(200);
  assert.equal(limit.part, 1 / 128);
  for (let i = 0; i < 20; i++) limit.lost(200);
  assert.equal(limit.part, 1 / 1024);
});

test('flight limit: many late answers to what went out together → one cut, to what is answered in time', () => {
  const limit = new FlightLimit(ALONE);
  limit.answered({ sentMs: 0, nowMs: 1, part: 1 / 16_384, underWay: 1 / 16_384 });
  for (let i = 0; i < 16; i++) limit.answered({ sentMs: 0, nowMs: 1000 + i, part: 1 / 1024, underWay: 1 / 32 });
  assert.equal(limit.part, 1 / 64);
  assert.equal(limit.answerMs, 1015);
});
