import assert from 'node:assert/strict';
import { FakeCluster } from './faces-cluster.js';

/** Two clients of a cluster without a network, and the same map of both. */
export function setUp() {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const a = cluster.resources();
  const b = cluster.resources();
  return { cluster, time, a, b, mapA: a.resources.map('map'), mapB: b.resources.map('map') };
}

/** What an iterator gives now, without waiting. */
export async function given<T>(time: FakeCluster['time'], items: AsyncGenerator<T, void>, count: number): Promise<T[]> {
  const list: T[] = [];
  for (let i = 0; i < count; i++) {
    const next = await time.until(items.next());
    assert.ok(next.done !== true, `ended after ${i}`);
    list.push(next.value);
  }
  return list;
}
