import { DEFAULT_GROUP, type Random, randomBetween } from '@quorate/base';
import type { Fence, Token } from '@quorate/machine';
import { LOCK, MAP, ResourceClient } from '@quorate/resources';
import { type AppendRecord, type SimClient, type SimCluster } from '@quorate/testkit';
import { STREAM } from './ready-cluster.js';

export const SESSION_TTL_MS = 1000;
const FOR_EVER = { deadlineMs: Number.POSITIVE_INFINITY };

/** A write under a token. */
export interface FencedWrite {
  readonly token: number;
  /** Time at which it began. */
  readonly startMs: number;
}
export type FencedAppend = FencedWrite & { readonly record: AppendRecord };
export type FencedSet = FencedWrite & { outcome: string };

/** Grants of the lock as the holders heard of them. */
export interface Grant {
  readonly token: number;
  readonly atMs: number;
}

/**
 * A process that waits for a lock and writes under it without pause, to a stream and to a map. It never asks whether it still holds it: only a
 * refusal by the stream ends it, and then it waits for the lock again.
 */
export class LockWriter {
  readonly client: SimClient;
  readonly appends: FencedAppend[] = [];
  readonly sets: FencedSet[] = [];
  readonly grants: Grant[] = [];
  /** Longest time between a grant and the first write. */
  firstWriteMsMax = 300;
  fence: Fence | null = null;
  isWaiting = false;
  readonly #cluster: SimCluster;
  readonly #random: Random;
  readonly #lock;
  readonly #map;
  #isOver = false;

  constructor(cluster: SimCluster, name: string, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
    this.client = cluster.client(name);
    const { clock, timers } = this.client.process;
    const sessions = this.client.core.sessions(DEFAULT_GROUP, { sessionTtlMs: SESSION_TTL_MS });
    const resources = new ResourceClient(sessions, { group: DEFAULT_GROUP, clock, timers });
    this.#lock = resources.handle(LOCK, 'lock');
    this.#map = resources.handle(MAP, 'map');
    this.#lock.listen({
      events: { acquired: ({ token }) => this.#granted(token) },
      sessionLost: () => {
        if (this.isWaiting) this.#wait();
      },
    });
    this.#wait();
  }

  /** No new writes and no new claims. */
  stop(): void {
    this.#isOver = true;
  }

  #wait(): void {
    this.isWaiting = true;
    if (this.#isOver) return;
    this.#lock.command('acquire', { waitMs: null }, FOR_EVER, (error, result) => {
      if (error === null && result !== null && result.token !== null) this.#granted(result.token);
    });
  }

  #granted(token: Token): void {
    if (!this.isWaiting) return;
    this.isWaiting = false;
    this.fence = { group: DEFAULT_GROUP, resource: this.#lock.resource, token };
    this.grants.push({ token: token.index, atMs: this.#cluster.scheduler.nowMs });
    this.#later(this.firstWriteMsMax, this.fence);
  }

  #later(msMax: number, fence: Fence): void {
    this.client.process.timers.set(randomBetween(this.#random, 1, msMax), () => this.#write(fence));
  }

  #write(fence: Fence): void {
    if (this.#isOver || this.fence !== fence) return;
    const write = { token: fence.token.index, startMs: this.#cluster.scheduler.nowMs };
    const set: FencedSet = { ...write, outcome: 'pending' };
    this.sets.push(set);
    this.#map.command('set', { key: new Uint8Array([1]), value: new Uint8Array(8), ttlMs: null, fence }, {}, (error) => {
      set.outcome = error?.code ?? 'done';
    });
    const record = this.client.append(STREAM, { fence, count: randomBetween(this.#random, 1, 3) }, (error) => {
      if (error?.code === 'fenced' && this.fence === fence) {
        this.fence = null;
        this.#wait();
      }
    });
    this.appends.push({ ...write, record });
    this.#later(40, fence);
  }
}
