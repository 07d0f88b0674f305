import { setTimeout as delay } from 'node:timers/promises';
import { openClient } from '../connection.js';

const POLL_MS = 100;

/** Resolves once every node serves and all agree on a leader of the system group; rejects when `signal` aborts. */
export async function clusterReady(addresses: readonly string[], signal: AbortSignal): Promise<{ readonly leader: number }> {
  const client = openClient({ connect: addresses, timeout: 1, json: false });
  try {
    for (;;) {
      signal.throwIfAborted();
      const answers = await Promise.allSettled(addresses.map((address) => client.status({ address, signal })));
      const leaders = answers.map((answer) =>
        answer.status === 'fulfilled' && answer.value.state === 'serving' ? leaderSeen(answer.value.groups) : 0,
      );
      const leader = leaders[0] ?? 0;
      if (leader !== 0 && leaders.every((seen) => seen === leader)) return { leader };
      await delay(POLL_MS, undefined, { signal });
    }
  } finally {
    await client.close();
  }
}

function leaderSeen(groups: readonly { readonly group: number; readonly leader: number }[]): number {
  return groups.find((entry) => entry.group === 0)?.leader ?? 0;
}
