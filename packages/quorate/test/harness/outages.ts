import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Quorate, type QuorateClient } from 'quorate';
import { freePortRange } from '../../../server/dist-test/harness/free-ports.js';
import { endAllProcesses } from '../../../server/dist-test/harness/line-process.js';
import { ServerProcess } from '../../../server/dist-test/harness/server-process.js';
import { temporaryDirectory } from '../../../server/dist-test/harness/temporary-directory.js';
import { CALL_MS, type Home, SMALL_FILES } from './homes.js';

/** A client, and a cluster that it can lose. */
export interface Outage extends Pick<Home, 'sleep' | 'drive' | 'close'> {
  readonly client: QuorateClient;
  /** Takes so many nodes away that the rest can do nothing, the one that carries the client's session among them where it can be without the client. */
  down(): Promise<void>;
  /** Starts them again. */
  up(): Promise<void>;
}

/** What the session of the client is like. */
export interface OutageOptions {
  readonly sessionTtlMs: number;
}

const REAL_TIME: Pick<Outage, 'sleep' | 'drive'> = {
  sleep: (ms) => delay(ms),
  drive: (promise) => promise,
};

/** One embedded node, and a client that outlives it. */
export async function embeddedAloneOutage(options: OutageOptions): Promise<Outage> {
  const members = await startNodes(1, options);
  const client = await Quorate.connect(members.addresses, { deadlineMs: CALL_MS, ...options });
  const close = async (): Promise<void> => {
    await client.close();
    await members.stop([0]);
  };
  return { ...REAL_TIME, client, down: () => members.stop([0]), up: () => members.start([0]), close };
}

/** Three embedded nodes, the client of the first; the two others go. */
export async function embeddedThreeOutage(options: OutageOptions): Promise<Outage> {
  const members = await startNodes(3, options);
  const client = members.nodes.get(0) as QuorateClient;
  return {
    ...REAL_TIME,
    client,
    down: () => members.stop([1, 2]),
    up: () => members.start([1, 2]),
    close: () => members.stop([0, 1, 2]),
  };
}

/** Three servers, each a process of its own; the leader and another are killed. */
export async function remoteOutage(options: OutageOptions): Promise<Outage> {
  const first = await freePortRange(3);
  const ports = [first, first + 1, first + 2];
  const data = temporaryDirectory();
  const servers = new Map<number, ServerProcess>();
  const start = async (): Promise<void> => {
    const ids = [1, 2, 3].filter((node) => !servers.has(node));
    for (const node of ids) servers.set(node, new ServerProcess({ node, data: join(data, `${node}`), ports }));
    await Promise.all(ids.map((node) => servers.get(node)?.event('listening')));
  };
  const end = async (ids: readonly number[], signal: NodeJS.Signals): Promise<void> => {
    await Promise.all(
      ids.map(async (node) => {
        await servers.get(node)?.end(signal);
        servers.delete(node);
      }),
    );
  };
  try {
    await start();
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const client = await Quorate.connect(addresses, { deadlineMs: CALL_MS, ...options });
    const down = async (): Promise<void> => {
      const { groups } = await client.status();
      const leader = groups.find(({ group }) => group === 1)?.leader || 1;
      await end([leader, (leader % 3) + 1], 'SIGKILL');
    };
    const close = async (): Promise<void> => {
      await client.close();
      await end([...servers.keys()], 'SIGTERM');
    };
    return { ...REAL_TIME, client, down, up: start, close };
  } catch (thrown) {
    await endAllProcesses();
    throw thrown;
  }
}

/** Nodes in this process, which can be stopped and started again with their data. */
async function startNodes(count: number, options: OutageOptions) {
  const first = await freePortRange(count);
  const addresses = Array.from({ length: count }, (_, index) => `127.0.0.1:${first + index}`);
  const data = temporaryDirectory();
  const nodes = new Map<number, QuorateClient>();
  const start = async (indexes: readonly number[]): Promise<void> => {
    await Promise.all(
      indexes.map(async (index) => {
        const place = { data: join(data, `${index + 1}`), address: addresses[index] as string, members: addresses };
        nodes.set(index, await Quorate.start({ ...place, settings: SMALL_FILES, deadlineMs: CALL_MS, ...options }));
      }),
    );
  };
  const stop = async (indexes: readonly number[]): Promise<void> => {
    await Promise.all(
      indexes.map(async (index) => {
        await nodes.get(index)?.close();
        nodes.delete(index);
      }),
    );
  };
  await start(Array.from(addresses, (_, index) => index));
  return { addresses, nodes, start, stop };
}
