import type { Lock } from '@quorate/resources';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { runWhileHeld } from '../holding/run-while-held.js';
import { tokenText } from '../holding/token-text.js';
import { Output } from '../output.js';
import { UsageError } from '../report-error.js';

/** `quorate lock NAME -- COMMAND…`, or with `holder`. Times in ms. */
export interface LockCommand {
  readonly name: string;
  readonly command: readonly string[];
  readonly flags: ConnectFlags & { readonly wait?: number; readonly killAfter: number; readonly holder?: boolean };
}

/** Runs the command while holding the lock and gives its exit code, or prints who holds it. */
export async function runLock({ name, command, flags }: LockCommand, io: CliIo): Promise<number> {
  const { wait, killAfter, holder = false } = flags;
  if (holder && command.length > 0) throw new UsageError('--holder runs no command');
  if (!holder && command.length === 0) throw new UsageError('what to run while holding the lock is missing: -- COMMAND, or --holder');
  return await withClient(flags, async (client) => {
    const lock = client.lock(name);
    if (holder) return await printHolder(lock, flags, io);
    return await runWhileHeld(
      {
        what: `the lock "${name}"`,
        command,
        killAfterMs: killAfter,
        isJson: flags.json,
        waitMs: wait,
        acquire: (signal, waitMs) => lock.acquire({ signal, ...(waitMs === undefined ? {} : { waitMs: Math.ceil(waitMs) }) }),
        giveUp: (held) => held.release(),
      },
      io,
    );
  });
}

async function printHolder(lock: Lock, { json }: ConnectFlags, io: CliIo): Promise<number> {
  const holder = await lock.holder();
  const output = new Output(io.stdout, json);
  if (holder === null) {
    await output.text('nobody');
    await output.json({ name: lock.name, holder: null });
  } else {
    const { session, waiters } = holder;
    const token = tokenText(holder.token);
    await output.text(`session ${session}, token ${token}, ${waiters} waiting`);
    await output.json({ name: lock.name, holder: { session, token, waiters } });
  }
  return EXIT_CODES.ok.code;
}
