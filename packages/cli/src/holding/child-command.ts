import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';

/** What is run, and how. */
export interface ChildCommandOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** It stays with this process in the foreground of a terminal; otherwise it gets a process group of its own. */
  readonly isOnTerminal: boolean;
}

/** Exit codes of shells for what cannot be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const POLL_MS = 20;

/**
 * A command that runs with the standard streams of this process.
 *
 * On a terminal it stays in the foreground, so that it can be typed to; signals then reach only itself, and Ctrl-C comes from the terminal. Without
 * one it leads a process group, and signals reach whatever it has started too: a script that is told to stop must not leave its last step running.
 */
export class ChildCommand {
  readonly #process: ChildProcess;
  readonly #isGroup: boolean;
  readonly #isOnTerminal: boolean;
  /** Resolves with its exit code as a shell tells it; its last moment is the caller's, not a turn later. */
  readonly ended: Promise<number>;

  constructor(options: ChildCommandOptions, onEnd: () => void, onError: (error: NodeJS.ErrnoException) => void) {
    const [program = '', ...args] = options.command;
    this.#isOnTerminal = options.isOnTerminal;
    this.#isGroup = !options.isOnTerminal && process.platform !== 'win32';
    const env = { ...process.env, ...options.environment };
    this.#process = spawn(program, args, { stdio: 'inherit', detached: this.#isGroup, env });
    this.ended = new Promise((resolve) => {
      this.#process.once('error', (error: NodeJS.ErrnoException) => {
        if (this.#process.pid !== undefined) return;
        onEnd();
        onError(error);
        resolve(error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE);
      });
      this.#process.once('exit', (code, signal) => {
        onEnd();
        resolve(signal === null ? (code ?? 0) : 128 + (constants.signals[signal] ?? 0));
      });
    });
  }

  /** Passes on a signal that this process got. */
  pass(signal: NodeJS.Signals): void {
    // Ctrl-C reaches everybody in the foreground: twice would be once too often.
    if (this.#isOnTerminal && signal === 'SIGINT') return;
    this.#kill(signal);
  }

  /** Ends it, and all of its group: SIGTERM, and SIGKILL if something of it is left after `killAfterMs`. Resolves when that is done. */
  async end(killAfterMs: number): Promise<void> {
    this.#kill('SIGTERM');
    // One that is stopped hears nothing else.
    this.#kill('SIGCONT');
    const untilMs = performance.now() + killAfterMs;
    while (this.#isAlive()) {
      if (performance.now() >= untilMs) {
        this.#kill('SIGKILL');
        return;
      }
      await delay(POLL_MS);
    }
  }

  #isAlive(): boolean {
    return this.#kill(0);
  }

  /** False: nobody is there any more. */
  #kill(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#process;
    if (pid === undefined) return false;
    if (!this.#isGroup) return this.#process.exitCode === null && this.#process.signalCode === null && this.#process.kill(signal);
    try {
      return process.kill(-pid, signal);
    } catch {
      return false;
    }
  }
}
