import assert from 'node:assert/strict';
import { fromUtf8 } from '@quorate/base';
import { type ClientOptions, type QuorateClient, connect } from '@quorate/client';
import type { StreamRecord } from '@quorate/wire';
import { ScriptedCluster } from './scripted-cluster.js';

/** Turns virtual time until a promise settles. */
export async function pump<T>(cluster: ScriptedCluster, promise: Promise<T>, withinMs = 20_000): Promise<T> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  for (let ms = 0; ms < withinMs && !isSettled; ms++) {
    cluster.scheduler.runFor(1);
    for (let i = 0; i < 20; i++) await null;
  }
  assert.ok(isSettled, `not settled within ${withinMs} virtual ms`);
  return promise;
}

/** A cluster, and a client of it with promises. */
export function setUpFace(seed: number, options: Partial<ClientOptions> = {}): { cluster: ScriptedCluster; client: QuorateClient } {
  const cluster = new ScriptedCluster(seed);
  const { addresses: _, ...ports } = cluster.ports([1], options);
  return { cluster, client: connect('10.0.0.1:7400, 10.0.0.2:7400', ports) };
}

/** All records, as `offset:text`. */
export async function collect(records: AsyncIterable<StreamRecord>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { offset, value } of records) texts.push(`${offset}:${fromUtf8(value)}`);
  return texts;
}

/** Lets virtual time pass, and the promises that it settles. */
export async function turn(cluster: ScriptedCluster, ms: number): Promise<void> {
  for (let i = 0; i < ms; i++) {
    cluster.scheduler.runFor(1);
    for (let k = 0; k < 20; k++) await null;
  }
}
