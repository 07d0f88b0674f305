// A paused connection that had been accepted was read on, into memory: the receiving half had not been told of its source.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPair } from '../loopback.js';

for (const [which, isAccepted] of [
  ['an accepted', true],
  ['a dialed', false],
] as const) {
  test(`frame connection: ${which} one is paused and the other side goes on sending → what comes stays with the system, not in memory`, async () => {
    await withPair({ queueBytesMax: 100_000_000 }, async ({ dialed, client, accepted, recorder: atServer }) => {
      const [reader, writer] = isAccepted ? [accepted, dialed] : [dialed, accepted];
      const recorder = isAccepted ? atServer : client;
      reader.pause();
      const body = new Uint8Array(1_000_000);
      for (let i = 0; i < 40; i++) assert.equal(writer.send(40, [body]), true);
      for (let i = 0; i < 300; i++) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(writer.queuedBytes > 20_000_000, `${writer.queuedBytes} bytes of 40 MB are still queued where they come from`);
      assert.equal(recorder.frames.length, 0);
      reader.resume();
      await recorder.received(40);
    });
  });
}
