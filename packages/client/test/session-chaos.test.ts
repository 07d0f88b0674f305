import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, SeededRandom, randomBetween, randomChance, randomUnit } from '@quorate/base';
import fc from 'fast-check';
import { GROUP, SessionCluster } from './session-cluster.js';
import { OPERATION } from './session-machine.js';
import { SessionProbe } from './session-probe.js';

/** Some of everything, in a few turns. Gives the probe once all is settled. */
function smallWorkload(cluster: SessionCluster): SessionProbe {
  const sessions = cluster.sessions();
  const probe = new SessionProbe(cluster, sessions);
  probe.watch();
  for (let i = 0; i < 4; i++) {
    probe.submit(`${i}a`, { deadlineMs: 30_000 });
    probe.submit(`${i}b`, { deadlineMs: 30_000 });
    probe.query('linearizable', 30_000);
    cluster.scheduler.runFor(3);
  }
  probe.query('sequential', 30_000);
  probe.wait();
  cluster.scheduler.runFor(3000);
  return probe;
}

for (const when of ['before', 'after'] as const) {
  test(`sessions: T61: the connection is cut at each message in turn, ${when} it is served → the same session, all applied once, all told once`, () => {
    const calm = new SessionCluster(100);
    smallWorkload(calm);
    assert.ok(calm.messages > 10);
    for (let message = 1; message <= calm.messages; message++) {
      const cluster = new SessionCluster(100);
      cluster.cutAt = { message, when };
      const probe = smallWorkload(cluster);
      probe.check();
      assert.deepEqual(probe.codes(), {}, `cut at ${message}`);
      assert.equal(probe.events.length, 8, `cut at ${message}`);
      // The answer to the first `openSession` may be lost: then the same key finds the same session.
      assert.equal(cluster.machine.sessions.size, 1, `cut at ${message}`);
      assert.equal(probe.told.filter((told) => told.kind === 'answer').length, 5);
    }
  });
}

interface Storm {
  readonly seed: number;
  readonly steps: number;
  readonly isRough: boolean;
}

/** Random use of two sessions in random weather; then calm until everything is settled. */
function storm({ seed, steps, isRough }: Storm): { cluster: SessionCluster; probes: SessionProbe[]; losses: number[] } {
  const cluster = new SessionCluster(seed);
  const random = new SeededRandom(seed ^ 0x5eed);
  const cores = [cluster.client(), cluster.client([2, 3])];
  const probes = cores.map((core) => new SessionProbe(cluster, core.sessions(GROUP, { sessionTtlMs: isRough ? 800 : 20_000 })));
  let count = 0;
  for (const [i, probe] of probes.entries()) probe.submit(`watch${i}`, { operation: OPERATION.watch, deadlineMs: 60_000 });
  for (let i = 0; i < steps; i++) {
    if (i % 20 === 0) cluster.weather = someWeather(random);
    const probe = probes[randomBetween(random, 0, 1)] as SessionProbe;
    const deadlineMs = isRough ? randomBetween(random, 1, 1500) : 120_000;
    const dice = randomUnit(random);
    if (dice < 0.5) for (let n = randomBetween(random, 1, 5); n > 0; n--) probe.submit(`${++count}`, { deadlineMs });
    else if (dice < 0.65)
      for (let n = randomBetween(random, 1, 4); n > 0; n--)
        probe.query(randomChance(random, 0.8) ? 'linearizable' : 'sequential', deadlineMs);
    else if (dice < 0.7) cluster.elect(isRough ? randomBetween(random, 0, 3) : randomBetween(random, 1, 3));
    else if (dice < 0.74) cluster.node(randomBetween(random, 1, 3)).cutAll();
    else if (dice < 0.76 && isRough) probe.calls[randomBetween(random, 0, probe.calls.length - 1)]?.cancel();
    else if (dice < 0.78 && isRough) stopFor(cluster, random);
    else cluster.scheduler.runFor(randomBetween(random, 1, 40));
  }
  cluster.weather = { ...cluster.weather, cut: 0, late: 0, refuse: 0 };
  cluster.elect(randomBetween(random, 1, 3));
  cluster.scheduler.runUntil(() => probes.every((probe) => probe.isQuiet), { withinMs: 130_000, what: 'all calls settle' });
  cluster.scheduler.runFor(5000);
  const losses = probes.map((probe) => probe.losses);
  for (const core of cores) core.close(() => {});
  cluster.scheduler.runFor(1500);
  assert.equal(cluster.network.openEnds, 0, 'all connections are closed');
  assert.deepEqual(
    cores.map((core) => core.sessions(GROUP).openCalls),
    [0, 0],
  );
  return { cluster, probes, losses };
}

function someWeather(random: Random): SessionCluster['weather'] {
  const some = (max: number): number => (randomChance(random, 0.4) ? 0 : randomUnit(random) * max);
  return {
    cut: some(0.05),
    late: some(0.3),
    lateMs: 1 + Math.floor(some(60)),
    twice: some(0.3),
    refuse: some(0.2),
    eventsFirst: some(1),
    split: some(1),
    commitMinMs: 0,
    batchMs: 0,
    commitMs: some(20),
    lagMs: some(30),
  };
}

function stopFor(cluster: SessionCluster, random: Random): void {
  const client = `client${randomBetween(random, 1, 2)}`;
  for (const node of [1, 2, 3]) cluster.network.cut(client, `node${node}`);
  cluster.scheduler.runFor(randomBetween(random, 1, 1200));
  cluster.network.healAll();
}

const STORMS = Number(process.env['SESSION_STORMS'] ?? 10);

test('sessions: rules 9 to 12, 17, 18, T63, T66: cuts, elections, late, doubled and split answers → every command once and in order, every event once', () => {
  fc.assert(
    fc.property(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 20, max: 100 }), isRough: fc.constant(false) }), (options) => {
      const { cluster, probes, losses } = storm(options);
      for (const probe of probes) {
        probe.check();
        assert.deepEqual(probe.codes(), {}, 'nothing fails that has time');
        const session = [...cluster.machine.sessions.values()].find((other) => other.events[0]?.index === probe.events[0]?.index);
        assert.equal(probe.events.length, session?.events.length ?? 0, 'every event');
      }
      assert.deepEqual(losses, [0, 0]);
      assert.equal(cluster.machine.sessions.size, 2, 'no session is opened twice');
    }),
    { numRuns: STORMS },
  );
});

test('sessions: T63, T66, T77: the same with short deadlines, cancelled calls, expiry and no leader → each call settles once, nothing twice, nothing out of order', () => {
  fc.assert(
    fc.property(fc.record({ seed: fc.nat(), steps: fc.integer({ min: 20, max: 100 }), isRough: fc.constant(true) }), (options) => {
      const { probes } = storm(options);
      for (const probe of probes) probe.check();
    }),
    { numRuns: STORMS },
  );
});
