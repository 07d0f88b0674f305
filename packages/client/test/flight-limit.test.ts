import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlightLimit } from '@quorate/client';

/** A way to a node that carries so many parts of the most in a second, one after the other, and takes `latencyMs` for each besides. */
class Way {
  readonly limit = new FlightLimit();
  nowMs = 0;
  partsPerSecond: number;
  latencyMs: number;
  #freeAtMs = 0;
  #underWay: { sentMs: number; part: number; answerAtMs: number }[] = [];

  constructor(partsPerSecond: number, latencyMs: number) {
    this.partsPerSecond = partsPerSecond;
    this.latencyMs = latencyMs;
  }

  get underWay(): number {
    return this.#underWay.reduce((sum, { part }) => sum + part, 0);
  }

  /** For so long as much as may be is sent at all times, in pieces of a quarter of it; gives the longest that an answer took in the second half of it. */
  fill(ms: number): number {
    const fromMs = this.nowMs;
    let longestMs = 0;
    for (; this.nowMs < fromMs + ms; this.nowMs++) {
      while (this.#underWay[0] !== undefined && this.#underWay[0].answerAtMs <= this.nowMs) {
        const { sentMs, part } = this.#underWay[0];
        this.limit.answered({ sentMs, nowMs: this.nowMs, part, underWay: this.underWay });
        this.#underWay.shift();
        if (this.nowMs > fromMs + ms / 2) longestMs = Math.max(longestMs, this.nowMs - sentMs);
      }
      for (let part = this.limit.part / 4; this.underWay + part <= this.limit.part; part = this.limit.part / 4) {
        this.#freeAtMs = Math.max(this.#freeAtMs, this.nowMs) + (part / this.partsPerSecond) * 1000;
        this.#underWay.push({ sentMs: this.nowMs, part, answerAtMs: this.#freeAtMs + this.latencyMs });
      }
    }
    return longestMs;
  }
}

test('flight limit: a way that carries everything soon → all of the most, within some round trips', () => {
  const way = new Way(1000, 5);
  way.fill(150);
  assert.equal(way.limit.part, 1);
});

test('flight limit: a way that is slow → what it carries in about half a second, used at all times', () => {
  for (const partsPerSecond of [1 / 32, 1 / 4, 1]) {
    const way = new Way(partsPerSecond, 5);
    assert.ok(way.fill(20_000) <= 800, `answers come within 800 ms at ${partsPerSecond}`);
    assert.ok(way.limit.part >= partsPerSecond / 8, `${way.limit.part} of the most at ${partsPerSecond}`);
    assert.ok(way.limit.part <= partsPerSecond, `${way.limit.part} of the most at ${partsPerSecond}`);
  }
});

test('flight limit: a way that becomes slow, and quick again → the limit follows, down within some answers and up within a second', () => {
  const way = new Way(1000, 5);
  way.fill(500);
  way.partsPerSecond = 1 / 4;
  assert.ok(way.fill(10_000) > 100);
  assert.ok(way.limit.part <= 1 / 4, `${way.limit.part}`);
  way.partsPerSecond = 1000;
  way.fill(1000);
  assert.equal(way.limit.part, 1);
});

test('flight limit: a long way that carries much → its length is no reason to send less', () => {
  const way = new Way(1000, 500);
  way.fill(10_000);
  assert.equal(way.limit.part, 1);
});

test('flight limit: little is sent → answers that come soon say nothing of how much could be', () => {
  const limit = new FlightLimit();
  const first = limit.part;
  for (let nowMs = 0; nowMs < 1000; nowMs += 10) limit.answered({ sentMs: nowMs - 5, nowMs, part: first / 10, underWay: first / 10 });
  assert.equal(limit.part, first);
});

test('flight limit: one flight comes back late, answer by answer → one cut, of a quarter at most; never to nothing', () => {
  const limit = new FlightLimit();
  const first = limit.part;
  for (let at = 0; at < 10; at++) limit.answered({ sentMs: 0, nowMs: 3000 + at, part: first / 10, underWay: first });
  assert.ok(limit.part >= first / 4, `${limit.part}`);
  assert.ok(limit.part < first);
  for (let at = 0; at < 100; at++) limit.lost(4000 + at);
  assert.ok(limit.part > 0);
});

test('flight limit: a call that has waited and has less left than an answer takes → too late; one that was called just now, or has no deadline, is not', () => {
  const limit = new FlightLimit();
  const call = { dueMs: 5000, deadlineMs: 5000 };
  assert.ok(!limit.isTooLate(call, 4999), 'nothing is known yet');
  limit.answered({ sentMs: 0, nowMs: 400, part: 0.01, underWay: 0.01 });
  assert.ok(!limit.isTooLate(call, 4599));
  assert.ok(limit.isTooLate(call, 4601));
  assert.ok(!limit.isTooLate({ dueMs: 4700, deadlineMs: 100 }, 4600), 'called just now');
  assert.ok(!limit.isTooLate({ dueMs: 0, deadlineMs: Number.POSITIVE_INFINITY }, 4601));
  limit.answered({ sentMs: 0, nowMs: 4900, part: 0.01, underWay: 0.01 });
  assert.ok(!limit.isTooLate(call, 3000), 'an answer that was held up for seconds does not say that the next will be');
});
