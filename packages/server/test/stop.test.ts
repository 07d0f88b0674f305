import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { after, describe, test } from 'node:test';
import { parseAddress } from '@quorate/base';
import { type AppendResult, type QuorateClient, connect } from '@quorate/client';
import { NodeNetwork, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';
import { freePortRange } from './harness/free-ports.js';
import { endAllProcesses } from './harness/line-process.js';
import { type LogLine, ServerProcess } from './harness/server-process.js';
import { temporaryDirectory } from './harness/temporary-directory.js';

const SLOW_ELECTIONS = { electionTimeoutMinMs: 2000, electionTimeoutMaxMs: 2100 };

async function startServers(count: number, settings: Readonly<Record<string, number>> = {}): Promise<readonly ServerProcess[]> {
  const first = await freePortRange(count);
  const ports = Array.from({ length: count }, (_, index) => first + index);
  const servers = ports.map((_, index) => new ServerProcess({ node: index + 1, data: temporaryDirectory(), ports, settings }));
  await Promise.race(servers.map((server) => server.leads()));
  return servers;
}

/** The one that led the system group first. */
function leaderOf(servers: readonly ServerProcess[]): ServerProcess {
  const leader = servers.find((server) => server.log.some((line) => line['group'] === 0 && line['role'] === 'leader'));
  assert.ok(leader !== undefined);
  return leader;
}

async function stopAll(servers: readonly ServerProcess[]): Promise<void> {
  for (const server of servers) server.child.kill('SIGTERM');
  for (const server of servers) assert.equal((await server.outcome()).type, 'stopped', server.said);
}

function addressOf(server: ServerProcess): string {
  return server.log.find((line) => line.msg === 'listening')?.['address'] as string;
}

function openClient(servers: readonly ServerProcess[]): QuorateClient {
  return connect(
    servers.map((server) => addressOf(server)).filter((address) => parseAddress(address) !== null),
    { network: new NodeNetwork(), clock: nodeClock, timers: nodeTimers, random: nodeRandom, checksum: nodeChecksum, deadlineMs: 20_000 },
  );
}

after(endAllProcesses);

describe('server that is told to stop', { timeout: 120_000, concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    test(`stop: ${signal} → in order, every line of the log JSON with its level, time and node`, async () => {
      const [server] = (await startServers(1)) as [ServerProcess];
      server.child.kill(signal);
      assert.deepEqual(await server.outcome(), { type: 'stopped', error: null });
      const events = server.log.map((line) => line.msg);
      assert.equal(events[0], 'starting');
      assert.equal(events.at(-1), 'stopped');
      assert.deepEqual(
        server.log.filter((line) => line.msg === 'stopping').map((line) => line['why']),
        [signal],
      );
    });
  }

  test('stop: two signals at once (a terminal and npm both deliver Ctrl-C) → one request, an orderly end', async () => {
    const [server] = (await startServers(1)) as [ServerProcess];
    server.child.kill('SIGINT');
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });

  test('stop: before the cluster is formed → in order', async () => {
    const first = await freePortRange(3);
    const server = new ServerProcess({ node: 1, data: temporaryDirectory(), ports: [first, first + 1, first + 2] });
    await server.event('listening');
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });

  test('stop: the leader of three, with appends under way → another leads, and every append is stored once, in order', async () => {
    // Long enough that on a busy machine nobody but who is told to hand over loses its leadership.
    const servers = await startServers(3, SLOW_ELECTIONS);
    await Promise.all(servers.map((server) => server.event('listening')));
    const client = openClient(servers);
    const stream = await client.createStream('drained');
    const { group, leader: leading } = await stream.info();
    const leader = servers.find(({ node }) => node === leading) as ServerProcess;
    const others = servers.filter((server) => server !== leader);
    const results: Promise<AppendResult>[] = [];
    const append = (): void => void results.push(stream.append(String(results.length)));
    for (let turn = 0; turn < 200; turn++) append();
    await results[0];
    for (let turn = 0; turn < 200; turn++) append();
    leader.child.kill('SIGTERM');
    const { type } = await leader.outcome();
    for (let turn = 0; turn < 100; turn++) append();
    assert.equal(type, 'stopped');
    assert.deepEqual(
      (await Promise.all(results)).map(({ offset }) => offset),
      Array.from({ length: results.length }, (_, index) => index),
    );
    const isNext = (line: LogLine): boolean => line['group'] === group && line['role'] === 'leader';
    assert.equal(others.filter((server) => server.log.some(isNext)).length, 1);
    await client.close();
    await stopAll(others);
  });

  test('stop: a second signal while the first has not ended it, because others hang → forced, with that signal', async () => {
    // It takes so long to notice that nobody follows it any more, and until then it waits for them.
    const servers = await startServers(3, { drainMs: 60_000, ...SLOW_ELECTIONS });
    const leader = leaderOf(servers);
    const others = servers.filter((server) => server !== leader);
    for (const other of others) other.child.kill('SIGSTOP');
    leader.child.kill('SIGTERM');
    await leader.event('stopping');
    // The same request for half a second; from then on it is a second one.
    const again = setInterval(() => leader.child.kill('SIGINT'), 50);
    const outcome = await leader.outcome().finally(() => clearInterval(again));
    assert.deepEqual(outcome, { type: 'forced', signal: 'SIGINT', error: null });
    assert.equal(leader.log.at(-1)?.['forced'], true);
    for (const other of others) other.child.kill('SIGCONT');
    await stopAll(others);
  });
});

describe('server whose log nobody reads', { timeout: 120_000, concurrency: 2 }, () => {
  test('stop: its last words are the first that nobody reads → it stops in order all the same', async () => {
    const [server] = (await startServers(1)) as [ServerProcess];
    const log = server.child.stdout as Readable;
    log.destroy();
    await once(log, 'close');
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });

  test('stop: nobody reads its log any more → it goes on and stops in order', async () => {
    const [server] = (await startServers(1)) as [ServerProcess];
    const client = openClient([server]);
    server.child.stdout?.destroy();
    const stream = await client.createStream('unread');
    assert.equal((await stream.append('x')).offset, 0);
    await client.close();
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
  });
});

describe('server whose parent or code fails', { timeout: 120_000, concurrency: 2 }, () => {
  test('parent: standard input ends and exitWithParent → stops in order, and says why', async () => {
    const server = new ServerProcess({
      node: 1,
      data: temporaryDirectory(),
      ports: [await freePortRange(1)],
      flags: { 'exit-with-parent': 'true' },
    });
    await server.leads();
    server.child.stdin?.end();
    assert.equal((await server.outcome()).type, 'stopped');
    assert.equal((await server.event('stopping'))['why'], 'the parent is gone');
  });

  test('parent: standard input ends without exitWithParent → goes on', async () => {
    const [server] = (await startServers(1)) as [ServerProcess];
    server.child.stdin?.end();
    const client = openClient([server]);
    await client.createStream('on');
    await client.close();
    server.child.kill('SIGTERM');
    assert.equal((await server.outcome()).type, 'stopped');
    assert.equal((await server.event('stopping'))['why'], 'SIGTERM');
  });

  test('code: an error that nobody caught → logged with its stack, failed with invariantBroken', async () => {
    const [server] = (await startServers(1)) as [ServerProcess];
    server.child.kill('SIGUSR2');
    const { type, error } = await server.outcome();
    assert.deepEqual([type, error?.code], ['failed', 'invariantBroken']);
    assert.match(error?.message ?? '', /thrown by the test/);
    const failed = await server.event('failed');
    assert.match(failed['stack'] as string, /server-main\.js/);
  });
});
