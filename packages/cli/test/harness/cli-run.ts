import { type ChildProcess, spawn } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '@quorate/cli';

/** The command line as a process runs it. */
export const ENTRY: string = fileURLToPath(new URL('../../dist/entry.js', import.meta.url));

/** What a command printed and how it ended. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Gathered extends Writable {
  readonly chunks: Buffer[] = [];
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

/** Runs a command in this process. */
export async function quorate(args: readonly string[], input: string | Buffer = ''): Promise<CliResult> {
  const stdout = new Gathered();
  const stderr = new Gathered();
  // The timers of a client that waits do not keep a process alive.
  const keepAlive = setInterval(() => {}, 60_000);
  try {
    const code = await main(args, { stdin: Readable.from([Buffer.from(input)]), stdout, stderr, environment: {} });
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    clearInterval(keepAlive);
  }
}

/** Runs a command that must succeed; gives its standard output. */
export async function quorateOk(args: readonly string[], input: string | Buffer = ''): Promise<string> {
  const result = await quorate(args, input);
  if (result.code !== 0) throw new Error(`quorate ${args.join(' ')}: exit code ${result.code}: ${result.stderr}`);
  return result.stdout;
}

/** A command in a process of its own; its lines can be waited for. */
export class CliProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #isOver = false;
  #onChange: (() => void)[] = [];

  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    for (const stream of [this.child.stdout, this.child.stderr]) this.#gather(stream as Readable);
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.#isOver = true;
        this.#changed();
        resolve({ code, signal });
      });
    });
  }

  #gather(stream: Readable): void {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      this.lines.push(...parts);
      this.#changed();
    });
  }

  #changed(): void {
    const waiting = this.#onChange;
    this.#onChange = [];
    for (const wake of waiting) wake();
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** The first line that matches, from now on or before; fails when the process ends without one. */
  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = this.lines.find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#isOver) throw new Error(`ended without a line ${String(pattern)}:\n${this.lines.join('\n')}`);
      await new Promise<void>((wake) => this.#onChange.push(wake));
    }
  }

  /** Number of lines that match. */
  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    if (!this.#isOver) this.child.kill(signal);
    return await this.ended;
  }
}

/** Until no process has any of these ids. */
export async function untilGone(pids: readonly number[]): Promise<void> {
  for (const pid of pids) while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
