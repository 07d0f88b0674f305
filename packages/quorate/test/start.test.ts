import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Quorate, type QuorateClient, QuorateError } from 'quorate';
import { freePortRange } from '../../server/dist-test/harness/free-ports.js';
import { LineProcess, endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { temporaryDirectory } from '../../server/dist-test/harness/temporary-directory.js';
import { coded } from './harness/coded.js';
import { CALL_MS, SMALL_FILES, startMembers } from './harness/homes.js';
import { collect, fired, until } from './harness/waiting.js';

const EMBEDDED_MAIN = fileURLToPath(new URL('./harness/embedded-main.js', import.meta.url));

async function place(): Promise<{ data: string; address: string; settings: typeof SMALL_FILES; deadlineMs: number }> {
  const port = await freePortRange(1);
  return { data: join(temporaryDirectory(), 'data'), address: `127.0.0.1:${port}`, settings: SMALL_FILES, deadlineMs: CALL_MS };
}

/** True if a server could listen there now. */
function isFree(address: string): Promise<boolean> {
  const [host, port] = address.split(':') as [string, string];
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen({ host, port: Number(port), exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

after(endAllProcesses);

test('start: started, closed, started again → it has everything; close frees the port and the directory', async () => {
  const options = await place();
  {
    await using node = await Quorate.start(options);
    await node.map<string>('m').set('k', 'kept');
    await node.counter('c').add(7);
    await (await node.createStream('s')).append(['a', 'b']);
    assert.ok(!(await isFree(options.address)));
  }
  assert.ok(await isFree(options.address));
  await using node = await Quorate.start(options);
  assert.equal((await node.map<string>('m').get('k'))?.value, 'kept');
  assert.equal(await node.counter('c').add(), 8);
  assert.equal((await collect(node.stream('s').read())).length, 2);
  assert.equal((await node.stream('s').append('c')).offset, 2);
});

test('start: a second start on the same directory in this process → directoryInUse, and the first goes on', async () => {
  const options = await place();
  await using node = await Quorate.start(options);
  const other = { ...options, address: (await place()).address };
  await assert.rejects(Quorate.start(other), coded('directoryInUse', 'never', /data/));
  assert.ok(await isFree(other.address));
  assert.equal(await node.counter('c').add(), 1);
});

test('start: a port that is taken → addressInUse; the directory is free again', async () => {
  const options = await place();
  const [host, port] = options.address.split(':') as [string, string];
  const taken = createServer();
  await new Promise<void>((listening) => taken.listen({ host, port: Number(port) }, listening));
  await assert.rejects(Quorate.start(options), coded('addressInUse', 'never', new RegExp(options.address)));
  await new Promise((closed) => taken.close(closed));
  await using node = await Quorate.start(options);
  assert.equal(await node.counter('c').add(), 1);
});

test('start: bad options → a code that names them, nothing is left open', async () => {
  const options = await place();
  const wrong: readonly [object, Parameters<typeof coded>[0], RegExp][] = [
    [{ address: 'nowhere' }, 'addressInvalid', /nowhere/],
    [{ listen: 'x:0' }, 'addressInvalid', /x:0/],
    [{ members: ['bad'] }, 'addressInvalid', /bad/],
    [{ members: { 1: '127.0.0.1:1' } }, 'invalidArgument', /members/],
    [{ members: { x: options.address } }, 'invalidArgument', /./],
    [{ clusterId: 'mine' }, 'invalidArgument', /mine/],
    [{ deadlineMs: -1 }, 'invalidArgument', /deadlineMs/],
    [{ sessionTtlMs: 0 }, 'invalidArgument', /sessionTtlMs/],
    [{ sessionTtlMs: 500, disconnectGraceMs: 501 }, 'invalidArgument', /disconnectGraceMs/],
    [{ settings: { heartbeatMs: -5 } }, 'invalidArgument', /settings\.heartbeatMs/],
    [{ settings: { unheardOf: 1 } }, 'invalidArgument', /unheardOf/],
    [{ data: '' }, 'invalidArgument', /data/],
    [{ data: 7 }, 'invalidArgument', /data/],
  ];
  for (const [option, code, pattern] of wrong) {
    await assert.rejects(
      async () => {
        const started = await Quorate.start({ ...options, ...option });
        await started.close();
      },
      coded(code, 'never', pattern),
      JSON.stringify(option),
    );
    assert.ok(await isFree(options.address), JSON.stringify(option));
  }
  await using node = await Quorate.start(options);
  assert.equal(await node.counter('c').add(), 1);
});

test('start: a member alone of three: aborted while it waits for the cluster → aborted with the reason; port and directory are free', async () => {
  const first = await freePortRange(3);
  const members = [0, 1, 2].map((at) => `127.0.0.1:${first + at}`);
  const options = { ...(await place()), address: members[0] as string, members };
  const abort = new AbortController();
  const starting = assert.rejects(
    Quorate.start({ ...options, signal: abort.signal }),
    (thrown) => coded('aborted', 'unknown')(thrown) && ((thrown as Error).cause as Error).message === 'enough',
  );
  await until(async () => !(await isFree(options.address)));
  abort.abort(new Error('enough'));
  await starting;
  assert.ok(await isFree(options.address));
  await assert.rejects(Quorate.start({ ...options, signal: abort.signal }), coded('cancelled', 'never'));
  // The directory is not in use: this one waits for the cluster too.
  const again = new AbortController();
  const waiting = assert.rejects(Quorate.start({ ...options, signal: again.signal }), coded('aborted', 'unknown'));
  await until(async () => !(await isFree(options.address)));
  again.abort();
  await waiting;
});

test('start: closed while calls wait → they end, the locks of its session are free for the other members', async () => {
  const { nodes } = await startMembers(3);
  const [a, b, c] = nodes as [QuorateClient, QuorateClient, QuorateClient];
  const held = await a.lock('l').acquire();
  const next = b.lock('l').acquire();
  await until(async () => (await c.lock('l').holder())?.waiters === 1);
  const waiting = Promise.allSettled([a.lock('l').acquire(), collect(a.map('m').watch()), collect(a.election('e').observe())]);
  await a.close();
  for (const outcome of await waiting) assert.equal(outcome.status, 'rejected');
  assert.ok(!held.isHeld);
  assert.ok((await next).isHeld);
  assert.equal(await c.counter('n').add(), 1);
  await Promise.all([b.close(), c.close()]);
});

test('start: the others are gone → calls end at their deadline, a lock is lost within the ttl', async () => {
  const { nodes } = await startMembers(3, { sessionTtlMs: 1500 });
  const [a, b, c] = nodes as [QuorateClient, QuorateClient, QuorateClient];
  const held = await a.lock('l').acquire();
  await a.map('m').set('k', 1);
  // Another node may have led: this one learns some ms later that the write is committed, and nobody can tell it once they are gone.
  assert.equal((await a.map('m').get('k', { consistency: 'sequential' }))?.value, 1);
  await Promise.all([b.close(), c.close()]);
  await assert.rejects(a.counter('n').add(1, { deadlineMs: 300 }), QuorateError);
  assert.equal((await a.map('m').get('k', { consistency: 'sequential' }))?.value, 1);
  assert.equal(((await fired(held.lost)) as QuorateError).code, 'sessionExpired');
  assert.ok(!held.isHeld);
  await a.close();
});

test('start: the disk of the only node fails → onFatal once; calls that wait and later ones end at once, with why; the process goes on, close is good', async (t) => {
  const options = await place();
  const fatal: QuorateError[] = [];
  const node = await Quorate.start({ ...options, deadlineMs: 20_000, onFatal: (error) => fatal.push(error) });
  t.after(() => node.close());
  const map = node.map<string>('m');
  await map.set('k', 'x');
  const stream = await node.createStream('s');
  const held = await node.lock('l').acquire();
  const waiting = Promise.allSettled([
    collect(map.watch()),
    node.lock('l').acquire(),
    collect(node.election('e').observe()),
    collect(stream.tail()),
  ]);
  rmSync(options.data, { recursive: true, force: true });
  const value = 'x'.repeat(100_000);
  const refusal = async (write: () => Promise<unknown>): Promise<unknown> => {
    for (;;) {
      try {
        await write();
      } catch (thrown) {
        return thrown;
      }
    }
  };
  const refused = await Promise.all([refusal(() => map.set('k', value)), refusal(() => stream.append(value))]);
  assert.deepEqual(
    fatal.map(({ code }) => code),
    ['diskFailed'],
  );
  const isWhy = (thrown: unknown): boolean => thrown instanceof QuorateError && thrown.code === 'diskFailed' && thrown.cause === fatal[0];
  for (const error of refused) assert.ok(isWhy(error) || isWhy((error as Error).cause), String(error));
  for (const outcome of await waiting) assert.ok(outcome.status === 'rejected' && isWhy(outcome.reason), JSON.stringify(outcome));
  assert.ok(isWhy(await fired(held.lost)));
  assert.ok(!held.isHeld);
  assert.equal(node.sessionState, 'closed');
  const later = [
    map.set('k', 'y'),
    map.get('k'),
    node.counter('new').add(),
    stream.append('y'),
    stream.info(),
    node.status(),
    collect(map.watch()),
  ];
  for (const outcome of await Promise.allSettled(later)) {
    assert.ok(outcome.status === 'rejected' && isWhy(outcome.reason), JSON.stringify(outcome));
  }
  await node.close().catch((error: unknown) => assert.ok(error instanceof QuorateError));
  assert.equal(fatal.length, 1);
  assert.ok(await isFree(options.address));
  assert.ok(!existsSync(options.data));
});

test('start: its disk fails in a cluster of three → onFatal once; its client goes on through the other members, and so does its session', async () => {
  const first = await freePortRange(3);
  const addresses = [0, 1, 2].map((at) => `127.0.0.1:${first + at}`);
  const data = temporaryDirectory();
  const fatal: string[] = [];
  const nodes = await Promise.all(
    addresses.map((address, at) =>
      Quorate.start({
        data: join(data, `${at}`),
        address,
        members: addresses,
        settings: SMALL_FILES,
        deadlineMs: CALL_MS,
        onFatal: ({ code }) => fatal.push(`${at} ${code}`),
      }),
    ),
  );
  const [a, b] = nodes as [QuorateClient, QuorateClient];
  const held = await a.lock('l').acquire();
  rmSync(join(data, '0'), { recursive: true, force: true });
  const map = b.map<string>('m');
  const value = 'x'.repeat(200_000);
  for (let at = 0; at < 1000 && fatal.length === 0; at++) await map.set(`${at % 10}`, value);
  assert.deepEqual(fatal, ['0 diskFailed']);
  await a.map('m').set('k', 'after', { fence: held.fence });
  assert.equal((await a.map('m').get('k'))?.value, 'after');
  assert.ok(held.isHeld);
  await held.release();
  await Promise.allSettled(nodes.map((node) => node.close()));
  for (const address of addresses) assert.ok(await isFree(address), address);
});

test('start: a process that starts, works and closes → ends by itself with code 0; a handler of nothing else is needed', async () => {
  const { data, address } = await place();
  const run = new LineProcess(EMBEDDED_MAIN, [data, address]);
  await run.line(/^closed$/);
  const since = performance.now();
  assert.deepEqual(await run.ended, { code: 0, signal: null }, run.said);
  assert.ok(performance.now() - since < 5000, 'it hung after close');
  assert.deepEqual(run.errorLines, []);
  assert.deepEqual(run.lines, ['counter 1', 'closed']);
});
