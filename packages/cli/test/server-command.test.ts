import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { freePortRange } from '../../server/dist-test/harness/free-ports.js';
import { LineProcess, endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { temporaryDirectory } from '../../server/dist-test/harness/temporary-directory.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';

after(endAllProcesses);

describe('quorate server', { timeout: 60_000, concurrency: 2 }, () => {
  test('server: variables instead of flags, then SIGTERM → serves, and exit code 0', async () => {
    const address = `127.0.0.1:${await freePortRange(1)}`;
    const environment = { QUORATE_NODE: '7', QUORATE_DATA: temporaryDirectory(), QUORATE_MEMBERS: `7=${address}` };
    const server = new LineProcess(ENTRY, ['server'], { environment });
    await server.line(/"msg":"listening"/);
    assert.equal(await quorateOk(['stream', 'create', 's', '--connect', address, '--timeout', '30']), 'created s\n');
    assert.deepEqual(await server.end('SIGTERM'), { code: 0, signal: null });
    assert.deepEqual(server.errorLines, []);
  });

  test('server: the directory or the port is taken → exit code 73 or 69, the error on standard error', async () => {
    const address = `127.0.0.1:${await freePortRange(1)}`;
    const data = temporaryDirectory();
    const server = new LineProcess(ENTRY, ['server', '--node', '1', '--data', data, '--members', `1=${address}`]);
    await server.line(/"msg":"listening"/);
    const other = `127.0.0.1:${await freePortRange(1)}`;
    const sameDirectory = new LineProcess(ENTRY, ['server', '--node', '1', '--data', data, '--members', `1=${other}`]);
    assert.deepEqual(await sameDirectory.ended, { code: 73, signal: null });
    assert.match(sameDirectory.errorLines.join('\n'), /^error: directoryInUse: [^\n]*$/);
    const samePort = new LineProcess(ENTRY, [
      'server',
      '--node',
      '1',
      '--data',
      temporaryDirectory(),
      '--members',
      `1=${address}`,
      '--json',
    ]);
    assert.deepEqual(await samePort.ended, { code: 69, signal: null });
    assert.equal((JSON.parse(samePort.errorLines.join('\n')) as { error: { code: string } }).error.code, 'addressInUse');
    assert.deepEqual(await server.end('SIGINT'), { code: 0, signal: null });
  });

  test('server: one of three runs → status says whom it waits for, calls say that the cluster is not formed', async () => {
    const first = await freePortRange(3);
    const addresses = [0, 1, 2].map((index) => `127.0.0.1:${first + index}`);
    const members = addresses.map((address, index) => `${index + 1}=${address}`).join(',');
    const server = new LineProcess(ENTRY, ['server', '--node', '1', '--data', temporaryDirectory(), '--members', members]);
    await server.line(/"msg":"listening"/);
    const connect = ['--connect', addresses[0] as string];
    const status = await quorateOk(['status', ...connect, '--timeout', '30']);
    assert.match(status, /^cluster not formed yet\n/);
    assert.match(status, new RegExp(`^1 +${addresses[0]} +forming `, 'm'));
    assert.match(status, new RegExp(`^2 +${addresses[1]} +no answer: unavailable$`, 'm'));
    assert.match(status, new RegExp(`^node 1 waits for node 2 at ${addresses[1]}, node 3 at ${addresses[2]}$`, 'm'));
    const calls = [
      ['stream', 'create', 's'],
      ['stream', 'append', 's', 'x'],
      ['stream', 'list'],
    ];
    for (const { code, stderr } of await Promise.all(calls.map((args) => quorate([...args, ...connect, '--timeout', '3'])))) {
      assert.equal(code, 69);
      assert.match(stderr, /^error: unavailable: [^\n]*the cluster is not formed yet: waiting for nodes 2, 3[^\n]*\n$/);
    }
    assert.deepEqual(await server.end('SIGTERM'), { code: 0, signal: null });
  });
});
