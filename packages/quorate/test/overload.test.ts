import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { after, test } from 'node:test';
import { Quorate, type QuorateClient, QuorateError } from 'quorate';
import { freePortRange } from '../../server/dist-test/harness/free-ports.js';
import { endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { ServerProcess } from '../../server/dist-test/harness/server-process.js';
import { temporaryDirectory } from '../../server/dist-test/harness/temporary-directory.js';
import { CALL_MS } from './harness/homes.js';

const CLIENTS = 2;
const FILLER = '.'.repeat(10_000);
const KEYS = 100;
/** That a client keeps of each kind. */
const CALLS_MAX = 10;
const LOAD_MS = 3000;
/** So many calls for one that was acknowledged so far. */
const TIMES = 10;
/** Calls in one turn, at most: the answers of those before are read in between. */
const TURN_CALLS_MAX = 500;
/** How much more than before this process may hold, and how much a server: without bounds the calls that wait come to more. */
const CLIENTS_MIB_MAX = 300;
const NODE_MIB_MAX = 300;

const open: QuorateClient[] = [];
after(async () => {
  await Promise.all(open.map((client) => client.close()));
  await endAllProcesses();
});

function residentMib(pid: number): number {
  if (process.platform === 'linux') return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024;
}

/** Calls in an open loop: nobody waits for an answer before the next one. */
class OpenLoop {
  called = 0;
  settled = 0;
  done = 0;
  /** By kind of call and code: how many were refused. */
  readonly refused = new Map<string, number>();
  /** Acknowledged: the value at each offset, and the newest of each key by its version. */
  readonly offsets = new Map<number, string>();
  readonly versions = new Map<string, { readonly version: number; readonly value: string }>();
  readonly #clients: readonly QuorateClient[];

  constructor(clients: readonly QuorateClient[]) {
    this.#clients = clients;
  }

  call(): void {
    const client = this.#clients[this.called % this.#clients.length] as QuorateClient;
    const value = `${this.called};${FILLER}`;
    const key = `key-${this.called % KEYS}`;
    const isPut = this.called++ % 4 < 2;
    void this.#settle(isPut ? 'put' : 'append', isPut ? this.#put(client, key, value) : this.#append(client, value));
  }

  async #settle(what: string, kept: Promise<void>): Promise<void> {
    try {
      await kept;
      this.done++;
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.refused.set(`${what}: ${error.code}`, (this.refused.get(`${what}: ${error.code}`) ?? 0) + 1);
    }
    this.settled++;
  }

  async #put(client: QuorateClient, key: string, value: string): Promise<void> {
    const { version } = await client.map<string>('puts').set(key, value);
    if (version > (this.versions.get(key)?.version ?? 0)) this.versions.set(key, { version, value });
  }

  async #append(client: QuorateClient, value: string): Promise<void> {
    const { offset } = await client.stream('appends').append(value);
    this.offsets.set(offset, value);
  }
}

test('T71: an open loop of ten times as many puts and appends as a server answers → overloaded, memory within bounds, nothing acknowledged is lost', async () => {
  const port = await freePortRange(1);
  const server = new ServerProcess({ node: 1, data: join(temporaryDirectory(), '1'), ports: [port] });
  await server.event('listening');
  const connect = async (): Promise<QuorateClient> => {
    const client = await Quorate.connect(`127.0.0.1:${port}`, { deadlineMs: CALL_MS, callsMax: CALLS_MAX });
    open.push(client);
    return client;
  };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, connect));
  const reader = await connect();
  await reader.createStream('appends');
  await Promise.all(clients.map((client) => client.map('puts').size()));
  const loop = new OpenLoop(clients);
  const most = { clients: 0, node: 0 };
  const before = process.memoryUsage.rss() / 2 ** 20;
  const endMs = performance.now() + LOAD_MS;
  let lookMs = 0;
  while (performance.now() < endMs) {
    for (let count = 0; count < TURN_CALLS_MAX && loop.called < TIMES * (loop.done + TURN_CALLS_MAX); count++) loop.call();
    await turn();
    if (performance.now() < lookMs) continue;
    lookMs = performance.now() + 200;
    most.clients = Math.max(most.clients, process.memoryUsage.rss() / 2 ** 20 - before);
    most.node = Math.max(most.node, residentMib(server.pid));
  }
  const { called, done } = loop;
  while (loop.settled < loop.called) await turn();
  assert.ok(done >= 100 && called >= TIMES * done, `${called} calls, ${done} acknowledged`);
  assert.deepEqual([...loop.refused.keys()].sort(), ['append: overloaded', 'put: overloaded']);
  assert.ok(most.clients <= CLIENTS_MIB_MAX, `${most.clients} MiB for the calls that wait`);
  assert.ok(most.node <= NODE_MIB_MAX, `${most.node} MiB for the node`);
  for await (const { offset, value } of reader.stream('appends').read()) {
    const acknowledged = loop.offsets.get(offset);
    if (acknowledged !== undefined) assert.equal(Buffer.from(value).toString(), acknowledged);
    loop.offsets.delete(offset);
  }
  assert.equal(loop.offsets.size, 0, 'acknowledged appends are missing');
  for (const [key, { version, value }] of loop.versions) {
    const entry = await reader.map<string>('puts').get(key);
    assert.ok(entry !== undefined && entry.version >= version && (entry.version > version || entry.value === value), key);
  }
  await server.end('SIGTERM');
});
