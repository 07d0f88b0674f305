import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STREAM, ready } from './ready-cluster.js';

const VALUE_BYTES = 20_000;
/** Longer than any call may take (5 s), so that the queues hold all that they ever hold. */
const OVERLOAD_SECONDS = 7;
const RECOVERY_SECONDS = 5;
const AFTER_SECONDS = 5;

/** What the cables of the clients take is what the cluster can serve. */
const SHAPES = [
  { clients: 2, bytesPerMs: 5000, what: '2 clients with 5 MB/s each' },
  { clients: 4, bytesPerMs: 250, what: '4 clients with 250 KB/s each' },
];

for (const { clients: count, bytesPerMs, what } of SHAPES) {
  for (const seed of [74, 75]) {
    test(`T74: ${what}: appends at five times of that, then at half of it → within 5 s at least 95 % succeed again (seed ${seed})`, () => {
      const run = ready(seed, { settings: { journalFileBytes: 16_777_216 } });
      const { cluster } = run;
      const clients = Array.from({ length: count }, (_, at) => cluster.client(`writer${at}`));
      for (const client of clients) {
        for (const node of cluster.nodes) cluster.network.setLink(client.name, node.name, { bytesPerMs });
      }
      const capacityPerSecond = (count * bytesPerMs * 1000) / VALUE_BYTES;
      let settled = 0;
      let called = 0;
      /** An open loop: calls come at even times, whatever becomes of those before. Per second: how many, and how many of them succeeded. */
      const load = (share: number, seconds: number): { called: number; done: number }[] =>
        Array.from({ length: seconds }, () => {
          const second = { called: 0, done: 0 };
          for (let ms = 0; ms < 1000; ms += 10) {
            while (second.called < (capacityPerSecond * share * (ms + 10)) / 1000) {
              second.called++;
              called++;
              clients[called % count]?.append(STREAM, { valueBytes: VALUE_BYTES }, (error) => {
                settled++;
                if (error === null) second.done++;
              });
            }
            cluster.runFor(10);
          }
          return second;
        });
      const before = load(0.5, 2);
      const over = load(5, OVERLOAD_SECONDS);
      load(0.5, RECOVERY_SECONDS);
      const after = load(0.5, AFTER_SECONDS);
      cluster.runFor(6000);
      assert.equal(settled, called, 'every call ends at its deadline at the latest');
      const part = (seconds: readonly { called: number; done: number }[]): number =>
        seconds.reduce((sum, { done }) => sum + done, 0) / seconds.reduce((sum, each) => sum + each.called, 0);
      assert.equal(part(before), 1);
      assert.ok(part(over) < 0.5, `it was no overload: ${part(over)}`);
      // What waits at the clients does not go out just before its deadline: else all the links would carry would be for nothing.
      for (const [at, { done }] of over.entries())
        assert.ok(done >= 0.8 * capacityPerSecond, `second ${at + 1} of the overload: ${done} of ${capacityPerSecond}`);
      for (const [at, second] of after.entries())
        assert.ok(part([second]) >= 0.95, `second ${RECOVERY_SECONDS + at + 1} after the overload: ${second.done} of ${second.called}`);
      cluster.check([STREAM]);
    });
  }
}
