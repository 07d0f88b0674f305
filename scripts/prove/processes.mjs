// Real server processes on loopback. Signals go only to processes that were started here, by their id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export const QUORATE = fileURLToPath(new URL('../../packages/quorate/bin/quorate.mjs', import.meta.url));

/** Lines of output kept per process: the first ones, and the newest. */
const LINES_MAX = 5000;
const NEWEST_MAX = 50;

/** A child process that keeps its output and how it ended. */
export class Process {
  constructor(command, args, options = {}) {
    this.lines = [];
    this.newest = [];
    this.exit = null;
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    this.pid = this.child.pid;
    let rest = '';
    const take = (text) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop();
      for (const line of parts) this.#line(line);
    };
    this.child.stdout?.setEncoding('utf8').on('data', take);
    this.child.stderr?.setEncoding('utf8').on('data', take);
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      if (rest !== '') this.#line(rest);
      this.exit = { code, signal };
      return this.exit;
    });
    this.child.on('error', (error) => this.#line(`cannot start: ${error.message}`));
  }

  #line(line) {
    if (this.lines.length < LINES_MAX) this.lines.push(line);
    this.newest.push(line);
    if (this.newest.length > NEWEST_MAX) this.newest.shift();
    this.onLine?.(line);
  }

  get isRunning() {
    return this.exit === null && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Sends a signal if it still runs; false: it had ended. */
  signal(name) {
    return this.isRunning && this.child.kill(name);
  }

  /** Kills it (also when stopped by SIGSTOP) and waits for its end. */
  async kill() {
    this.signal('SIGKILL');
    await this.ended;
  }

  /** Asks it to stop and waits for its end; kills it after `withinMs`. */
  async stop(withinMs = 20_000) {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), withinMs);
    await this.ended;
    clearTimeout(timer);
    return this.exit;
  }
}

/** True if a process with this id exists. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again every `everyMs` until the answer is truthy; then gives it. Throws after `withinMs` with what was waited for. */
export async function until(what, ask, { withinMs = 30_000, everyMs = 50 } = {}) {
  const endMs = performance.now() + withinMs;
  let last;
  for (;;) {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms for ${what}${last ? `; last error: ${last.message}` : ''}`);
    await delay(everyMs);
  }
}

/** `T`: stopped by a signal. */
export function stateOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3);
}
