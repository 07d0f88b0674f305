import { setTimeout as delay } from 'node:timers/promises';
import { asQuorateError } from '@quorate/base';
import type { Election, Leadership } from '@quorate/resources';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { runWhileHeld } from '../holding/run-while-held.js';
import { tokenText } from '../holding/token-text.js';
import { Output } from '../output.js';
import { UsageError } from '../report-error.js';
import { untilStopped } from '../signals.js';
import { STORED_VALUES, type StoredValue, valueJson, valueLine } from '../stored-value.js';

/** `quorate elect NAME [-- COMMAND…]`, or with `leader`. Times in ms. */
export interface ElectCommand {
  readonly name: string;
  readonly command: readonly string[];
  readonly flags: ConnectFlags & { readonly about?: string; readonly killAfter: number; readonly leader?: boolean };
}

/** Pause before it stands again after an error that may pass. */
const AGAIN_MS = 500;

/** Runs the command while leading and gives its exit code; without one, tells when it leads; or prints who leads. */
export async function runElect({ name, command, flags }: ElectCommand, io: CliIo): Promise<number> {
  const { leader = false, killAfter, about: text } = flags;
  if (leader && command.length > 0) throw new UsageError('--leader runs no command');
  const about: StoredValue | undefined = text === undefined ? undefined : { type: 'json', value: text };
  return await withClient(flags, async (client) => {
    const election = client.election<StoredValue>(name, { codec: STORED_VALUES });
    if (leader) return await printLeader(election, flags, io);
    if (command.length === 0) return await tellLeadership(election, about, new Output(io.stdout, flags.json));
    return await runWhileHeld(
      {
        what: `leadership of "${name}"`,
        command,
        killAfterMs: killAfter,
        isJson: flags.json,
        acquire: (signal) => election.campaign(about, { signal }),
        giveUp: (leadership) => leadership.resign(),
      },
      io,
    );
  });
}

async function printLeader(election: Election<StoredValue>, { json }: ConnectFlags, io: CliIo): Promise<number> {
  const leader = await election.leader();
  const output = new Output(io.stdout, json);
  if (leader === null) {
    await output.text('nobody');
    await output.json({ name: election.name, leader: null });
  } else {
    const { session, about, fence } = leader;
    const token = tokenText(leader.token);
    await output.text(`session ${session}, token ${token}${about === undefined ? '' : `, ${valueLine(about)}`}`);
    await output.json({
      name: election.name,
      leader: { session, token, fence, ...(about === undefined ? {} : { about: about.type === 'json' ? about.value : valueJson(about) }) },
    });
  }
  return EXIT_CODES.ok.code;
}

async function tellLeadership(election: Election<StoredValue>, about: StoredValue | undefined, output: Output): Promise<number> {
  await untilStopped(async (signal) => {
    let hasStood = false;
    while (!signal.aborted) {
      const leadership = await stood(election, about, signal, hasStood);
      hasStood = true;
      if (leadership === null) continue;
      const token = tokenText(leadership.token);
      await output.text(`leading, token ${token}`);
      await output.json({ event: 'leading', token, fence: leadership.fence });
      await lostOrStopped(leadership, signal);
      if (!leadership.lost.aborted) return;
      const { code, message } = asQuorateError(leadership.lost.reason);
      await output.text(`no longer leading: ${message}`);
      await output.json({ event: 'lost', token, code, message });
    }
  });
  return EXIT_CODES.ok.code;
}

/** Null: it must stand again, as after a lost session. What is wrong from the beginning is thrown. */
async function stood(
  election: Election<StoredValue>,
  about: StoredValue | undefined,
  signal: AbortSignal,
  hasStood: boolean,
): Promise<Leadership | null> {
  try {
    return await election.campaign(about, { signal });
  } catch (thrown) {
    const { code, retry } = asQuorateError(thrown);
    if (signal.aborted || retry === 'never' || (!hasStood && code !== 'sessionExpired')) throw thrown;
    await delay(AGAIN_MS, undefined, { signal });
    return null;
  }
}

function lostOrStopped({ lost }: Leadership, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    for (const either of [lost, signal]) {
      if (either.aborted) resolve();
      else either.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}
