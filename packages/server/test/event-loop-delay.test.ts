import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { eventLoopDelayMeter } from '@quorate/server';

const eventLoopDelay = eventLoopDelayMeter();

/** Looks need turns of the loop to be counted. */
async function looked(): Promise<Readonly<Record<string, number>>> {
  for (;;) {
    await delay(20);
    const found = eventLoopDelay();
    if ((found['eventLoopDelaySamples'] ?? 0) > 0) return found;
  }
}

test('event loop delay: the loop is held up for 120 ms → told once as the longest delay, gone at the next question', async () => {
  await looked();
  // The first look only says from when on time is measured.
  await delay(50);
  const untilMs = performance.now() + 120;
  while (performance.now() < untilMs);
  const found = await looked();
  assert.ok((found['eventLoopDelayMaxMs'] ?? 0) >= 100, JSON.stringify(found));
  assert.ok((found['eventLoopDelayP999Ms'] ?? 0) >= 100, 'of few looks the longest is the 99.9th percentile');
  const next = eventLoopDelay();
  assert.ok((next['eventLoopDelaySamples'] ?? 0) <= 1, 'begins anew');
});
