import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { oneQuery } from './raw-session.js';
import { RawClient } from './raw-client.js';
import { TALLY } from './tally.js';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';

test('T56, rule 9: a client saw more by a linearizable read than its own commands did, a replica behind that is asked → it waits', () => {
  const cluster = sessionCluster(15);
  const leader = leaderOf(cluster);
  const [lagging, near] = others(cluster, leader);
  assert.ok(lagging !== undefined && near !== undefined);
  const writer = new TallyUser(cluster, 'writer').open();
  const reader = new TallyUser(cluster, 'reader', { readFrom: lagging.address }).open();
  writer.run('add', { amount: 1 });
  // Long enough for the newer commit index to go out with something.
  cluster.runFor(100);
  assert.equal(reader.ask('get', { consistency: 'sequential' }).value, 1);
  for (const node of [leader, near]) cluster.network.cut(lagging.name, node.name);
  writer.run('add', { amount: 1 });
  assert.equal(reader.ask('get', { consistency: 'linearizable' }).value, 2);
  let value: unknown = null;
  reader.query('get', { consistency: 'sequential' }, (ended) => (value = ended.value));
  cluster.runFor(30);
  assert.deepEqual([value, metric(lagging, 'queriesWaiting')], [null, 1]);
  cluster.network.healAll();
  cluster.runUntil(() => value !== null, 2000, 'the replica catches up');
  assert.equal(value, 2);
});

test('T55, rule 7: a leader is stopped, another one takes commands, the first is asked when it wakes → never answered from what it holds', () => {
  for (const seed of [17, 18, 19]) {
    const cluster = sessionCluster(seed);
    const old = leaderOf(cluster);
    const writer = new TallyUser(cluster, 'writer').open();
    writer.run('add', { amount: 1 });
    const raw = new RawClient(cluster, old);
    cluster.runUntil(() => raw.isOpen, 1000, 'a connection');
    const ask = (): number =>
      raw.send({
        type: 'queries',
        group: DEFAULT_GROUP,
        session: 0,
        afterNumber: 0,
        minIndex: 0,
        consistency: 'linearizable',
        ...oneQuery(writer.tally, TALLY.operations.get.code),
      });
    const first = ask();
    cluster.runUntil(() => raw.answers.has(first), 1000, 'an answer of the leader');
    assert.equal(raw.answers.get(first)?.type, 'queryResults');
    old.pause();
    const late = ask();
    writer.run('add', { amount: 1 });
    old.resume();
    cluster.runUntil(() => raw.answers.has(late), 6000, 'an answer of the one that led');
    assert.equal(raw.answers.get(late)?.type, 'error', `seed ${seed}: one addition is missing in what it holds`);
  }
});

test('rule 14, T59: nothing is written for seconds, not even an acknowledgement, then a timer is due → it fires in time, by a tick', () => {
  const cluster = sessionCluster(16);
  const user = new TallyUser(cluster, 'user').open();
  const applied = (): number => leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex ?? 0;
  user.run('watch');
  user.run('delay', { afterMs: 20_000 });
  const fromMs = cluster.scheduler.nowMs;
  cluster.runFor(10_000);
  const before = applied();
  cluster.runFor(9500);
  assert.equal(applied(), before, 'all is acknowledged, and nothing is written');
  cluster.runUntil(() => user.events.length === 1, 5000, 'the timer fires');
  const tookMs = cluster.scheduler.nowMs - fromMs;
  assert.ok(tookMs >= 19_900 && tookMs < 20_300, `${tookMs}`);
});
