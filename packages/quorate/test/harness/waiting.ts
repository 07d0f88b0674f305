import { setTimeout as delay } from 'node:timers/promises';

/** All that an iterable gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The first `count` that an iterable gives; leaves it then. */
export async function take<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) if (all.push(item) === count) break;
  return all;
}

/** Resolves once the condition holds: for what only shows when asked for. */
export async function until(condition: () => Promise<boolean>, sleep: (ms: number) => Promise<void> = delay): Promise<void> {
  while (!(await condition())) await sleep(20);
}

/** Resolves with the reason once the signal has fired. */
export async function fired(signal: AbortSignal): Promise<unknown> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  return signal.reason;
}

/** Stops this whole process for a while, as a paused machine would. */
export function freezeThisProcess(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
