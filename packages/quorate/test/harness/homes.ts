import { join } from 'node:path';
import { Quorate, type QuorateClient, type StartOptions } from 'quorate';
import { freePortRange } from '../../../server/dist-test/harness/free-ports.js';
import { temporaryDirectory } from '../../../server/dist-test/harness/temporary-directory.js';

/** Files of a few MiB, so that the many starts of the tests write little. */
export const SMALL_FILES = { journalFileBytes: 4_194_304 };
/** For calls that must succeed on a busy machine. */
export const CALL_MS = 30_000;

/** Where clients live. Two of them, with sessions of their own, and as many more as a test opens. */
export interface Home {
  readonly name: string;
  readonly a: QuorateClient;
  readonly b: QuorateClient;
  /** All members. */
  readonly addresses: readonly string[];
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
  return { name: 'embedded, one node', a, b, addresses, close: () => closeAll([b, a]) };
}

/** Three embedded nodes, the clients of two of them. */
export async function embeddedThree(): Promise<Home> {
  const { nodes, addresses } = await startMembers(3);
  const [a, b] = nodes as [QuorateClient, QuorateClient];
  return { name: 'embedded, three nodes', a, b, addresses, close: () => closeAll(nodes) };
}

/** Two clients that come through the ports of three nodes. */
export async function remote(): Promise<Home> {
  const { nodes, addresses } = await startMembers(3);
  const a = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
  const b = await Quorate.connect(addresses[2] as string, { deadlineMs: CALL_MS });
  return { name: 'remote', a, b, addresses, close: () => closeAll([a, b, ...nodes]) };
}

async function closeAll(clients: readonly QuorateClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
}
