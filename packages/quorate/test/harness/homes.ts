import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectOptions, Quorate, type QuorateClient, type StartOptions } from 'quorate';
import { freePortRange } from '../../../server/dist-test/harness/free-ports.js';
import { endAllProcesses } from '../../../server/dist-test/harness/line-process.js';
import { ServerProcess } from '../../../server/dist-test/harness/server-process.js';
import { temporaryDirectory } from '../../../server/dist-test/harness/temporary-directory.js';
import { freezeThisProcess } from './waiting.js';

/** Files of a few MiB, so that the many starts of the tests write little. */
export const SMALL_FILES = { journalFileBytes: 4_194_304 };
/** For calls that must succeed on a busy machine. */
export const CALL_MS = 30_000;

/** Where clients live, and how time passes there. Two clients, with sessions of their own, and as many more as a test opens. */
export interface Home {
  readonly a: QuorateClient;
  readonly b: QuorateClient;
  /** A further client of the cluster, which the test closes. */
  connect(options?: Pick<ConnectOptions, 'sessionTtlMs'>): Promise<QuorateClient>;
  sleep(ms: number): Promise<void>;
  /** Stops the process of a client, and whatever else is in it, as a paused machine would. Returns when that time has passed for it. */
  freeze(client: QuorateClient, ms: number): void;
  /** Lets time pass until the promise is settled. */
  drive<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Starts members `1..count` in this process; `options` go to all of them. */
export async function startMembers(
  count: number,
  options: Partial<StartOptions> = {},
): Promise<{ nodes: QuorateClient[]; addresses: string[] }> {
  const first = await freePortRange(count);
  const addresses = Array.from({ length: count }, (_, index) => `127.0.0.1:${first + index}`);
  const data = temporaryDirectory();
  const starts = addresses.map((address, index) =>
    Quorate.start({
      data: join(data, `${index + 1}`),
      address,
      members: addresses,
      settings: SMALL_FILES,
      deadlineMs: CALL_MS,
      ...options,
    }),
  );
  return { nodes: await Promise.all(starts), addresses };
}

/** One embedded node: its own client, and one that comes through its port. */
export async function embeddedAlone(): Promise<Home> {
  const { nodes, addresses } = await startMembers(1);
  const [a] = nodes as [QuorateClient];
  const b = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
  return { ...realTime(addresses), a, b, close: () => closeAll([b, a]) };
}

/** Three embedded nodes, the clients of two of them. */
export async function embeddedThree(): Promise<Home> {
  const { nodes, addresses } = await startMembers(3);
  const [a, b] = nodes as [QuorateClient, QuorateClient];
  return { ...realTime(addresses), a, b, close: () => closeAll(nodes) };
}

/** Two clients of three servers, each a process of its own. */
export async function remote(): Promise<Home> {
  const first = await freePortRange(3);
  const ports = [first, first + 1, first + 2];
  const data = temporaryDirectory();
  const servers = ports.map((_, index) => new ServerProcess({ node: index + 1, data: join(data, `${index + 1}`), ports }));
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  try {
    await Promise.all(servers.map((server) => server.event('listening')));
    const a = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
    const b = await Quorate.connect(addresses[2] as string, { deadlineMs: CALL_MS });
    // The first session opens when the servers have a leader.
    await Promise.all([a.counter('ready').add(), b.counter('ready').add()]);
    const close = async (): Promise<void> => {
      await closeAll([a, b]);
      await Promise.all(servers.map((server) => server.end('SIGTERM')));
    };
    return { ...realTime(addresses), a, b, close };
  } catch (thrown) {
    await endAllProcesses();
    throw thrown;
  }
}

/** Homes in which time passes by itself. */
function realTime(addresses: readonly string[]): Omit<Home, 'a' | 'b' | 'close'> {
  return {
    connect: (options = {}) => Quorate.connect(addresses, { deadlineMs: CALL_MS, ...options }),
    sleep: (ms) => delay(ms),
    freeze: (_, ms) => freezeThisProcess(ms),
    drive: (promise) => promise,
  };
}

async function closeAll(clients: readonly QuorateClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}
