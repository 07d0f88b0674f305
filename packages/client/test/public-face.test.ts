import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, QuorateError, fromUtf8, utf8 } from '@quorate/base';
import { connect } from '@quorate/client';
import { SERVE } from './scripted-cluster.js';
import { collect, pump, setUpFace } from './virtual-time.js';

test('public face: create, append text, bytes and lists, read with limits → dense records with their offsets', async () => {
  const { cluster, client } = setUpFace(1);
  const stream = client.stream('orders');
  assert.equal(await pump(cluster, stream.create()), true);
  assert.equal(await pump(cluster, stream.create()), false);
  assert.deepEqual(await pump(cluster, stream.append('a')), { offset: 0, count: 1, lastOffset: 0 });
  assert.deepEqual(await pump(cluster, stream.append([utf8('b'), 'c', ''])), { offset: 1, count: 3, lastOffset: 3 });
  assert.deepEqual(await pump(cluster, collect(stream.read())), ['0:a', '1:b', '2:c', '3:']);
  assert.deepEqual(await pump(cluster, collect(stream.read({ from: 1, limit: 2 }))), ['1:b', '2:c']);
  assert.deepEqual(await pump(cluster, collect(stream.read({ from: 4 }))), []);
  assert.deepEqual(await pump(cluster, collect(stream.read({ from: 2, consistency: 'sequential' }))), ['2:c', '3:']);
  const info = await pump(cluster, stream.info());
  assert.equal(info.nextOffset, 4);
  await pump(cluster, client.close());
});

test('public face: reading while others append → ends at the end as it was', async () => {
  const { cluster, client } = setUpFace(2);
  const stream = await pump(cluster, client.createStream('s'));
  await pump(cluster, stream.append(['a', 'b', 'c']));
  const reader = stream.read();
  const first = await pump(cluster, reader.next());
  assert.equal(first.value?.offset, 0);
  await pump(cluster, stream.append('later'));
  assert.deepEqual(await pump(cluster, collect(reader)), ['1:b', '2:c']);
  await assert.rejects(
    pump(cluster, collect(stream.read({ from: 9 }))),
    (error) => error instanceof QuorateError && error.code === 'offsetOutOfRange',
  );
});

test('public face: T66: a tail over leader changes, lost connections and pauses → every record once, in order', async () => {
  const { cluster, client } = setUpFace(3);
  const stream = await pump(cluster, client.createStream('s'));
  await pump(cluster, stream.append('0'));
  const abort = new AbortController();
  const seen: string[] = [];
  const tail = (async () => {
    for await (const { offset, value } of stream.tail({ from: 'start', signal: abort.signal })) {
      assert.equal(offset, seen.length);
      seen.push(fromUtf8(value));
    }
  })();
  for (let i = 1; i < 40; i++) {
    if (i % 5 === 0) cluster.leader = ((i % 3) + 1) as NodeId;
    if (i % 7 === 0) for (const node of cluster.nodes) node.cutAll();
    await pump(cluster, stream.append(String(i)));
  }
  for (let i = 0; i < 8000 && seen.length < 40; i++) {
    cluster.scheduler.runFor(1);
    for (let k = 0; k < 10; k++) await null;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 40 }, (_, i) => String(i)),
  );
  abort.abort(new Error('enough'));
  await assert.rejects(
    pump(cluster, tail),
    (error) => error instanceof QuorateError && error.code === 'cancelled' && (error.cause as Error).message === 'enough',
  );
});

test('public face: a tail from the end → only what is appended after it began', async () => {
  const { cluster, client } = setUpFace(4);
  const stream = await pump(cluster, client.createStream('s'));
  await pump(cluster, stream.append(['old', 'older']));
  const tail = stream.tail();
  const next = tail.next();
  // The tail has asked where the end is before anything new is appended.
  for (let i = 0; i < 50; i++) {
    cluster.scheduler.runFor(1);
    for (let k = 0; k < 10; k++) await null;
  }
  await pump(cluster, stream.append('new'));
  const record = (await pump(cluster, next)).value;
  assert.ok(record);
  assert.deepEqual([record.offset, fromUtf8(record.value)], [2, 'new']);
  await pump(cluster, client.close());
});

test('public face: T77: aborted before, during and after → cancelled, aborted with the reason, or the result', async () => {
  const { cluster, client } = setUpFace(5);
  const stream = await pump(cluster, client.createStream('s'));
  const abort = new AbortController();
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 1000, when: 'before' } : SERVE);
  const flying = stream.append('x', { signal: abort.signal });
  for (let i = 0; i < 10; i++) cluster.scheduler.runFor(1);
  abort.abort('reason');
  await assert.rejects(
    pump(cluster, flying),
    (error) => error instanceof QuorateError && error.code === 'aborted' && error.cause === 'reason' && error.retry === 'unknown',
  );
  await assert.rejects(
    stream.append('y', { signal: abort.signal }),
    (error) => error instanceof QuorateError && error.code === 'cancelled',
  );
  cluster.node(1).script = () => SERVE;
  const later = new AbortController();
  const done = await pump(cluster, stream.append('z', { signal: later.signal }));
  later.abort();
  assert.equal(done.count, 1);
});

test('public face: streams over several pages → all of a prefix, in order', async () => {
  const { cluster, client } = setUpFace(6);
  for (const name of ['b3', 'a1', 'b1', 'b2', 'b5', 'b4']) await pump(cluster, client.createStream(name));
  const names: string[] = [];
  await pump(
    cluster,
    (async () => {
      for await (const { name } of client.listStreams({ prefix: 'b' })) names.push(name);
    })(),
  );
  assert.deepEqual(names, ['b1', 'b2', 'b3', 'b4', 'b5']);
});

test('public face: status of one node, leader transfer, close by await using', async () => {
  const { cluster, client } = setUpFace(7);
  const status = await pump(cluster, client.status({ address: '10.0.0.3:7400' }));
  assert.equal(status.nodeId, 3);
  const stream = await pump(cluster, client.createStream('s'));
  const { group } = await pump(cluster, stream.info());
  await pump(cluster, client.transferLeader(group, 2 as NodeId));
  assert.equal(cluster.leader, 2);
  await pump(cluster, client[Symbol.asyncDispose]());
  await assert.rejects(pump(cluster, stream.append('x')), (error) => error instanceof QuorateError && error.code === 'closed');
});

test('public face: bad addresses and values → clear errors', async () => {
  const { cluster, client } = setUpFace(8);
  const { addresses: _, ...ports } = cluster.ports([1]);
  for (const bad of ['', 'host', 'host:99999', 'a b:1']) {
    assert.throws(
      () => connect(bad, ports),
      (error) => error instanceof QuorateError && error.code === 'addressInvalid',
      bad,
    );
  }
  assert.throws(
    () => connect([], ports),
    (error) => error instanceof QuorateError && error.code === 'invalidArgument',
  );
  for (const bad of [null, 7, [7], {}]) {
    await assert.rejects(
      client.stream('s').append(bad as never),
      (error) => error instanceof QuorateError && error.code === 'invalidArgument',
    );
  }
});
