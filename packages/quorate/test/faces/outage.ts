import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { QuorateError, type QuorateClient } from 'quorate';
import type { Outage, OutageOptions } from '../harness/outages.js';
import { fired, until } from '../harness/waiting.js';
import { statesOf } from './session-states.js';

/** What a client tells of its session while its cluster is lost; the same for every home of a client. */
export function testOutages(open: (options: OutageOptions) => Promise<Outage>): void {
  const run = async (options: OutageOptions, body: (outage: Outage) => Promise<void>): Promise<void> => {
    const outage = await open(options);
    try {
      await outage.drive(body(outage));
    } finally {
      await outage.close();
    }
  };

  describe('outages', () => {
    test('session state: its nodes are lost and come back → suspended, then open; the same session, what it held is held', async () => {
      await run({ sessionTtlMs: 120_000 }, async ({ client, down, up, sleep }) => {
        const states = statesOf(client);
        const held = await client.lock('l').acquire();
        await client.counter('c').add();
        assert.equal(await client.lock('m').holder(), null);
        await reached(client, 'open', sleep);
        await down();
        await until(async () => states.at(-1) === 'suspended', sleep);
        assert.equal(client.sessionState, 'suspended');
        const given = await givenUpUnsent(client, sleep);
        await up();
        await until(async () => states.at(-1) === 'open', sleep);
        assert.deepEqual(given, ['cancelled never enough', 'cancelled never enough', 'cancelled never enough']);
        assert.equal(await client.counter('c').add(), 2);
        assert.equal(await client.lock('m').holder(), null);
        assert.ok(held.isHeld && !states.includes('expired') && !states.includes('closed'), states.join());
        assert.deepEqual((await client.lock('l').holder())?.token, held.token);
        await held.release();
      });
    });

    test('session state: it expires while its nodes are lost → what it held is lost first; the next command opens another', async () => {
      await run({ sessionTtlMs: 2000 }, async ({ client, down, up, sleep }) => {
        const held = await client.lock('l').acquire();
        await reached(client, 'open', sleep);
        const states = statesOf(client);
        let wasLostBefore = false;
        client.onSessionState((state) => {
          if (state === 'expired') wasLostBefore = held.lost.aborted;
        });
        await down();
        const reason = await fired(held.lost);
        assert.ok(reason instanceof QuorateError && reason.code === 'sessionExpired');
        await until(async () => states.at(-1) === 'expired', sleep);
        assert.ok(wasLostBefore && client.sessionState === 'expired');
        await up();
        await using again = await client.lock('l').acquire({ waitMs: 60_000 });
        assert.ok(again.token.index > held.token.index);
        await reached(client, 'open', sleep);
        // It may have been out of contact once more on the way.
        assert.deepEqual(states.slice(states.indexOf('expired'), states.indexOf('expired') + 3), ['expired', 'opening', 'open']);
      });
    });
  });
}

/** How calls end that are given up while they wait to be sent. */
async function givenUpUnsent(client: QuorateClient, sleep: (ms: number) => Promise<void>): Promise<string[]> {
  const abort = new AbortController();
  const { signal } = abort;
  const waiting = Promise.allSettled([
    client.counter('c').add(1, { signal }),
    client.lock('m').acquire({ signal }),
    client.lock('not opened yet').acquire({ signal }),
  ]);
  await sleep(50);
  abort.abort('enough');
  return (await waiting).map((outcome) => {
    if (outcome.status === 'fulfilled') return 'done';
    const { code, retry, cause } = outcome.reason as QuorateError;
    return `${code} ${retry} ${String(cause)}`;
  });
}

/** What is told comes a turn after the answer that brought it about. */
async function reached(client: QuorateClient, state: string, sleep: (ms: number) => Promise<void>): Promise<void> {
  await until(async () => client.sessionState === state, sleep);
  await sleep(1);
}
