import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type QuorateClient, connect as connectClient } from '@quorate/client';
import { NodeNetwork, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';
import { RESOURCE_LIMITS, bytes } from '@quorate/resources';
import { LineProcess, endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';
import { jsonLines } from './harness/json-lines.js';

let cluster: DevCluster;
let connect: readonly string[];
let client: QuorateClient;

before(async () => {
  cluster = await DevCluster.start({ nodes: 1 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
  client = connectClient(cluster.connect, {
    network: new NodeNetwork(),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    checksum: nodeChecksum,
    deadlineMs: 30_000,
  });
});
after(async () => {
  await client.close();
  await endAllProcesses();
});

/** Exit code and error code of a refusal, the same in both forms, nothing on standard output. */
async function refused(args: readonly string[], input: string | Buffer = ''): Promise<readonly [number, string, string]> {
  const plain = await quorate([...args, ...connect], input);
  const json = await quorate([...args, '--json', ...connect], input);
  const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string } };
  assert.deepEqual([plain.stdout, json.stdout, json.code], ['', '', plain.code]);
  assert.equal(plain.stderr.split('\n')[0], `error: ${error.code}: ${error.message}`);
  return [plain.code, error.code, error.message];
}

const ok = (...args: readonly string[]): Promise<string> => quorateOk([...args, ...connect]);

test('map set and get: text, JSON, standard input → versions, and the values back', async () => {
  assert.equal(await ok('map', 'set', 'm', 'sky', 'blue'), '1\n');
  assert.equal(await ok('map', 'get', 'm', 'sky'), 'blue\n');
  assert.deepEqual(JSON.parse(await ok('map', 'set', 'm', 'sky', '5', '--json')), { version: 2, previousVersion: 1 });
  assert.deepEqual(JSON.parse(await ok('map', 'get', 'm', 'sky', '--json')), { key: 'sky', value: '5', version: 2 });
  assert.equal(await ok('map', 'set', 'm', 'sky', ' {"b":[1,null]} ', '--json-value'), '3\n');
  assert.equal(await ok('map', 'get', 'm', 'sky'), '{"b":[1,null]}\n');
  assert.deepEqual(JSON.parse(await ok('map', 'get', 'm', 'sky', '--json')), { key: 'sky', value: { b: [1, null] }, version: 3 });
  const text = 'größe\n\ntwo lines\n';
  await quorateOk(['map', 'set', 'm', 'file', '-', ...connect], text);
  assert.equal(await ok('map', 'get', 'm', 'file'), text);
  await quorateOk(['map', 'set', 'm', 'file', '-', '--json-value', ...connect], '[1,\n2]\n');
  assert.equal(await ok('map', 'get', 'm', 'file'), '[1,2]\n');
  assert.equal(await quorateOk(['map', 'set', ...connect, 'm', '--', '-k', '--json']), '6\n');
  assert.equal(await quorateOk(['map', 'get', ...connect, 'm', '--', '-k']), '--json\n');
});

test('map: values of clients with the JSON codec → read as they are, and theirs read what the command wrote', async () => {
  const map = client.map('shared');
  await ok('map', 'set', 'shared', 'text', 'five');
  await ok('map', 'set', 'shared', 'number', '5', '--json-value');
  assert.deepEqual([(await map.get('text'))?.value, (await map.get('number'))?.value], ['five', 5]);
  await map.set('theirs', 'a "text"');
  await map.set('object', { a: [true] });
  await map.set('null', null);
  assert.equal(await ok('map', 'get', 'shared', 'theirs'), 'a "text"\n');
  assert.equal(await ok('map', 'get', 'shared', 'object'), '{"a":[true]}\n');
  assert.equal(await ok('map', 'get', 'shared', 'null'), 'null\n');
});

test('map: values that are no JSON, of clients with another codec → the very bytes; with --json text or base64', async () => {
  const map = client.map('bytes', { codec: bytes() });
  await map.set('text', Buffer.from('plain text'));
  await map.set('bytes', Uint8Array.of(0xff, 0, 0x0a));
  await map.set('empty', new Uint8Array(0));
  assert.equal(await ok('map', 'get', 'bytes', 'text'), 'plain text\n');
  assert.equal(await ok('map', 'get', 'bytes', 'empty'), '\n');
  assert.deepEqual(jsonLines(await ok('map', 'entries', 'bytes', '--json')), [
    { key: 'bytes', base64: '/wAK', version: 2 },
    { key: 'empty', text: '', version: 3 },
    { key: 'text', text: 'plain text', version: 1 },
  ]);
  const getter = new LineProcess(ENTRY, ['map', 'get', 'bytes', 'bytes', ...connect]);
  const received: Buffer[] = [];
  getter.child.stdout?.removeAllListeners('data').setEncoding('latin1');
  getter.child.stdout?.on('data', (text: string) => received.push(Buffer.from(text, 'latin1')));
  assert.deepEqual(await getter.ended, { code: 0, signal: null });
  assert.deepEqual(Buffer.concat(received), Buffer.from([0xff, 0, 0x0a, 0x0a]));
});

test('map get: no entry → nothing on standard output, exit code 1; with --json null', async () => {
  assert.deepEqual(await quorate(['map', 'get', 'm', 'none', ...connect]), {
    code: 1,
    stdout: '',
    stderr: 'no entry "none" in the map "m"\n',
  });
  assert.deepEqual(await quorate(['map', 'get', 'm', 'none', '--json', ...connect]), { code: 1, stdout: 'null\n', stderr: '' });
});

test('map set: conditions → set once, refused with versionMismatch, exit code 1', async () => {
  assert.equal(await ok('map', 'set', 'if', 'k', 'first', '--if-absent'), '1\n');
  assert.deepEqual(await refused(['map', 'set', 'if', 'k', 'x', '--if-absent']), [
    1,
    'versionMismatch',
    '"k" has an entry already, of version 1',
  ]);
  assert.equal((await refused(['map', 'set', 'if', 'k', 'x', '--if-version', '0']))[1], 'versionMismatch');
  assert.equal(await ok('map', 'set', 'if', 'k', 'second', '--if-version', '1'), '2\n');
  assert.equal((await refused(['map', 'remove', 'if', 'k', '--if-version', '1']))[1], 'versionMismatch');
  assert.equal(await ok('map', 'get', 'if', 'k'), 'second\n');
  assert.equal(await ok('map', 'remove', 'if', 'k', '--if-version', '2'), 'removed\n');
  assert.equal(await ok('map', 'remove', 'if', 'k'), 'there was no entry\n');
  assert.deepEqual(JSON.parse(await ok('map', 'remove', 'if', 'k', '--json')), { isRemoved: false });
  assert.equal(await ok('map', 'set', 'if', 'k', 'again', '--if-version', '0'), '4\n');
});

test('map set: the longest time to live → taken; a day more → exit code 2', async () => {
  assert.equal(RESOURCE_LIMITS.durationMsMax, 36_525 * 86_400_000);
  await ok('map', 'set', 'lasting', 'k', 'v', '--ttl', '36525d');
  assert.equal(await ok('map', 'get', 'lasting', 'k'), 'v\n');
  const { code, stderr } = await quorate(['map', 'set', 'lasting', 'k', 'v', '--ttl', '36526d']);
  assert.deepEqual([code, /--ttl.*at most 3155760000000ms/.test(stderr)], [2, true]);
});

test('map keys and entries: prefix, limit, control characters → in order, one line each', async () => {
  for (const key of ['b/2', 'a/1', 'b/1', 'c\t\n\u001b[0m']) await client.map('list').set(key, `of ${key}\n`);
  assert.equal(await ok('map', 'keys', 'list'), 'a/1\nb/1\nb/2\nc\\x09\\x0a\\x1b[0m\n');
  assert.equal(await ok('map', 'keys', 'list', '--prefix', 'b/', '--limit', '1'), 'b/1\n');
  assert.equal(await ok('map', 'entries', 'list', '--prefix', 'b/'), 'b/1\tof b/1\\x0a\nb/2\tof b/2\\x0a\n');
  assert.deepEqual(jsonLines(await ok('map', 'keys', 'list', '--prefix', 'c', '--json')), [{ key: 'c\t\n\u001b[0m' }]);
  assert.deepEqual(jsonLines(await ok('map', 'entries', 'list', '--limit', '1', '--json')), [
    { key: 'a/1', value: 'of a/1\n', version: 2 },
  ]);
  assert.equal(await ok('map', 'keys', 'empty'), '');
});

test('map watch: a prefix, from the beginning, an entry that expires → each change in a line, then Ctrl-C → exit code 0', async () => {
  await ok('map', 'set', 'watched', 'b', 'not looked at');
  await ok('map', 'set', 'watched', 'a1', 'x');
  const args = ['map', 'watch', 'watched', '--after', '0', ...connect];
  const [text, json] = [new LineProcess(ENTRY, args), new LineProcess(ENTRY, [...args, '--prefix', 'a', '--json'])];
  await Promise.all([text.line(/^2\tset\ta1\tx$/), json.line(/"version":2/)]);
  await ok('map', 'set', 'watched', 'a1', '[1]', '--json-value');
  await ok('map', 'set', 'watched', 'a2', 'y', '--ttl', '1ms');
  await Promise.all([text.line(/^5\texpired\ta2$/), json.line(/"expired"/)]);
  await ok('map', 'remove', 'watched', 'a1');
  await Promise.all([text.line(/^6\tremoved/), json.line(/"removed"/)]);
  assert.deepEqual(await Promise.all([text.end('SIGINT'), json.end('SIGTERM')]), [
    { code: 0, signal: null },
    { code: 0, signal: null },
  ]);
  const lines = ['1\tset\tb\tnot looked at', '2\tset\ta1\tx', '3\tset\ta1\t[1]', '4\tset\ta2\ty', '5\texpired\ta2', '6\tremoved\ta1'];
  assert.deepEqual(text.lines, lines);
  assert.deepEqual(
    json.lines.map((line) => JSON.parse(line) as unknown),
    [
      { version: 2, type: 'set', key: 'a1', value: 'x' },
      { version: 3, type: 'set', key: 'a1', value: [1] },
      { version: 4, type: 'set', key: 'a2', value: 'y' },
      { version: 5, type: 'expired', key: 'a2' },
      { version: 6, type: 'removed', key: 'a1' },
    ],
  );
  assert.deepEqual([...text.errorLines, ...json.errorLines], []);
});

test('map watch: one key, its reader goes away (| head) → it ends quietly with exit code 0', async () => {
  await ok('map', 'set', 'headed', 'k', 'first');
  const watch = new LineProcess(ENTRY, ['map', 'watch', 'headed', '--key', 'k', '--after', '0', ...connect]);
  await watch.line(/first/);
  watch.child.stdout?.destroy();
  await ok('map', 'set', 'headed', 'k', 'second');
  await ok('map', 'set', 'headed', 'k', 'third');
  assert.deepEqual(await watch.ended, { code: 0, signal: null });
  assert.deepEqual([watch.errorLines, watch.lines], [[], ['1\tset\tk\tfirst']]);
});

test('counter: add, get, set, negative numbers → the values', async () => {
  assert.equal(await ok('counter', 'get', 'c'), '0\n');
  assert.equal(await ok('counter', 'add', 'c'), '1\n');
  assert.equal(await ok('counter', 'add', 'c', '41'), '42\n');
  assert.equal(await ok('counter', 'add', 'c', '-50'), '-8\n');
  assert.equal(await ok('counter', 'set', 'c', '-3'), '-8\n');
  assert.deepEqual(JSON.parse(await ok('counter', 'set', 'c', '7', '--json')), { value: 7, previous: -3 });
  assert.deepEqual(JSON.parse(await ok('counter', 'add', 'c', '1', '--json')), { value: 8 });
  assert.deepEqual(JSON.parse(await ok('counter', 'get', 'c', '--json')), { value: 8 });
  await ok('counter', 'set', 'c', String(Number.MAX_SAFE_INTEGER));
  assert.deepEqual((await refused(['counter', 'add', 'c'])).slice(0, 2), [1, 'counterOverflow']);
});

test('bad input: what only the cluster or the client can tell → a typed error, nothing done', async () => {
  const long = 'k'.repeat(RESOURCE_LIMITS.keyBytesMax + 1);
  assert.deepEqual((await refused(['map', 'set', 'm', long, 'v'])).slice(0, 2), [1, 'keyTooLarge']);
  assert.deepEqual((await refused(['map', 'get', 'm', ''])).slice(0, 2), [2, 'invalidArgument']);
  const large = 'v'.repeat(RESOURCE_LIMITS.valueBytesMax - 1);
  assert.deepEqual((await refused(['map', 'set', 'm', 'large', '-'], large)).slice(0, 2), [1, 'valueTooLarge']);
  assert.deepEqual((await refused(['map', 'set', 'm', 'large', '-'], `${large}much more`)).slice(0, 2), [1, 'valueTooLarge']);
  assert.deepEqual(await refused(['map', 'set', 'm', 'large', '-'], Buffer.from([0xff])), [
    2,
    'invalidArgument',
    '<value>: standard input is no text in UTF-8',
  ]);
  assert.equal((await quorate(['map', 'get', 'm', 'large', ...connect])).code, 1);
  await quorateOk(['map', 'set', 'm', 'large', '-', ...connect], `${large.slice(1)}\n`);
  assert.deepEqual((await refused(['map', 'set', 'm', 'k', '1e999', '--json-value'])).slice(0, 2), [2, 'valueInvalid']);
  assert.deepEqual((await refused(['map', 'get', 'c', 'k'])).slice(0, 2), [1, 'kindMismatch']);
  assert.deepEqual((await refused(['counter', 'add', 'm'])).slice(0, 2), [1, 'kindMismatch']);
  assert.deepEqual((await refused(['lock', 'm', '--holder'])).slice(0, 2), [1, 'kindMismatch']);
  assert.deepEqual((await refused(['elect', 'm', '--leader'])).slice(0, 2), [1, 'kindMismatch']);
  assert.deepEqual((await refused(['counter', 'get', 'a\u0007'])).slice(0, 2), [1, 'nameInvalid']);
  const fence = JSON.stringify({ group: 1, resource: 1, token: { epoch: 1, index: 1 } });
  assert.deepEqual((await refused(['map', 'set', 'm', 'k', 'v', '--fence', fence])).slice(0, 2), [1, 'fenced']);
});
