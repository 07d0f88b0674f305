import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** System calls of some processes within a while; or why they could not be counted. */
export type SystemCallCount = { readonly calls: number } | { readonly reason: string };

/** `strace` attaches before it counts. */
const ATTACH_MS = 300;

/**
 * Counts the system calls of all threads of processes while `during` goes on, with `strace`, which slows them down: not while something else is
 * measured.
 */
export async function countSystemCalls(pids: readonly number[], during: () => Promise<void>): Promise<SystemCallCount> {
  if (process.platform !== 'linux' || pids.length === 0) return { reason: 'system calls are counted on Linux, of servers on this machine' };
  const tracer = spawn('strace', ['-f', '-c', '-U', 'calls,name', ...pids.flatMap((pid) => ['-p', String(pid)])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  tracer.stderr.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<string | null>((resolve) => {
    tracer.once('error', () => resolve('strace is not installed'));
    tracer.once('close', () => resolve(null));
  });
  try {
    await delay(ATTACH_MS);
    await during();
  } finally {
    tracer.kill('SIGINT');
  }
  const failure = await ended;
  if (failure !== null) return { reason: failure };
  return callsOf(text);
}

/** Sums the table of `strace -c -U calls,name`. */
export function callsOf(text: string): SystemCallCount {
  let calls = 0;
  for (const [, count, name] of text.matchAll(/^\s*(\d+)\s+([a-z_0-9]+)\s*$/gm)) if (name !== 'total') calls += Number(count);
  const refusal = text.split('\n').find((line) => line.includes('attach:') || line.includes('not permitted'));
  return calls === 0 ? { reason: refusal?.trim() ?? 'strace counted nothing' } : { calls };
}
