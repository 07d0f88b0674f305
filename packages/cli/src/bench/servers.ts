import { QuorateError } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import { type ProcessUsage, isLoopback, usageOf } from './process-usage.js';

/** One server at one moment. Null: not told. */
export interface ServerSample {
  readonly usage: ProcessUsage | null;
  /** Syncs of its storage since its start. */
  readonly syncs: number | null;
  /** Bytes that its storage has written since its start. */
  readonly storageBytes: number | null;
  /** How long its event loop was held up since it was asked last: 99.9th percentile and longest, in ms. */
  readonly loopDelayP999Ms: number | null;
  readonly loopDelayMaxMs: number | null;
}

/** The servers of a system under load. */
export interface Servers {
  /** All of them, always in the same order; rejects if one does not answer. */
  sample(): Promise<readonly ServerSample[]>;
  /** Their process ids, those of this machine only. */
  pids(): Promise<readonly number[]>;
}

/** Of any system whose processes run on this machine. */
export function serverProcesses(pids: readonly number[]): Servers {
  return {
    sample: async () =>
      pids.map((pid) => {
        const usage = usageOf(pid);
        if (usage === null && process.platform === 'linux') throw new QuorateError('unavailable', `server process ${pid} is gone`);
        return { usage, syncs: null, storageBytes: null, loopDelayP999Ms: null, loopDelayMaxMs: null };
      }),
    pids: async () => pids,
  };
}

/** The nodes of a cluster of Quorate, as their status tells. */
export async function quorateServers(client: QuorateClient): Promise<Servers> {
  const { members } = await client.status();
  const addresses = members.map(({ address }) => address);
  const statuses = () => Promise.all(addresses.map(async (address) => ({ address, status: await client.status({ address }) })));
  return {
    sample: async () =>
      (await statuses()).map(({ address, status: { pid, metrics } }) => ({
        usage: isLoopback(address) ? usageOf(pid) : null,
        syncs: metrics['syncs'] ?? null,
        storageBytes: metrics['bytesWritten'] ?? null,
        loopDelayP999Ms: metrics['eventLoopDelayP999Ms'] ?? null,
        loopDelayMaxMs: metrics['eventLoopDelayMaxMs'] ?? null,
      })),
    pids: async () => (await statuses()).filter(({ address }) => isLoopback(address)).map(({ status }) => status.pid),
  };
}
