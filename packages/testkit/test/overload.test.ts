import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpenLoop, partDone } from '@quorate/testkit';
import { STREAM, appends, ready } from './ready-cluster.js';

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
      const { cluster } = ready(seed, { settings: { journalFileBytes: 16_777_216 } });
      const clients = Array.from({ length: count }, (_, at) => cluster.client(`writer${at}`));
      for (const client of clients) {
        for (const node of cluster.nodes) cluster.network.setLink(client.name, node.name, { bytesPerMs });
      }
      const loop = new OpenLoop(cluster, appends(clients, VALUE_BYTES));
      const capacity = (count * bytesPerMs * 1000) / VALUE_BYTES;
      const before = loop.run(capacity / 2, 2);
      const over = loop.run(capacity * 5, OVERLOAD_SECONDS);
      loop.run(capacity / 2, RECOVERY_SECONDS);
      const after = loop.run(capacity / 2, AFTER_SECONDS);
      cluster.runFor(6000);
      assert.equal(loop.settled, loop.called, 'every call ends at its deadline at the latest');
      assert.equal(partDone(before), 1);
      assert.ok(partDone(over) < 0.5, `it was no overload: ${partDone(over)}`);
      // What waits at the clients does not go out just before its deadline: else all that the links carry would be for nothing.
      for (const [at, { done }] of over.entries())
        assert.ok(done >= 0.7 * capacity, `second ${at + 1} of the overload: ${done} of ${capacity}`);
      for (const [at, second] of after.entries())
        assert.ok(partDone([second]) >= 0.95, `second ${RECOVERY_SECONDS + at + 1} after the overload: ${second.done} of ${second.called}`);
      cluster.check([STREAM]);
    });
  }
}
