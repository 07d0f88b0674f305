import assert from 'node:assert/strict';
import type { QuorateClient, SessionState } from 'quorate';
import { coded } from '../harness/coded.js';
import type { FaceTests } from './face-test.js';

/** The states that a client tells from now on; one that was told with another before it than was told stands there with a question mark. */
export function statesOf(client: QuorateClient): string[] {
  const states: string[] = [];
  client.onSessionState((state, previous) => {
    const last = states.at(-1) ?? previous;
    states.push(last === previous ? state : `${state}, after ${previous}?`);
  });
  return states;
}

export const sessionStateTests: FaceTests = {
  'session state: first command, close → open and closed, before close is done; then nobody can listen any more': async ({
    connect,
    name,
    until,
  }) => {
    const client = await connect();
    assert.equal(client.sessionState, 'opening');
    const told: string[] = [];
    const watching = client.onSessionState((state, previous) => told.push(`${previous} → ${state}`));
    const other: SessionState[] = [];
    client.onSessionState((state) => other.push(state)).end();
    await client.counter(name).add();
    await until(async () => told.length > 0);
    await client.close();
    assert.deepEqual(told, ['opening → open', 'open → closed']);
    assert.deepEqual(other, []);
    watching.end();
    watching[Symbol.dispose]();
    assert.throws(() => client.onSessionState(() => {}), coded('closed', 'never'));
  },

  'session state: the process is paused for longer than the ttl → expired, known by the clock before; the next command opens another':
    async ({ connect, freeze, name, until }) => {
      await using client = await connect({ sessionTtlMs: 400 });
      const counter = client.counter(name);
      await counter.add();
      await until(async () => client.sessionState === 'open');
      const states = statesOf(client);
      freeze(client, 600);
      assert.equal(client.sessionState, 'expired');
      await until(async () => states.includes('expired'));
      assert.equal(await counter.add(), 2);
      await until(async () => states.includes('open'));
      assert.deepEqual(states.slice(states.indexOf('expired'), states.indexOf('open') + 1), ['expired', 'opening', 'open']);
    },
};
