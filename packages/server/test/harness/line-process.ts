import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';

/** How a process ended: one of the two is null. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How a program is started. */
export interface LineProcessOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What runs the program. Default: Node.js. */
  readonly executable?: string;
  /** `pipe`: the test writes to it, and it ends when the test closes it; `ignore` (default): empty. */
  readonly stdin?: 'pipe' | 'ignore';
}

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

// The test runner ends a file that takes too long so.
process.once('SIGTERM', () => process.exit(1));

/** For `after` of every file that starts processes: what a failed test left behind is killed, so that the file ends. */
export async function endAllProcesses(): Promise<void> {
  const left = [...living];
  for (const child of left) child.kill('SIGKILL');
  await Promise.all(left.map((child) => once(child, 'close')));
}

/** A program, of Node.js if nothing else is said, in a process of its own, whose lines can be waited for. It never outlives the process of the test. */
export class LineProcess {
  readonly child: ChildProcess;
  /** Standard output, and standard error, without line ends. */
  readonly lines: string[] = [];
  readonly errorLines: string[] = [];
  /** Resolves when it has ended and said everything. */
  readonly ended: Promise<ProcessEnd>;
  #isOver = false;
  #waiting: (() => void)[] = [];

  constructor(
    program: string,
    args: readonly string[],
    { environment = {}, cwd, executable = process.execPath, stdin = 'ignore' }: LineProcessOptions = {},
  ) {
    this.child = spawn(executable, [program, ...args], {
      stdio: [stdin, 'pipe', 'pipe'],
      env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...environment },
      cwd,
    });
    living.add(this.child);
    this.#gather(this.child.stdout as Readable, this.lines);
    this.#gather(this.child.stderr as Readable, this.errorLines);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true;
        living.delete(this.child);
        this.#changed();
        resolve({ code, signal });
      });
    });
  }

  #gather(stream: Readable, lines: string[]): void {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      this.#changed();
    });
    stream.on('end', () => {
      if (rest !== '') lines.push(rest);
    });
  }

  #changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** All it said, for the message of a failure. */
  get said(): string {
    return [...this.lines, ...this.errorLines].join('\n');
  }

  /** The first line of standard output that matches, said already or later; fails when the process ends without one. */
  async line(pattern: RegExp): Promise<string> {
    return (await this.matches(pattern, 1))[0] as string;
  }

  /** The first `count` lines of standard output that match, said already or later; fails when the process ends before. */
  async matches(pattern: RegExp, count: number): Promise<readonly string[]> {
    for (;;) {
      const found = this.lines.filter((line) => pattern.test(line));
      if (found.length >= count) return found;
      if (this.#isOver) throw new Error(`ended with ${found.length} of ${count} lines ${String(pattern)}:\n${this.said}`);
      await new Promise<void>((wake) => this.#waiting.push(wake));
    }
  }

  /** Sends a signal unless it has ended, and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<ProcessEnd> {
    if (!this.#isOver) this.child.kill(signal);
    return await this.ended;
  }
}

/** Resolves when none of these processes is there any more. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** True while a process with this id runs. One that has ended and that its parent has not looked at yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
