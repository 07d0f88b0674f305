import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, Quorate, type SessionState, type SessionStateListener, type SessionStateSubscription } from 'quorate';
import { CALL_MS, startMembers } from './harness/homes.js';
import { until } from './harness/waiting.js';

test('session state: a listener throws, another rejects → both are logged, the third is told, calls go on', async () => {
  const lines: string[] = [];
  const logger: Logger = {
    log: (level, event, fields) => {
      if (event === 'callbackThrew') lines.push(`${level} ${String(fields?.['what'])} ${String(fields?.['error']).split('\n')[0]}`);
    },
  };
  const { nodes, addresses } = await startMembers(1);
  try {
    await using client = await Quorate.connect(addresses, { deadlineMs: CALL_MS, logger });
    const told: SessionState[] = [];
    client.onSessionState(() => {
      throw new Error('thrown');
    });
    client.onSessionState(async () => {
      throw new Error('rejected');
    });
    const listener: SessionStateListener = (state) => told.push(state);
    const subscription: SessionStateSubscription = client.onSessionState(listener);
    assert.equal(await client.counter('c').add(), 1);
    await until(async () => told.length === 1 && lines.length === 2);
    assert.deepEqual(told, ['open']);
    assert.deepEqual(lines, ['error sessionState Error: thrown', 'error sessionState Error: rejected']);
    subscription.end();
    assert.equal(await client.counter('c').add(), 2);
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
});
