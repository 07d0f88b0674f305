import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Quorate, type QuorateClient, QuorateError, type StreamRecord } from 'quorate';
import { endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { DevCluster } from '../../cli/dist-test/harness/dev-cluster.js';
import { coded } from './harness/coded.js';

const BIN = fileURLToPath(new URL('../bin/quorate.mjs', import.meta.url));
const CALL_MS = 20_000;

async function gather(records: AsyncIterable<StreamRecord>): Promise<readonly [offset: number, text: string][]> {
  const all: [number, string][] = [];
  for await (const { offset, value } of records) all.push([offset, Buffer.from(value).toString()]);
  return all;
}

let cluster: DevCluster;
let client: QuorateClient;

before(async () => {
  cluster = await DevCluster.start({ nodes: 3, program: BIN });
  client = await Quorate.connect(cluster.addresses, { deadlineMs: CALL_MS });
});
after(async () => {
  await client?.close();
  await endAllProcesses();
});

test('connect: a list, a text with commas, or one node of three → a client that reaches every stream', async () => {
  const stream = await client.createStream('connect');
  await stream.append('here');
  for (const addresses of [cluster.addresses, cluster.connect, ...cluster.addresses]) {
    await using other = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
    assert.deepEqual(await gather(other.stream('connect').read()), [[0, 'here']]);
  }
});

test('connect: one of the addresses is dead → the others serve', async () => {
  await using other = await Quorate.connect(['127.0.0.1:1', ...cluster.addresses], { deadlineMs: CALL_MS });
  assert.equal((await other.status()).members.length, 3);
});

test('create: twice → true, then false, and the same stream', async () => {
  const stream = client.stream('created');
  assert.equal(await stream.create(), true);
  assert.equal(await stream.create(), false);
  assert.equal((await client.createStream('created')).name, 'created');
  const names: string[] = [];
  for await (const { name } of client.listStreams({ prefix: 'create' })) names.push(name);
  assert.deepEqual(names, ['created']);
});

test('append: one, and many at once without waiting → dense offsets in the order of the calls', async () => {
  const stream = await client.createStream('append');
  assert.deepEqual(await stream.append('0'), { offset: 0, count: 1, lastOffset: 0 });
  assert.deepEqual(await stream.append(['1', new TextEncoder().encode('2'), '3']), { offset: 1, count: 3, lastOffset: 3 });
  const results = await Promise.all(Array.from({ length: 500 }, (_, index) => stream.append(String(4 + index))));
  assert.deepEqual(
    results.map(({ offset }) => offset),
    Array.from({ length: 500 }, (_, index) => 4 + index),
  );
  const info = await stream.info();
  assert.equal(info.firstOffset, 0);
  assert.equal(info.nextOffset, 504);
  assert.deepEqual(
    await gather(stream.read()),
    Array.from({ length: 504 }, (_, index) => [index, String(index)]),
  );
});

test('append: any bytes, none, and the largest record → read back as they were', async () => {
  const stream = await client.createStream('bytes');
  const largest = new Uint8Array(1_048_576).fill(0xa5);
  const values = [new Uint8Array(0), Uint8Array.from({ length: 256 }, (_, index) => index), largest];
  for (const value of values) await stream.append(value);
  const read: Buffer[] = [];
  for await (const { value } of stream.read()) read.push(Buffer.from(value));
  assert.deepEqual(read, values.map(Buffer.from));
});

test('read: from and limit → exactly those; at the end → none; leaving early → no harm', async () => {
  const stream = await client.createStream('read');
  await stream.append(Array.from({ length: 10 }, (_, index) => `r${index}`));
  assert.deepEqual(await gather(stream.read({ from: 3, limit: 2 })), [
    [3, 'r3'],
    [4, 'r4'],
  ]);
  assert.deepEqual(await gather(stream.read({ from: 8 })), [
    [8, 'r8'],
    [9, 'r9'],
  ]);
  assert.deepEqual(await gather(stream.read({ from: 10 })), []);
  assert.deepEqual(await gather(stream.read({ limit: 0 })), []);
  for await (const { offset } of stream.read()) if (offset === 4) break;
  assert.deepEqual(await gather(stream.read({ from: 9, consistency: 'linearizable' })), [[9, 'r9']]);
});

test('tail: from the start, then records that come later, until it is left → dense and in order', async () => {
  const stream = await client.createStream('tail');
  await stream.append(['a', 'b']);
  const seen: string[] = [];
  for await (const { offset, value } of stream.tail({ from: 'start' })) {
    seen.push(`${offset}:${Buffer.from(value).toString()}`);
    if (offset === 1) await stream.append('c');
    if (offset === 2) break;
  }
  assert.deepEqual(seen, ['0:a', '1:b', '2:c']);
});

test('tail: its signal fires while it waits → cancelled, with the reason as cause', async () => {
  const stream = await client.createStream('tail-abort');
  await stream.append('only');
  const abort = new AbortController();
  const reason = new Error('enough');
  const seen: number[] = [];
  const tailing = (async () => {
    for await (const { offset } of stream.tail({ from: 0, signal: abort.signal })) {
      seen.push(offset);
      setImmediate(() => abort.abort(reason));
    }
  })();
  await assert.rejects(tailing, (thrown) => coded('cancelled', 'never')(thrown) && (thrown as Error).cause === reason);
  assert.deepEqual(seen, [0]);
});

test('await using: at the end of the block → closed, and later calls say so', async () => {
  let kept: QuorateClient;
  {
    await using inner = await Quorate.connect(cluster.connect, { deadlineMs: CALL_MS });
    kept = inner;
    await inner.createStream('using');
  }
  await assert.rejects(kept.stream('using').append('x'), coded('closed', 'never'));
  await assert.rejects(kept.status(), coded('closed', 'never'));
});

test('errors: a stream that is not there → streamNotFound, which names it', async () => {
  const stream = client.stream('nowhere');
  await assert.rejects(stream.append('x'), coded('streamNotFound', 'never', /nowhere/));
  await assert.rejects(stream.info(), coded('streamNotFound', 'never', /nowhere/));
  await assert.rejects(gather(stream.read()), coded('streamNotFound', 'never', /nowhere/));
  await assert.rejects(gather(stream.tail()), coded('streamNotFound', 'never', /nowhere/));
});

test('errors: bad names, records and offsets → a code that says which', async () => {
  const stream = await client.createStream('errors');
  for (const name of ['', 'a\nb', 'a\u0000', 'n'.repeat(256), '\ud800']) {
    await assert.rejects(client.createStream(name), coded('nameInvalid', 'never'));
  }
  await assert.rejects(stream.append(new Uint8Array(1_048_577)), coded('recordTooLarge', 'never', /1048576/));
  await assert.rejects(stream.append([]), coded('invalidArgument', 'never'));
  for (const value of [7, null, undefined, {}, ['a', 7]] as unknown as string[]) {
    await assert.rejects(stream.append(value), coded('invalidArgument', 'never'));
  }
  await assert.rejects(gather(stream.read({ from: 1 })), coded('offsetOutOfRange', 'never'));
  for (const from of [-1, 0.5, Number.NaN]) await assert.rejects(gather(stream.read({ from })), QuorateError);
  await assert.rejects(gather(stream.read({ limit: -1 })), coded('invalidArgument', 'never'));
  assert.equal((await stream.info()).nextOffset, 0);
});

test('cluster id: of this cluster → connected; of another → clusterMismatch; malformed → invalidArgument', async () => {
  const { clusterId } = await client.status();
  assert.ok(clusterId !== null);
  await using same = await Quorate.connect(cluster.connect, { clusterId, deadlineMs: CALL_MS });
  assert.equal((await same.status()).clusterId, clusterId);
  const other = '0123456789abcdef';
  await assert.rejects(Quorate.connect(cluster.connect, { clusterId: other }), coded('clusterMismatch', 'never', /0123456789abcdef/));
  await assert.rejects(Quorate.connect(cluster.connect, { clusterId: 'mine' }), coded('invalidArgument', 'never', /mine/));
});

test('leader killed under appends and a tail → each record once, in order, and the tail goes on', async () => {
  const stream = await client.createStream('killed');
  const { leader } = await stream.info();
  const statuses = await Promise.all(cluster.addresses.map((address) => client.status({ address })));
  const pid = statuses.find(({ nodeId }) => nodeId === leader)?.pid;
  assert.ok(pid !== undefined);
  const count = 60;
  const appends = Array.from({ length: count / 2 }, (_, index) => stream.append(`k${index}`));
  process.kill(pid, 'SIGKILL');
  const seen: string[] = [];
  for await (const { offset, value } of stream.tail({ from: 'start' })) {
    seen.push(`${offset}:${Buffer.from(value).toString()}`);
    if (offset === 0) for (let index = count / 2; index < count; index++) appends.push(stream.append(`k${index}`));
    if (offset === count - 1) break;
  }
  assert.deepEqual(
    seen,
    Array.from({ length: count }, (_, index) => `${index}:k${index}`),
  );
  assert.deepEqual(
    (await Promise.all(appends)).map(({ offset }) => offset),
    Array.from({ length: count }, (_, index) => index),
  );
  await assert.rejects(gather(stream.read({ from: count + 1 })), coded('offsetOutOfRange', 'never'));
});
