import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, QuorateError, type Random, SeededRandom, groupId, randomBetween, randomChance, utf8 } from '@quorate/base';
import type { AppendResult } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import type { ClientRequest } from '@quorate/wire';
import { type Action, Outcome, SERVE, ScriptedCluster } from './scripted-cluster.js';

interface Sent {
  readonly text: string;
  /** Token of its fence; 0: it had none. */
  readonly token: number;
  readonly outcome: Outcome<AppendResult>;
}

function mischief(random: Random, request: ClientRequest, mayDelay: boolean): Action {
  const roll = randomBetween(random, 0, 99);
  if (roll < 60) return SERVE;
  if (roll < 68) return { do: 'cut', when: 'before' };
  if (roll < 76) return { do: 'cut', when: 'after' };
  if (roll < 82) return mayDelay ? { do: 'late', ms: randomBetween(random, 1, 2500), when: 'after' } : { do: 'ignore' };
  if (roll < 88) return { do: 'late', ms: randomBetween(random, 1, 2500), when: 'before' };
  if (roll < 92) return { do: 'refuse', error: new QuorateError('overloaded', 'busy') };
  if (roll < 95) return { do: 'ignore' };
  if (roll < 97) return { do: 'garbage' };
  return request.type === 'append' ? { do: 'refuse', error: new QuorateError('leadershipLost', 'no longer leader') } : SERVE;
}

/**
 * Two clients append to two streams while connections break, answers are lost or late and leaders move; with `producersMax`, while the streams
 * forget producers all the time. (Then no request is done late: a first copy that outlives its producer is the one thing a stream cannot tell
 * from a new producer, and a real stream remembers ten thousand.)
 */
function run(seed: number, options: { readonly producersMax?: number; readonly hasFences?: boolean } = {}): void {
  const { producersMax, hasFences = false } = options;
  const cluster = new ScriptedCluster(seed);
  const random = new SeededRandom(seed * 7919 + 1);
  const names = ['one', 'two'];
  for (const name of names) {
    cluster.create(name);
    if (producersMax !== undefined) cluster.evictProducersAbove(name, producersMax);
  }
  const clients = [cluster.client([1, 2, 3]), cluster.client([2], { stallMs: 150 })];
  let isMischievous = true;
  for (const node of cluster.nodes)
    node.script = (request) => (isMischievous ? mischief(random, request, producersMax === undefined) : SERVE);
  const sent = new Map<string, Sent[]>();
  let number = 0;
  for (let step = 0; step < 120; step++) {
    const index = randomBetween(random, 0, 1);
    const name = names[randomBetween(random, 0, 1)] ?? 'one';
    const key = `${index}/${name}`;
    // Holders come and go; old ones write on for a while.
    const token = hasFences && randomChance(random, 0.7) ? Math.max(1, Math.floor(step / 10) - randomBetween(random, 0, 1)) : 0;
    const text = `${key}/${number++}/${token}`;
    const outcome = new Outcome<AppendResult>(cluster.scheduler);
    const list = sent.get(key) ?? [];
    sent.set(key, list);
    list.push({ text, token, outcome });
    const time = { deadlineMs: randomBetween(random, 200, 4000), ...(token === 0 ? {} : { fence: fenceOf(token) }) };
    const pending = clients[index]?.append(name, [utf8(text)], time, outcome.done);
    if (randomChance(random, 0.03)) {
      cluster.scheduler.runFor(1);
      pending?.cancel();
    }
    if (randomChance(random, 0.05)) cluster.leader = randomBetween(random, 1, 3) as NodeId;
    cluster.scheduler.runFor(randomBetween(random, 0, 60));
  }
  isMischievous = false;
  cluster.scheduler.runFor(15_000);
  for (const [key, list] of sent) {
    const stored = cluster.values(key.split('/')[1] ?? '').filter((value) => value.startsWith(`${key}/`));
    const context = `seed ${seed}, ${key}`;
    assert.equal(new Set(stored).size, stored.length, `${context}: a record twice`);
    const order = stored.map((value) => Number(value.split('/')[2]));
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
      `${context}: out of order`,
    );
    const all = cluster.values(key.split('/')[1] ?? '');
    const tokens = all.map((value) => Number(value.split('/')[3]));
    checkTokens(context, tokens);
    for (const { text, token, outcome } of list) {
      assert.equal(outcome.settled, 1, `${context}: ${text} settled ${outcome.settled} times`);
      if (outcome.error === null) assert.equal(all[outcome.result?.offset ?? -1], text, `${context}: ${text} acknowledged and not there`);
      else if (outcome.error.code === 'fenced')
        assert.ok(token > 0 && tokens.some((other) => other > token), `${context}: ${text} was refused for nothing`);
      if (outcome.error !== null && outcome.error.retry !== 'unknown')
        assert.ok(!stored.includes(text), `${context}: ${text} is there after ${outcome.error.code}`);
    }
  }
  clients.forEach((client, i) => {
    assert.equal(client.openCalls, 0, `seed ${seed}, client ${i}: open calls`);
    assert.equal(client.appendBytes, 0, `seed ${seed}, client ${i}: bytes`);
  });
}

function fenceOf(index: number): Fence {
  return { group: groupId(1), resource: 1, token: { epoch: 1, index } };
}

/** What was stored under a token stands before all that was stored under a higher one. */
function checkTokens(context: string, tokens: readonly number[]): void {
  const fenced = tokens.filter((token) => token > 0);
  assert.deepEqual(
    fenced,
    [...fenced].sort((a, b) => a - b),
    `${context}: a token after a higher one`,
  );
}

/** More with `CLIENT_SEEDS` (CONTRIBUTING.md). */
const SEEDS = Number(process.env['CLIENT_SEEDS'] ?? 120);

test(`appends: T63, T77: ${SEEDS} seeds of lost connections, late answers and moving leaders → acknowledged once in order, "safe" means not stored, one settlement each`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) run(seed);
});

test(`appends: T62, T63: ${SEEDS} seeds of the same on streams that forget producers → the same`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) run(seed, { producersMax: 1 + (seed % 2) });
});

test(`appends: rule 21, T62: ${SEEDS} seeds of the same by holders that follow one another, late ones too → the same; tokens never fall in a stream`, () => {
  for (let seed = 1; seed <= SEEDS; seed++) run(seed, { hasFences: true, ...(seed % 3 === 0 ? { producersMax: 2 } : {}) });
});
