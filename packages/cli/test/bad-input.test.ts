import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, type Socket, connect as connectSocket } from 'node:net';
import { after, before, test } from 'node:test';
import type { NodeStatus, StreamInfo } from '@quorate/wire';
import { endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { type CliResult, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';
import { SilentReader } from './harness/silent-reader.js';

/** Memory of a process; 0 where it cannot be told. */
function residentMebibytes(pid: number): number {
  if (process.platform !== 'linux') return 0;
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** A refusal in both forms: the error of the text and that of `--json` are the same. */
async function refused(args: readonly string[], input: string | Buffer = ''): Promise<CliResult & { readonly errorCode: string }> {
  const plain = await quorate(args, input);
  const json = await quorate([...args, '--json'], input);
  assert.equal(json.code, plain.code);
  const { error } = JSON.parse(json.stderr) as { error: { code: string; message: string } };
  assert.equal(plain.stderr.split('\n')[0], `error: ${error.code}: ${error.message}`.split('\n')[0]);
  return { ...plain, errorCode: error.code };
}

let cluster: DevCluster;
let connect: readonly string[];

before(async () => {
  cluster = await DevCluster.start({ nodes: 1 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
  await quorateOk(['stream', 'create', 's', ...connect]);
});
after(endAllProcesses);

/** All that the port answers to some bytes, sent when the server has taken the connection. */
async function answerOf(...chunks: readonly (string | Uint8Array)[]): Promise<string> {
  const socket: Socket = connectSocket(cluster.port, '127.0.0.1');
  const parts: Buffer[] = [];
  socket.on('data', (bytes: Buffer) => parts.push(bytes)).on('error', () => {});
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('connect', resolve));
  // Connections are taken in their order: once this call is answered, that one was.
  await quorateOk(['status', ...connect]);
  for (const chunk of chunks) socket.write(chunk);
  await closed;
  return Buffer.concat(parts).toString('latin1');
}

async function countOf(name: string): Promise<number> {
  return (JSON.parse(await quorateOk(['stream', 'info', name, '--json', ...connect])) as StreamInfo).nextOffset;
}

test('stream: not there → streamNotFound that names it, exit code 1', async () => {
  for (const args of [
    ['stream', 'read', 'nowhere'],
    ['stream', 'read', 'nowhere', '--from', '3'],
    ['stream', 'read', 'nowhere', '--follow'],
    ['stream', 'info', 'nowhere'],
    ['stream', 'append', 'nowhere', 'x'],
  ]) {
    const { code, errorCode, stderr, stdout } = await refused([...args, ...connect]);
    assert.deepEqual([code, errorCode, stdout], [1, 'streamNotFound', ''], args.join(' '));
    assert.match(stderr, /"nowhere"/);
  }
});

test('stream name: empty, with a control character, too long → nameInvalid that says what, exit code 1', async () => {
  for (const [name, message] of [
    ['', /empty/],
    ['a\u0007b', /control characters: U\+0007 at 1/],
    ['ü'.repeat(128), /255 bytes/],
  ] as const) {
    const { code, errorCode, stderr } = await refused(['stream', 'create', name, ...connect]);
    assert.deepEqual([code, errorCode], [1, 'nameInvalid']);
    assert.match(stderr, message);
  }
  assert.equal(await quorateOk(['stream', 'create', 'ü'.repeat(127), ...connect]), `created ${'ü'.repeat(127)}\n`);
});

test('record: over 1 MiB → recordTooLarge with its line and what was stored before; 1 MiB → stored', async () => {
  await quorateOk(['stream', 'create', 'large', ...connect]);
  const tooLarge = Buffer.concat([Buffer.from('before\n'), Buffer.alloc(1_048_577, 'x'), Buffer.from('\nafter\n')]);
  const { code, stderr, stdout } = await quorate(['stream', 'append', 'large', ...connect], tooLarge);
  assert.deepEqual([code, stdout], [1, '0\n']);
  assert.equal(stderr, 'error: recordTooLarge: line 2 has more than 1048576 bytes; lines stored before it: 1, after it: 0\n');
  assert.equal(await quorateOk(['stream', 'append', 'large', '-', ...connect], Buffer.alloc(1_048_576, 'x')), '1\n');
  const argument = await refused(['stream', 'append', 'large', 'x'.repeat(1_048_577), ...connect]);
  assert.deepEqual([argument.code, argument.errorCode], [1, 'recordTooLarge']);
  assert.equal(await countOf('large'), 2);
});

test('read: beyond the end → offsetOutOfRange that tells the range, exit code 1', async () => {
  const { code, errorCode, stderr } = await refused(['stream', 'read', 's', '--from', '5', ...connect]);
  assert.deepEqual([code, errorCode], [1, 'offsetOutOfRange']);
  assert.match(stderr, /offset 5 is outside 0 to 0/);
});

test('cluster id: of another cluster → clusterMismatch that names both, exit code 69; of this → served', async () => {
  const { clusterId } = JSON.parse(await quorateOk(['status', '--json', ...connect])) as NodeStatus;
  assert.ok(clusterId !== null);
  const { code, errorCode, stderr } = await refused(['stream', 'list', '--cluster', '00000000000000ff', ...connect]);
  assert.deepEqual([code, errorCode], [69, 'clusterMismatch']);
  assert.ok(stderr.includes(clusterId) && stderr.includes('00000000000000ff'), stderr);
  assert.match(await quorateOk(['stream', 'list', '--cluster', clusterId, ...connect]), /^s$/m);
});

test('an HTTP client on the port → a readable 400', async () => {
  const answer = await answerOf('GET /streams HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n[^]*\r\n\r\nthe other side speaks what looks like HTTP, not Quorate/);
  const response = await fetch(`http://${cluster.connect}/`);
  assert.equal(response.status, 400);
  assert.match(await response.text(), /not Quorate/);
});

test('random bytes, a huge length, half a hello on the port → the connection ends, the node goes on', async () => {
  const preface = Buffer.from('QUORATE\u0001', 'latin1');
  const hugeLength = Buffer.from([0xff, 0xff, 0xff, 0xff, 0]);
  assert.match(await answerOf(Buffer.alloc(200_000, 0xa5)), /^(QUORATE\u0001)?$/);
  assert.match(await answerOf(preface, hugeLength), /^QUORATE\u0001[^]*frameTooLarge/);
  assert.match(await answerOf(preface, Buffer.from([60, 0, 0, 0, 1]), Buffer.alloc(60, 0xee)), /^QUORATE\u0001[^]*malformedFrame/);
  assert.match(await answerOf(Buffer.from('QUORATE\u0007', 'latin1')), /^QUORATE\u0001[^]*versionUnsupported/);
  assert.equal(await countOf('s'), 0);
});

test('a client that stops reading → held back in bounded memory while others are served, and nothing is lost', async () => {
  await quorateOk(['stream', 'create', 'big', ...connect]);
  const { group } = JSON.parse(await quorateOk(['stream', 'info', 'big', '--json', ...connect])) as StreamInfo;
  const status = async (): Promise<NodeStatus> => JSON.parse(await quorateOk(['status', '--json', ...connect])) as NodeStatus;
  const silent = await SilentReader.open(cluster.connect);
  const answers = 200;
  silent.askForFirst(group, answers);
  while ((await status()).metrics['tailReaders'] !== answers);
  const before = residentMebibytes((await status()).pid);
  assert.equal(await quorateOk(['stream', 'append', 'big', '-', ...connect], Buffer.alloc(1_048_576, 'y')), '0\n');
  const first = await countOf('s');
  for (let count = 0; count < 20; count++) assert.equal(await quorateOk(['stream', 'append', 's', 'x', ...connect]), `${first + count}\n`);
  const grown = residentMebibytes((await status()).pid) - before;
  assert.ok(grown < answers / 2, `${grown} MiB more for ${answers} answers of 1 MiB`);
  await silent.readOn(answers);
  silent.close();
});

test('a port that speaks another protocol → protocolMismatch that says which, exit code 69', async () => {
  const http = createServer();
  await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
  const address = `127.0.0.1:${(http.address() as AddressInfo).port}`;
  const { code, errorCode, stderr } = await refused(['stream', 'list', '--connect', address]);
  http.closeAllConnections();
  http.close();
  assert.deepEqual([code, errorCode], [69, 'protocolMismatch']);
  assert.match(stderr, /HTTP/);
});

test('after all of that → no crash and no restart, and an orderly end', async () => {
  assert.equal(cluster.process.lines.filter((line) => line.includes('"event":"crashed"')).length, 0, cluster.process.said);
  assert.deepEqual(await cluster.stop(), { code: 0, signal: null });
});
