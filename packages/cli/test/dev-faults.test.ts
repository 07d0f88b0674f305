import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { freePortRange } from '../../server/dist-test/harness/free-ports.js';
import { LineProcess, endAllProcesses, isAlive, untilGone } from '../../server/dist-test/harness/line-process.js';
import { temporaryDirectory } from '../../server/dist-test/harness/temporary-directory.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';

after(endAllProcesses);

describe('quorate dev when something fails', { timeout: 120_000, concurrency: 2 }, () => {
  test('dev is killed with SIGKILL → no server is left, and the next start has the data', async () => {
    const cluster = await DevCluster.start({ nodes: 2 });
    const connect = ['--connect', cluster.connect, '--timeout', '30'];
    await quorateOk(['stream', 'create', 'kept', ...connect]);
    await quorateOk(['stream', 'append', 'kept', 'x', ...connect]);
    await cluster.process.end('SIGKILL');
    await untilGone(cluster.serverPids);
    const again = await DevCluster.start({ nodes: 2, data: cluster.data, port: cluster.port });
    assert.equal(await quorateOk(['stream', 'read', 'kept', ...connect]), 'x\n');
    assert.deepEqual(await again.stop(), { code: 0, signal: null });
  });

  test('port: something else listens on one → addressInUse that names it and the flag, exit code 69, nothing started', async () => {
    const other = createServer();
    const first = await freePortRange(3);
    await new Promise<void>((listening) => other.listen(first + 1, '127.0.0.1', listening));
    const { port } = other.address() as AddressInfo;
    const dev = new LineProcess(ENTRY, ['dev', '--data', temporaryDirectory(), '--port', String(first)]);
    assert.deepEqual(await dev.ended, { code: 69, signal: null });
    assert.deepEqual(dev.errorLines, [`error: addressInUse: port ${port} is in use: stop what listens there or choose others with --port`]);
    assert.deepEqual(dev.lines, []);
    other.close();
  });

  test('directory: a running cluster has it → directoryInUse, exit code 73, all of the second stopped, the first goes on', async () => {
    const cluster = await DevCluster.start({ nodes: 1 });
    const second = new LineProcess(ENTRY, [
      ...['dev', '--nodes', '1', '--data', cluster.data, '--port', String(await freePortRange(1)), '--json'],
    ]);
    assert.deepEqual(await second.ended, { code: 73, signal: null });
    const { error } = JSON.parse(second.errorLines.at(-1) ?? '') as { error: { code: string; message: string } };
    assert.equal(error.code, 'directoryInUse');
    assert.match(error.message, /^node 1: .*node-1/);
    assert.equal(await quorateOk(['stream', 'create', 'on', '--connect', cluster.connect, '--timeout', '30']), 'created on\n');
    assert.deepEqual(await cluster.stop(), { code: 0, signal: null });
  });

  test('directory: of a cluster with other nodes → directoryForeign, exit code 73, no process left', async () => {
    const one = await DevCluster.start({ nodes: 1 });
    assert.deepEqual(await one.stop(), { code: 0, signal: null });
    const two = new LineProcess(ENTRY, ['dev', '--nodes', '2', '--data', one.data, '--port', String(await freePortRange(2))]);
    assert.deepEqual(await two.ended, { code: 73, signal: null });
    assert.match(
      two.errorLines.join('\n'),
      /^error: directoryForeign: node 1: .*cluster of nodes 1, not 1, 2; the data is in .*: --nodes must be as it was/m,
    );
    const pids = two.lines.flatMap((line) => /starting .*pid=(\d+)/.exec(line)?.[1] ?? []).map(Number);
    // The other node may have been stopped before it could say anything.
    assert.ok(pids.length >= 1);
    assert.deepEqual(pids.filter(isAlive), []);
  });

  test('its output is closed (| head) → it stops all nodes in order', async () => {
    const cluster = await DevCluster.start({ nodes: 1 });
    const pids = cluster.serverPids;
    cluster.process.child.stdout?.destroy();
    // Something to say: a name is new. Whether the answer comes before the end makes no difference here.
    await quorate(['stream', 'create', 'said', '--connect', cluster.connect, '--timeout', '1']);
    assert.deepEqual(await cluster.process.ended, { code: 0, signal: null });
    assert.deepEqual(pids.filter(isAlive), []);
  });

  test('text for people: without --json → who leads, what to type, and how it ended', async () => {
    const port = await freePortRange(1);
    const dev = new LineProcess(ENTRY, ['dev', '--nodes', '1', '--data', temporaryDirectory(), '--port', String(port)]);
    await dev.line(new RegExp(`^\\[quorate\\] ready: node 1 leads; clients connect to 127\\.0\\.0\\.1:${port}$`));
    await dev.line(/^\[quorate\] Ctrl-C drains and stops all nodes/);
    assert.deepEqual(await dev.end('SIGINT'), { code: 0, signal: null });
    assert.equal(dev.lines.at(-1), '[quorate] all nodes stopped');
    assert.ok(
      dev.lines.every((line) => /^\[(quorate|node 1)\] /.test(line)),
      dev.said,
    );
  });
});

describe('inspect of what is no data directory', () => {
  test('inspect: an empty folder, a file, a folder of data folders → a clear error and exit code', async () => {
    const empty = temporaryDirectory();
    const nothing = await quorate(['inspect', empty]);
    assert.deepEqual([nothing.code, nothing.stdout], [73, '']);
    assert.match(nothing.stderr, /^error: directoryForeign: .* holds no Quorate data$/m);
    mkdirSync(join(empty, 'node-1'));
    writeFileSync(join(empty, 'node-1', 'identity'), '');
    const { stderr } = await quorate(['inspect', empty]);
    assert.equal(stderr, `error: directoryForeign: ${empty} holds no Quorate data, but ${join(empty, 'node-1')} does\n`);
    const file = join(empty, 'file');
    writeFileSync(file, 'x');
    const notDirectory = await quorate(['inspect', file]);
    assert.equal(notDirectory.code, 2);
    assert.match(notDirectory.stderr, /is not a directory/);
  });
});
