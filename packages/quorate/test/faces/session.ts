import assert from 'node:assert/strict';
import { coded } from '../harness/coded.js';
import { collect } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

export const sessionTests: FaceTests = {
  'session: the client is closed → what waits ends, later calls are refused, what it held is free': async ({ a, connect, name }) => {
    const client = await connect();
    const held = await client.lock(name).acquire();
    const waiting = client.lock(name).acquire();
    const watching = collect(client.map(`${name}-map`).watch());
    await client.map(`${name}-map`).set('k', 1);
    const outcomes = Promise.allSettled([waiting, watching]);
    await client.close();
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, 'rejected');
      assert.match(outcome.reason.code, /^(closed|aborted|sessionExpired)$/);
    }
    assert.ok(!held.isHeld);
    assert.equal(client.sessionState, 'closed');
    for (const call of [
      () => client.map(`${name}-map`).get('k'),
      () => client.map(`${name}-map`).set('k', 2),
      () => client.counter(`${name}-c`).add(),
      () => client.lock(name).acquire(),
      () => client.lock(name).tryAcquire(),
      () => client.election(`${name}-e`).campaign(),
      () => client.stream(name).append('x'),
      () => collect(client.map(`${name}-map`).watch()),
      () => collect(client.map(`${name}-map`).keys()),
      () => collect(client.election(`${name}-e`).observe()),
      () => client.status(),
    ]) {
      await assert.rejects(call, coded('closed', 'never'), String(call));
    }
    await client.close();
    assert.equal(await a.lock(name).holder(), null, 'its locks are free at once');
  },

  'session: a client that holds a lock and leads is closed → both go on to those who wait, each with a greater token': async ({
    a,
    connect,
    name,
    until,
  }) => {
    const client = await connect();
    const held = await client.lock(`${name}-l`).acquire();
    const leads = await client.election(`${name}-e`).campaign();
    const lock = a.lock(`${name}-l`).acquire();
    const leadership = a.election(`${name}-e`).campaign();
    await until(async () => (await a.lock(`${name}-l`).holder())?.waiters === 1);
    await client.close();
    assert.ok(!held.isHeld && !leads.isHeld);
    assert.ok((await lock).token.index > held.token.index);
    assert.ok((await leadership).token.index > leads.token.index);
    await (await lock).release();
    await (await leadership).resign();
  },

  'session: a deadline that is too short, for a call that must wait → deadlineExceeded or unavailable; the next call is good': async ({
    a,
    name,
  }) => {
    const counter = a.counter(name);
    await counter.add(0);
    const late = await Promise.allSettled(Array.from({ length: 20 }, () => counter.add(1, { deadlineMs: 0.001 })));
    for (const outcome of late) {
      if (outcome.status === 'rejected') assert.match(outcome.reason.code, /^(deadlineExceeded|unavailable)$/);
    }
    // A command that was told to be unknown may be applied, those before it in order; never twice.
    const value = await counter.get();
    assert.ok(value >= late.filter(({ status }) => status === 'fulfilled').length && value <= 20);
  },
};
