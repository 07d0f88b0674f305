import { type ErrorCode, QuorateError } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import { MAP, type MapDeclaration, type ResourceHandle, promiseOf } from '@quorate/resources';
import { openClient } from '../connection.js';
import type { Driver, DriverSettings } from './driver.js';
import { fill } from './fill.js';

type Call = (turn: number, done: (errorCode: string | null) => void) => void;

/**
 * Load on a cluster of Quorate through the client library's interface without promises, which the one with promises is made of. Leaves streams
 * `bench-…` and the map `bench-BYTES` in the cluster.
 */
export async function openDriver(settings: DriverSettings): Promise<Driver> {
  const { addresses, timeoutMs, cluster, connections } = settings;
  const flags = { connect: addresses, timeout: timeoutMs / 1000, json: true, ...(cluster === undefined ? {} : { cluster }) };
  const clients = Array.from({ length: connections }, () => openClient(flags));
  const close = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
  };
  try {
    return { call: settings.operation === 'append' ? await appendCall(clients, settings) : await mapCall(clients, settings), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function appendCall(clients: readonly QuorateClient[], { streams, bytes, batch, isFirst }: DriverSettings): Promise<Call> {
  const names = Array.from({ length: streams }, (_, index) => `bench-${index}`);
  if (isFirst) await Promise.all(names.map((name) => (clients[0] as QuorateClient).stream(name).create()));
  // Every connection finds the leaders before the clock runs.
  await Promise.all(clients.flatMap((client) => names.map((name) => client.stream(name).info())));
  const records = Array.from({ length: batch }, () => new Uint8Array(bytes).fill(0x71));
  return (turn, done) => {
    const client = clients[turn % clients.length] as QuorateClient;
    client.core.append(names[turn % names.length] as string, records, {}, (error) => done(error === null ? null : error.code));
  };
}

async function mapCall(clients: readonly QuorateClient[], settings: DriverSettings): Promise<Call> {
  const { operation, keys, bytes, isFirst } = settings;
  const maps = clients.map((client) => client.resources.client.handle(MAP, `bench-${bytes}`));
  const value = new Uint8Array(bytes).fill(0x71);
  // Made once: their making is no part of what is measured.
  const keyList: Uint8Array[] = Array.from({ length: keys }, (_, number) => Buffer.from(`key-${number}`));
  const keyOf = (turn: number): Uint8Array => keyList[turn % keys] as Uint8Array;
  const set = (turn: number, done: (errorCode: string | null) => void): void => {
    const map = maps[turn % maps.length] as ResourceHandle<MapDeclaration>;
    map.command('set', { key: keyOf(turn), value, ttlMs: null, fence: null }, {}, (error) => done(error === null ? null : error.code));
  };
  // Every connection has its session and has found the leader before the clock runs.
  await Promise.all(maps.map((_, turn) => settled((done) => set(turn, done))));
  const sizes = await Promise.all(maps.map((map) => sizeOf(map)));
  if (operation === 'put') return set;
  if (isFirst && (sizes[0] as number) < keys) await fill(keys, set);
  return (turn, done) => {
    const map = maps[turn % maps.length] as ResourceHandle<MapDeclaration>;
    map.query('get', { key: keyOf(turn) }, {}, (error, entry) => {
      if (error !== null) done(error.code);
      else done(entry === null ? 'entryMissing' : null);
    });
  };
}

function sizeOf(map: ResourceHandle<MapDeclaration>): Promise<number> {
  return promiseOf<{ readonly size: number }>(undefined, (done) => map.query('size', {}, {}, done)).then(({ size }) => size);
}

function settled(begin: (done: (errorCode: string | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    begin((errorCode) => {
      if (errorCode === null) resolve();
      else reject(new QuorateError(errorCode as ErrorCode, 'the first operation failed'));
    });
  });
}
