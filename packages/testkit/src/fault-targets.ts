import { type Random, randomBetween } from '@quorate/base';
import { seedByName } from './random-by-name.js';
import type { SimClient } from './sim-client.js';
import type { SimNode } from './sim-node.js';

/** True if a node serves and no replica on it waits to be let in again: then its data may be lost. */
export function isWhole(node: SimNode): boolean {
  const status = node.status();
  return (
    status !== null &&
    status.state === 'serving' &&
    status.metrics['diskFull'] === 0 &&
    status.groups.length > 0 &&
    status.groups.every((group) => !group.isLearner && group.role !== 'stopped')
  );
}

/** Flips a bit of any file on the disk of a node; does nothing if all are empty. */
export function flipAnyBit({ disk }: SimNode, random: Random): void {
  const paths = disk.paths().filter((path) => disk.state.find(path).content.size > 0);
  const path = paths[randomBetween(random, 0, paths.length - 1)];
  if (path === undefined) return;
  disk.flipBit(path, randomBetween(random, 0, disk.state.find(path).content.size - 1), randomBetween(random, 0, 7));
}

/** One of the clients that run, null if none does. A seed prefers one by its name, so it finds the same one whoever else is there. */
export function preferredClient(clients: readonly SimClient[], seed: number): SimClient | null {
  let chosen: SimClient | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const client of clients) {
    if (!client.process.isAlive || client.isSpared) continue;
    const rank = seedByName(seed, client.name.replaceAll("'", ''));
    if (rank >= least) continue;
    least = rank;
    chosen = client;
  }
  return chosen;
}
