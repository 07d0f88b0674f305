import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { type Deadline, DeadlineHeap } from '@quorate/client';
import { SimScheduler } from '@quorate/testkit';

class Entry implements Deadline {
  dueMs = 0;
  heapAt = -1;
  readonly wantedMs: number;
  readonly #told: (entry: Entry) => void;

  constructor(wantedMs: number, told: (entry: Entry) => void) {
    this.wantedMs = wantedMs;
    this.#told = told;
  }

  expire(): void {
    this.#told(this);
  }
}

test('deadlines: calls of the same time and of others come and are settled in any order → each that is left expires once, when it is due', () => {
  const scheduler = new SimScheduler({ label: 'deadlines 7' });
  const process = scheduler.forNode('client');
  const random = new SeededRandom(7);
  const deadlines = new DeadlineHeap(process.clock, process.timers);
  const open = new Set<Entry>();
  let expired = 0;
  const told = (entry: Entry): void => {
    expired++;
    assert.ok(open.delete(entry), 'only what is open, once');
    assert.ok(process.clock.nowMs() >= entry.wantedMs && process.clock.nowMs() < entry.wantedMs + 2, 'when it is due');
  };
  for (let step = 0; step < 3000; step++) {
    const nowMs = process.clock.nowMs();
    const entry = new Entry(nowMs + (randomChance(random, 0.9) ? 500 : randomBetween(random, 1, 900)), told);
    open.add(entry);
    if (randomChance(random, 0.8)) deadlines.setOnce(entry, entry.wantedMs);
    else deadlines.set(entry, entry.wantedMs);
    while (open.size > 60 || (open.size > 0 && randomChance(random, 0.4))) {
      const settled = [...open][randomBetween(random, 0, open.size - 1)] as Entry;
      open.delete(settled);
      deadlines.clear(settled);
      deadlines.clear(settled);
    }
    assert.equal(deadlines.size, open.size);
    if (randomChance(random, 0.3)) scheduler.runFor(randomBetween(random, 1, 40));
  }
  assert.ok(expired > 100, `${expired} expired`);
  scheduler.runFor(2000);
  assert.equal(open.size, 0);
  assert.equal(deadlines.size, 0);
});

test('deadlines: one call waits while very many behind it are settled → those leave no places behind', () => {
  const scheduler = new SimScheduler({ label: 'deadlines 8' });
  const process = scheduler.forNode('client');
  const deadlines = new DeadlineHeap(process.clock, process.timers);
  const first = new Entry(5000, () => {});
  deadlines.setOnce(first, 5000);
  for (let i = 0; i < 10_000; i++) {
    const entry = new Entry(5000, () => {});
    deadlines.setOnce(entry, 5000);
    deadlines.clear(entry);
    assert.ok(deadlines.places < 100, `${deadlines.places} places for one`);
  }
});
