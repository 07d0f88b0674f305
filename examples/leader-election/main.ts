/**
 * One leader among processes, each of which is a member of the cluster itself: there is no server to install.
 *
 * Run it three times, in three terminals, with the own address first and those of the others after it:
 *
 *     node examples/leader-election/main.js logs/server1 localhost:5000 localhost:5001 localhost:5002
 *     node examples/leader-election/main.js logs/server2 localhost:5001 localhost:5000 localhost:5002
 *     node examples/leader-election/main.js logs/server3 localhost:5002 localhost:5000 localhost:5001
 *
 * One prints "Elected leader!". End that process, even with `kill -9`, and within a second another one prints it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Quorate, QuorateError, type QuorateClient } from 'quorate';

/** Another may lead this time after a process died. Shorter is faster, but a connection that only stutters then costs the leadership sooner. */
const DISCONNECT_GRACE_MS = 300;
/** Pause before it stands again after it could not. */
const REST_MS = 50;

const [data, self, ...others] = process.argv.slice(2);
if (data === undefined || self === undefined) {
  console.error('usage: node examples/leader-election/main.js LOGDIR SELF [OTHER…]     (SELF and OTHER are HOST:PORT)');
  process.exit(2);
}

// Ctrl-C ends the wait, whatever it is for; the member then stops in order, which hands leaderships over.
const stopped = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => stopped.abort());
const { signal } = stopped;

try {
  // Resolves once this member and a majority serve.
  await using quorate = await Quorate.start({
    data,
    address: self,
    members: [self, ...others],
    disconnectGraceMs: DISCONNECT_GRACE_MS,
    signal,
    // The disk failed, say: nothing that is awaited below will come.
    onFatal: (error) => {
      console.error(`error: ${error.message} (${error.code})`);
      process.exit(1);
    },
  });
  await leadAgainAndAgain(quorate, self);
} catch (thrown) {
  if (!signal.aborted) {
    console.error(thrown instanceof QuorateError ? `error: ${thrown.message} (${thrown.code})` : thrown);
    process.exitCode = 1;
  }
}

/** Stands for election, leads until the leadership is lost, stands again. Ends by throwing, when the signal fires at the latest. */
async function leadAgainAndAgain(quorate: QuorateClient, name: string): Promise<never> {
  const election = quorate.election<string>('leader');
  for (;;) {
    try {
      // What it says of itself is told to all who ask `election.leader()`.
      const leadership = await election.campaign(name, { signal });
      console.log('Elected leader!');
      await untilEither(leadership.lost, signal);
    } catch (thrown) {
      // The session ended while it waited, or too few members were there: it stands again. Anything else ends the program.
      if (!(thrown instanceof QuorateError) || (thrown.code !== 'sessionExpired' && thrown.retry !== 'safe')) throw thrown;
      await delay(REST_MS, undefined, { signal });
    }
    signal.throwIfAborted();
  }
}

/** Resolves when one of two signals has fired. */
async function untilEither(...signals: readonly AbortSignal[]): Promise<void> {
  const any = AbortSignal.any([...signals]);
  if (!any.aborted) await new Promise<void>((resolve) => any.addEventListener('abort', () => resolve(), { once: true }));
}
