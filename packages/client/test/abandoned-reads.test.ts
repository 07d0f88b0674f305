import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, fromUtf8 } from '@quorate/base';
import type { StreamRecord } from '@quorate/wire';
import { collect, pump, setUpFace, turn } from './virtual-time.js';

test('reading: left with break in the middle of a batch, and of a tail → no call is open, nothing more is asked', async () => {
  const { cluster, client } = setUpFace(51);
  const stream = await pump(cluster, client.createStream('s'));
  await pump(cluster, stream.append(['a', 'b', 'c']));
  for (const records of [stream.read(), stream.tail({ from: 'start' })]) {
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { value } of records) {
        seen.push(fromUtf8(value));
        if (seen.length === 2) break;
      }
    })();
    await pump(cluster, reading);
    assert.deepEqual(seen, ['a', 'b']);
    assert.equal(client.core.openCalls, 0);
    const asked = cluster.requestsOf('readStream');
    await turn(cluster, 10_000);
    assert.equal(cluster.requestsOf('readStream'), asked);
  }
});

test('reading: a tail is left while it waits for the next record → the wait ends at once, nothing more is asked', async () => {
  const { cluster, client } = setUpFace(52);
  const stream = await pump(cluster, client.createStream('s'));
  await pump(cluster, stream.append('a'));
  const tail = stream.tail({ from: 'start' });
  assert.equal(fromUtf8(((await pump(cluster, tail.next())).value as StreamRecord).value), 'a');
  const waiting = tail.next();
  await turn(cluster, 100);
  assert.equal(client.core.openCalls, 1);
  assert.deepEqual(await pump(cluster, tail.return(), 5), { done: true, value: undefined });
  assert.deepEqual(await pump(cluster, waiting, 5), { done: true, value: undefined });
  assert.equal(client.core.openCalls, 0);
  const asked = cluster.requestsOf('readStream');
  await turn(cluster, 10_000);
  assert.equal(cluster.requestsOf('readStream'), asked);
  assert.deepEqual(await tail.next(), { done: true, value: undefined });
});

test('reading: the signal was aborted before the first record was asked for → cancelled with its reason, nothing is sent', async () => {
  const { cluster, client } = setUpFace(53);
  const abort = new AbortController();
  abort.abort('too late');
  const { signal } = abort;
  const stream = client.stream('s');
  for (const records of [
    stream.tail({ signal }),
    stream.tail({ signal, from: 'start' }),
    stream.tail({ signal, from: 3 }),
    stream.read({ signal }),
  ]) {
    await assert.rejects(
      pump(cluster, collect(records), 5),
      (error) => error instanceof QuorateError && error.code === 'cancelled' && error.cause === 'too late',
    );
  }
  assert.equal(cluster.network.openEnds, 0);
  assert.equal(cluster.network.connectionsOpened, 0);
});

test('reading: the client is closed under a tail that waits → closed, once', async () => {
  const { cluster, client } = setUpFace(54);
  const stream = await pump(cluster, client.createStream('s'));
  const reading = collect(stream.tail());
  const settled = assert.rejects(reading, (error) => error instanceof QuorateError && error.code === 'closed');
  await turn(cluster, 500);
  await pump(cluster, client.close());
  await pump(cluster, settled, 100);
  await turn(cluster, 10_000);
  assert.equal(cluster.network.openEnds, 0);
});

test('reading: sequential, and the second answer comes from a node that lags behind the first → the rest is read from the leader', async () => {
  const { cluster, client } = setUpFace(55);
  const stream = await pump(cluster, client.createStream('s'));
  const values = Array.from({ length: 3 }, (_, i) => String(i).padEnd(600_000, '.'));
  for (const value of values) await pump(cluster, stream.append(value));
  let answers = 0;
  for (const node of cluster.nodes) {
    node.script = (request) => {
      if (request.type !== 'readStream' || request.consistency !== 'sequential' || answers++ === 0) return { do: 'serve' };
      const { fromOffset } = request;
      return { do: 'answer', body: { type: 'records', fromOffset, count: 0, nextOffset: fromOffset, records: new Uint8Array(0) } };
    };
  }
  const read = await pump(cluster, collect(stream.read({ consistency: 'sequential' })));
  assert.deepEqual(
    read.map((text) => text.slice(0, 3)),
    ['0:0', '1:1', '2:2'],
  );
});
