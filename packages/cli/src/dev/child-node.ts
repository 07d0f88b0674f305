import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReportedError } from '../report-error.js';
import { LineSplitter } from './node-lines.js';

/** What a child node is started with. */
export interface ChildSettings {
  readonly node: number;
  readonly address: string;
  readonly dataDirectory: string;
  readonly members: string;
  readonly logLevel: string;
}

/** How a child ended. Either `code` or `signal` is null. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The error it reported last, if it did. */
  readonly error: ReportedError | null;
  /** How long it ran. */
  readonly ranMs: number;
}

export interface ChildEvents {
  /** A line of its log, or of what else it said. */
  line(node: number, line: string): void;
  /** It ended, after its last line. */
  exited(child: ChildNode, exit: ChildExit): void;
}

/**
 * One run of one node in a process of its own.
 *
 * It has its own process group, so that Ctrl-C in a terminal reaches only the parent, which then stops all in order; and it stops when
 * its standard input ends, so that no child outlives a parent that was killed.
 */
export class ChildNode {
  readonly settings: ChildSettings;
  readonly #process: ChildProcess;
  readonly #startedAtMs = performance.now();
  #error: ReportedError | null = null;

  constructor(settings: ChildSettings, events: ChildEvents) {
    this.settings = settings;
    const { node, address, dataDirectory, members, logLevel } = settings;
    const entry = fileURLToPath(new URL('../entry.js', import.meta.url));
    const flags = ['--node', String(node), '--data', dataDirectory, '--listen', address, '--members', members, '--log-level', logLevel];
    const child = spawn(process.execPath, [entry, 'server', ...flags, '--exit-with-parent', '--json'], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: withoutServerVariables(process.env),
    });
    this.#process = child;
    child.stdin.on('error', () => {});
    this.#forwardLines(events);
    let spawnError: Error | null = null;
    child.on('error', (error) => {
      spawnError = error;
      if (child.pid === undefined) events.exited(this, { code: 70, signal: null, error: null, ranMs: 0 });
    });
    child.on('close', (code, signal) => {
      if (spawnError !== null && child.pid === undefined) return;
      events.exited(this, { code, signal, error: this.#error, ranMs: performance.now() - this.#startedAtMs });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  #forwardLines(events: ChildEvents): void {
    const { node } = this.settings;
    const out = new LineSplitter((line) => events.line(node, line));
    const errors = new LineSplitter((line) => {
      const error = reportedError(line);
      if (error === null) events.line(node, line);
      else this.#error = error;
    });
    this.#process.stdout
      ?.setEncoding('utf8')
      .on('data', (text: string) => out.push(text))
      .on('end', () => out.end());
    this.#process.stderr
      ?.setEncoding('utf8')
      .on('data', (text: string) => errors.push(text))
      .on('end', () => errors.end());
  }

  /** Asks it to stop in order. */
  stop(): void {
    this.#process.kill('SIGTERM');
  }

  /** Ends it at once. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** `QUORATE_*` of the caller is meant for one server; here it would reach all of them. */
function withoutServerVariables(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('QUORATE_')));
}

function reportedError(line: string): ReportedError | null {
  if (!line.startsWith('{"error":')) return null;
  try {
    return (JSON.parse(line) as { error: ReportedError }).error;
  } catch {
    return null;
  }
}
