import process from 'node:process';
import type { StopSignal } from '@quorate/server/stop-signals';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** From now on the signals that ask a process to stop are told to `received` instead of ending it. Returns how to end that. */
export function onStopSignals(received: (signal: StopSignal) => void): () => void {
  const listeners = SIGNALS.map((signal) => {
    const listener = (): void => received(signal);
    process.on(signal, listener);
    return () => process.off(signal, listener);
  });
  return () => {
    for (const end of listeners) end();
  };
}

/** Runs `body` with a signal that the first SIGINT, SIGTERM or SIGHUP aborts; what `body` then throws because of it ends the command in order. */
export async function untilStopped(body: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const end = onStopSignals(() => controller.abort());
  try {
    await body(controller.signal);
  } catch (thrown) {
    if (!controller.signal.aborted) throw thrown;
  } finally {
    end();
  }
}
