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
 *
 * On a terminal that cannot be had: a group of its own is in the background, where reading stops it (SIGTTIN), and Node.js cannot move it to the foreground
 * (`tcsetpgrp`). To signal the group that it shares with this process would reach the rest of a pipeline, and a script that this runs in.
 */
export class ChildCommand {
  readonly #process: ChildProcess | null;
  readonly #isGroup: boolean;
  readonly #isOnTerminal: boolean;
  /** Resolves with its exit code, as a shell tells it. */
  readonly ended: Promise<number>;

  /** Starts it. `onEnd` is called at its end, before anything else happens; `onError` if it cannot be run. */
  constructor(
    options: ChildCommandOptions,
    { onEnd, onError }: { readonly onEnd: () => void; readonly onError: (error: NodeJS.ErrnoException) => void },
  ) {
    const [program = '', ...args] = options.command;
    this.#isOnTerminal = options.isOnTerminal;
    this.#isGroup = !options.isOnTerminal && process.platform !== 'win32';
    const env = { ...process.env, ...options.environment };
    const cannotRun = (error: NodeJS.ErrnoException): number => {
      onEnd();
      onError(error);
      return error.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE;
    };
    try {
      this.#process = spawn(program, args, { stdio: 'inherit', detached: this.#isGroup, env });
    } catch (thrown) {
      // Some reasons come as an event, others at once.
      this.#process = null;
      this.ended = Promise.resolve(cannotRun(thrown as NodeJS.ErrnoException));
      return;
    }
    const child = this.#process;
    // A fault of this process must not leave it running without anybody who holds.
    const kill = (): void => void this.#kill('SIGTERM');
    process.once('exit', kill);
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => {
        if (child.pid !== undefined) return;
        process.off('exit', kill);
        resolve(cannotRun(error));
      });
      child.once('exit', (code, signal) => {
        onEnd();
        process.off('exit', kill);
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
    const child = this.#process;
    if (child?.pid === undefined) return false;
    if (!this.#isGroup) return child.exitCode === null && child.signalCode === null && child.kill(signal);
    try {
      return process.kill(-child.pid, signal);
    } catch {
      return false;
    }
  }
}
