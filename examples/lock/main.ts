/**
 * A lock, and why a lock alone is not enough: a process that was paused (a stopped machine, a long garbage collection, `kill -STOP`) still
 * believes that it holds the lock when it goes on, though the cluster gave it to another meanwhile. So each holder has a token that only
 * grows, and a write that carries it (`fence`) is refused once the lock is somebody else's.
 *
 *     node examples/lock/main.js [DATADIR] [ADDRESS]
 *
 * It runs a cluster of one node and two workers with sessions of their own: one here, the other in a thread that is paused while it holds the lock.
 * Without DATADIR the data is temporary; ADDRESS is 127.0.0.1:5200 by default.
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Quorate, QuorateError } from 'quorate';

/** Time without contact after which the cluster takes a worker for dead. Short here, so that there is little to wait for; the default is 10 s. */
const SESSION_TTL_MS = 1000;
const PAUSE_MS = 4000;

if (isMainThread) {
  const [given, address = '127.0.0.1:5200'] = process.argv.slice(2);
  const data = given ?? mkdtempSync(join(tmpdir(), 'quorate-lock-'));
  try {
    await main(data, address);
  } finally {
    if (given === undefined) rmSync(data, { recursive: true, force: true });
  }
} else {
  await pausedWorker(workerData as string);
}

async function main(data: string, address: string): Promise<void> {
  await using node = await Quorate.start({ data, address });
  await node.map<number>('accounts').set('ada', 100);

  const paused = new Worker(new URL(import.meta.url), { workerData: address });
  const ended = once(paused, 'exit');
  // It has the lock now.
  await once(paused, 'message');
  await quickWorker(address);
  await ended;

  const account = await node.map<number>('accounts').get('ada');
  console.log(`ada has ${account?.value}`);
}

/** Takes 50, but is paused between reading and writing. */
async function pausedWorker(address: string): Promise<void> {
  await using quorate = await Quorate.connect(address, { sessionTtlMs: SESSION_TTL_MS });
  const accounts = quorate.map<number>('accounts');
  await using held = await quorate.lock('ada').acquire();
  const balance = (await accounts.get('ada'))?.value ?? 0;
  console.log(`paused worker: has the lock, read ${balance}, and is paused`);
  parentPort?.postMessage('paused');
  // Nothing runs in this thread meanwhile, not even what keeps its session alive.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);

  // Unfenced, this would undo what the other worker did.
  const write = () => accounts.set('ada', balance - 50, { fence: held.fence });
  try {
    // It may be told at once that its session is over. Many a program tries again then, and must not succeed.
    await write().catch((error: QuorateError) => (error.code === 'sessionExpired' ? write() : Promise.reject(error)));
    console.log('paused worker: wrote, and a change is lost');
  } catch (thrown) {
    if (!(thrown instanceof QuorateError) || thrown.code !== 'fenced') throw thrown;
    console.log('paused worker: goes on, and its write is refused (fenced)');
  }
}

/** Takes 30: waits for the lock, which is free as soon as the other worker is taken for dead. */
async function quickWorker(address: string): Promise<void> {
  await using quorate = await Quorate.connect(address, { sessionTtlMs: SESSION_TTL_MS });
  const accounts = quorate.map<number>('accounts');
  await using held = await quorate.lock('ada').acquire({ waitMs: 30_000 });
  const balance = (await accounts.get('ada'))?.value ?? 0;
  await accounts.set('ada', balance - 30, { fence: held.fence });
  console.log(`quick worker: has the lock, read ${balance}, wrote ${balance - 30}`);
}
