import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { nodeChecksum } from '@quorate/platform-node';
import { freePortRange } from './harness/free-ports.js';
import { endAllProcesses } from './harness/line-process.js';
import { type ServerStart, ServerProcess } from './harness/server-process.js';
import { temporaryDirectory } from './harness/temporary-directory.js';

let formed: ServerStart;

before(async () => {
  formed = { node: 1, data: temporaryDirectory(), ports: [await freePortRange(1)] };
  const server = new ServerProcess(formed);
  await server.leads();
  server.child.kill('SIGTERM');
  assert.equal((await server.outcome()).type, 'stopped');
});

/** A copy of a cluster of one that was formed and stopped; its start can be varied. */
function formedDirectory(): ServerStart {
  const data = temporaryDirectory();
  cpSync(formed.data, data, { recursive: true });
  return { ...formed, data };
}

async function failure(start: ServerStart): Promise<{ readonly code: string; readonly message: string; readonly server: ServerProcess }> {
  const server = new ServerProcess(start);
  const { type, error } = await server.outcome();
  assert.equal(type, 'failed', server.said);
  assert.ok(error !== null);
  const logged = server.log.filter((line) => line.level === 'error');
  assert.deepEqual(
    logged.map((line) => [line.msg, line['code'], line['message']]),
    [['failed', error.code, error.message]],
  );
  return { ...error, server };
}

/** A hash over names and bytes of all files. */
function contentOf(directory: string): string {
  const hash = createHash('sha256');
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name);
    hash.update(path).update(entry.isFile() ? readFileSync(path) : '');
  }
  return hash.digest('hex');
}

after(endAllProcesses);

describe('server whose address is not to be had', { timeout: 120_000, concurrency: 2 }, () => {
  test('port: something else listens on it → addressInUse that names it, a clean end, and the directory is free', async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    const { port } = other.address() as AddressInfo;
    const data = temporaryDirectory();
    const { code, message } = await failure({ node: 1, data, ports: [port] });
    assert.equal(code, 'addressInUse');
    assert.match(message, new RegExp(`127\\.0\\.0\\.1:${port}`));
    await new Promise((closed) => other.close(closed));
    const server = new ServerProcess({ node: 1, data, ports: [port] });
    await server.leads();
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });

  test('address: one that this machine does not have → addressInvalid that names it', async () => {
    const ports = [await freePortRange(1)];
    const { code, message } = await failure({
      node: 1,
      data: temporaryDirectory(),
      ports,
      flags: { listen: '192.0.2.1:7400', advertise: `127.0.0.1:${ports[0]}` },
    });
    assert.equal(code, 'addressInvalid');
    assert.match(message, /192\.0\.2\.1:7400/);
  });
});

describe('server whose data directory is not for it', { timeout: 120_000, concurrency: 2 }, () => {
  test('directory: another process has it → directoryInUse that names it, and the other goes on', async () => {
    const data = temporaryDirectory();
    const first = new ServerProcess({ node: 1, data, ports: [await freePortRange(1)] });
    await first.leads();
    const { code, message } = await failure({ node: 1, data, ports: [await freePortRange(1)] });
    assert.equal(code, 'directoryInUse');
    assert.ok(message.includes(data), message);
    first.child.kill('SIGTERM');
    assert.equal((await first.outcome()).type, 'stopped');
  });

  test('directory: its holder was killed → the next start has it at once', async () => {
    const start = { node: 1, data: temporaryDirectory(), ports: [await freePortRange(1)] };
    const killed = new ServerProcess(start);
    await killed.leads();
    await killed.end('SIGKILL');
    const server = new ServerProcess(start);
    await server.leads();
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });

  test('directory: of another node, another cluster, other members → directoryForeign, nothing in it changes, and its own node still starts', async () => {
    const start = formedDirectory();
    const before = contentOf(start.data);
    const [port] = start.ports;
    const foreign: readonly (readonly [change: Partial<ServerStart>, message: RegExp])[] = [
      [{ node: 2, ports: [(port as number) + 1, port as number] }, /belongs to node 1, not to node 2/],
      [{ flags: { cluster: '0123456789abcdef' } }, /belongs to cluster [0-9a-f]{16}, not to 0123456789abcdef/],
      [{ ports: [port as number, (port as number) + 1] }, /belongs to a cluster of nodes 1, not 1, 2/],
    ];
    for (const [change, pattern] of foreign) {
      const { code, message } = await failure({ ...start, ...change });
      assert.equal(code, 'directoryForeign');
      assert.match(message, pattern);
    }
    assert.equal(contentOf(start.data), before);
    const own = new ServerProcess(start);
    await own.leads();
    own.child.kill('SIGTERM');
    assert.equal((await own.outcome()).type, 'stopped');
  });

  test('directory: of a newer format → formatUnsupported that names the file, and nothing in it changes', async () => {
    const start = formedDirectory();
    const path = join(start.data, 'identity');
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(nodeChecksum(bytes.subarray(0, 20)), 20);
    writeFileSync(path, bytes);
    const before = contentOf(start.data);
    const { code, message } = await failure(start);
    assert.equal(code, 'formatUnsupported');
    assert.match(message, /identity has format 2/);
    assert.equal(contentOf(start.data), before);
  });

  test('directory: its identity is damaged → dataDamaged with file and offset, and nothing in it changes', async () => {
    const start = formedDirectory();
    const path = join(start.data, 'identity');
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(40) ^ 0x10, 40);
    writeFileSync(path, bytes);
    const before = contentOf(start.data);
    const { code, message } = await failure(start);
    assert.equal(code, 'dataDamaged');
    assert.match(message, /identity is damaged at offset 24/);
    assert.equal(contentOf(start.data), before);
  });

  test('directory: a file stands in its place → diskFailed that names it', async () => {
    const data = join(temporaryDirectory(), 'file');
    writeFileSync(data, 'no directory');
    const { code, message } = await failure({ node: 1, data, ports: [await freePortRange(1)] });
    assert.equal(code, 'diskFailed');
    assert.ok(message.includes(data), message);
  });
});
