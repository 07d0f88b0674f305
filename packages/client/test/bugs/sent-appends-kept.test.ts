import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SERVE } from '../scripted-cluster.js';
import { setUp } from '../client-calls.js';

const RECORD = new Uint8Array(100_000);
/** More than is sent at a time, so that some wait all the time. */
const OPEN = 200;
const CALLS = 1000;
const MIB = 1_048_576;

test('client: T71: more appends wait all the time than may be on their way → what is stored is let go', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const memory = (): number => {
    collect();
    return process.memoryUsage().arrayBuffers / MIB;
  };
  const { cluster, client } = setUp(91);
  const { requests } = cluster.node(1);
  let offset = 0;
  cluster.node(1).script = (request) => {
    // Else the node would remember them all.
    requests.length = 0;
    if (request.type !== 'append') return SERVE;
    const count = request.payload[2] ?? 0;
    return { do: 'answer', body: { type: 'appended', offset: (offset += count) - count, count } };
  };
  let called = 0;
  let stored = 0;
  const append = (): void => {
    called++;
    client.append('s', [RECORD], {}, (error) => {
      assert.equal(error, null);
      stored++;
      if (called < CALLS) append();
    });
  };
  const before = memory();
  for (let i = 0; i < OPEN; i++) append();
  cluster.scheduler.runUntil(() => stored >= CALLS - OPEN, { withinMs: 60_000, what: 'most are stored' });
  const grown = memory() - before;
  // What waits are 19 MiB of records, which are all the same one here; on their way are 8 MiB, and their copies in the network.
  assert.ok(grown < 40, `${grown} MiB more, of ${(stored * RECORD.length) / MIB} that are stored`);
  cluster.scheduler.runUntil(() => stored === CALLS, { withinMs: 60_000, what: 'all are stored' });
});
