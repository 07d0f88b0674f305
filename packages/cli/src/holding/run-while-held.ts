import { setTimeout as delay } from 'node:timers/promises';
import { QuorateError, asQuorateError } from '@quorate/base';
import type { Held } from '@quorate/resources';
import type { StopSignal } from '@quorate/server/stop-signals';
import type { CliIo } from '../cli-io.js';
import { exitCodeOfSignal } from '../exit-codes.js';
import { reportError } from '../report-error.js';
import { onStopSignals } from '../signals.js';
import { ChildCommand } from './child-command.js';
import { tokenText } from './token-text.js';

/** What is held while a command runs. */
export interface HeldRun<H extends Held> {
  /** In errors: `the lock "x"`. */
  readonly what: string;
  readonly command: readonly string[];
  /** Time between SIGTERM and SIGKILL once it is lost. */
  readonly killAfterMs: number;
  /** What goes wrong is told as JSON. */
  readonly isJson: boolean;
  /** Longest wait; undefined: for ever. */
  readonly waitMs?: number | undefined;
  /** `waitMs`: what is left of the wait, 0 or more. */
  acquire(signal: AbortSignal, waitMs: number | undefined): Promise<H>;
  giveUp(held: H): Promise<void>;
}

/** Pause before it claims again. */
const AGAIN_MS = 200;

/**
 * Waits until something is held, runs a command meanwhile, and gives it up. The exit code of the command; that of the signal that ended the wait.
 * A session that is lost during the wait takes the claim with it: then it claims again in the next one, in what is left of the wait. Throws what
 * `acquire` throws, and `sessionExpired` if it was lost before the command had ended.
 */
export async function runWhileHeld<H extends Held>(run: HeldRun<H>, io: CliIo): Promise<number> {
  const waiting = new AbortController();
  let received: StopSignal | null = null;
  let child: ChildCommand | null = null;
  const endSignals = onStopSignals((signal) => {
    received ??= signal;
    if (child === null) waiting.abort();
    else child.pass(signal);
  });
  const stoppedBy = (): StopSignal | null => received;
  try {
    const held = await acquired(run, waiting.signal);
    const signal = stoppedBy();
    if (held === null || signal !== null) {
      if (held !== null) await givenUp(run, held, io);
      return exitCodeOfSignal(signal ?? 'SIGTERM');
    }
    checkHeld(run, held, held.isHeld);
    let wasHeld = true;
    const options = {
      command: run.command,
      environment: { QUORATE_TOKEN: tokenText(held.token), QUORATE_FENCE: JSON.stringify(held.fence) },
      isOnTerminal: (io.stdin as { readonly isTTY?: boolean }).isTTY === true,
    };
    child = new ChildCommand(options, {
      onEnd: () => {
        wasHeld = held.isHeld;
      },
      onError: (error) => cannotRun(run, error, io),
    });
    const code = await endedOrLost(child, held, run.killAfterMs);
    checkHeld(run, held, wasHeld);
    await givenUp(run, held, io);
    return code;
  } finally {
    endSignals();
  }
}

/** Null: a signal ended the wait. */
async function acquired<H extends Held>(run: HeldRun<H>, signal: AbortSignal): Promise<H | null> {
  const fromMs = performance.now();
  const leftMs = (): number | undefined => (run.waitMs === undefined ? undefined : Math.max(0, run.waitMs - (performance.now() - fromMs)));
  for (let wasLost = false; ; ) {
    try {
      return await run.acquire(signal, leftMs());
    } catch (thrown) {
      if (signal.aborted) return null;
      const { code, retry } = asQuorateError(thrown);
      wasLost ||= code === 'sessionExpired';
      // Who lost the cluster while waiting looks for it as long as the wait lasts; who never had it is told.
      const mayPass = code === 'sessionExpired' || (retry === 'safe' && code !== 'lockTimeout' && leftMs() !== 0);
      if (!wasLost || !mayPass) throw thrown;
    }
    try {
      await delay(AGAIN_MS, undefined, { signal });
    } catch {
      return null;
    }
  }
}

/** Waits for the end of the command, and puts one to it when what is held is lost. */
async function endedOrLost(child: ChildCommand, held: Held, killAfterMs: number): Promise<number> {
  let ending: Promise<void> | null = null;
  const lost = (): void => {
    ending ??= child.end(killAfterMs);
  };
  held.lost.addEventListener('abort', lost);
  if (held.lost.aborted) lost();
  const code = await child.ended;
  held.lost.removeEventListener('abort', lost);
  await (ending as Promise<void> | null);
  return code;
}

function checkHeld<H extends Held>({ what }: HeldRun<H>, held: H, wasHeld: boolean): void {
  if (wasHeld) return;
  const cause = held.lost.aborted ? asQuorateError(held.lost.reason) : null;
  const why = cause === null ? '' : `: ${cause.message}`;
  throw new QuorateError('sessionExpired', `${what} was lost before the command had ended${why}`, {}, { cause });
}

/** The command has ended under it, so its outcome stands whatever comes of this. */
async function givenUp<H extends Held>(run: HeldRun<H>, held: H, io: CliIo): Promise<void> {
  try {
    await run.giveUp(held);
  } catch (thrown) {
    const { code, message } = asQuorateError(thrown);
    const warning = `${run.what} could not be given up and goes with its session: ${code}: ${message}`;
    io.stderr.write(run.isJson ? `${JSON.stringify({ warning })}\n` : `warning: ${warning}\n`);
  }
}

function cannotRun<H extends Held>(run: HeldRun<H>, cause: NodeJS.ErrnoException, io: CliIo): void {
  const command = run.command[0] ?? '';
  const why = cause.code === 'ENOENT' ? 'there is no such command' : cause.message;
  reportError(new QuorateError('invalidArgument', `cannot run ${JSON.stringify(command)}: ${why}`, { command }, { cause }), io, run.isJson);
}
