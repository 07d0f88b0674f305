import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { SimCluster, type SimProcess } from '@quorate/testkit';
import type { QuorateClient } from 'quorate';
import { CALL_MS, type Home, SMALL_FILES } from './homes.js';
import type { Outage, OutageOptions } from './outages.js';

const SEED = 1;
const SESSIONS_GROUP = 1;
/** Virtual time in which every test must be over. */
const TEST_MS_MAX = 120_000;

/** Three nodes and their clients in the simulator: virtual time, network and disks. */
export async function simulated(): Promise<Home> {
  const cluster = new SimCluster({ seed: SEED, settings: SMALL_FILES });
  const processes = new Map<QuorateClient, SimProcess>();
  cluster.startAll();
  cluster.awaitLeader();
  const open = (options: { readonly sessionTtlMs?: number } = {}): QuorateClient => {
    const { face, process } = cluster.client(`client-${processes.size}`, { deadlineMs: CALL_MS, ...options });
    processes.set(face, process);
    return face;
  };
  const [a, b] = [open(), open()];
  const { timers } = cluster.client('sleeper').process;
  const drive = <T>(promise: Promise<T>): Promise<T> => pump(cluster, promise);
  return {
    a,
    b,
    connect: (options) => Promise.resolve(open(options)),
    sleep: (ms) => new Promise((resolve) => timers.set(ms, resolve)),
    freeze: (client, ms) => {
      const process = processes.get(client);
      assert.ok(process !== undefined, 'a client of this home');
      process.stall(ms);
    },
    drive,
    close: async () => {
      await drive(Promise.all([...processes.keys()].map((client) => client.close())));
    },
  };
}

/** The same cluster with one client; the leader and another node are killed. */
export async function simulatedOutage(options: OutageOptions): Promise<Outage> {
  const cluster = new SimCluster({ seed: SEED, settings: SMALL_FILES });
  cluster.startAll();
  cluster.awaitLeader();
  const { face, process } = cluster.client('client', { deadlineMs: CALL_MS, ...options });
  const drive = <T>(promise: Promise<T>): Promise<T> => pump(cluster, promise);
  return {
    client: face,
    down: async () => {
      const leader = cluster.leaderOf(SESSIONS_GROUP);
      assert.ok(leader !== undefined);
      const other = cluster.nodes.find((node) => node !== leader);
      for (const node of [leader, other]) node?.kill();
    },
    up: async () => cluster.healAll(),
    sleep: (ms) => new Promise((resolve) => process.timers.set(ms, resolve)),
    drive,
    close: () => drive(face.close()),
  };
}

/** Runs virtual time until the promise is settled. After each event of a client all that its promises call has its turn, as in a real process. */
async function pump<T>(cluster: SimCluster, promise: Promise<T>): Promise<T> {
  const { scheduler } = cluster;
  const endMs = scheduler.nowMs + TEST_MS_MAX;
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  promise.then(over, over);
  await turn();
  while (!isOver) {
    if (scheduler.nowMs > endMs) throw cluster.fault(`a test was not over after ${TEST_MS_MAX} ms`);
    scheduler.step();
    if (scheduler.lastOwner !== null && !scheduler.lastOwner.name.startsWith('n')) await turn();
  }
  return promise;
}
