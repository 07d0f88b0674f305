/** Signals that ask a process to stop. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** One of the signals that ask a process to stop. */
export type StopSignal = (typeof SIGNALS)[number];

/** A terminal and npm both deliver one Ctrl-C, a few milliseconds apart: within this time it is one request. */
const SAME_REQUEST_MS = 500;

/**
 * The first SIGINT, SIGTERM or SIGHUP asks for an orderly stop (`stop`), a later one for an end at once (`force`).
 * Signals within half a second of the first are the same request. They stay taken to the end of the process: a late second delivery
 * must not turn an orderly end into a death by signal.
 */
export class StopSignals {
  readonly #events: { readonly stop: (signal: StopSignal) => void; readonly force: (signal: StopSignal) => void };
  #firstAtMs: number | null = null;

  constructor(events: { stop(signal: StopSignal): void; force(signal: StopSignal): void }) {
    this.#events = events;
    for (const signal of SIGNALS) process.on(signal, () => this.#received(signal));
  }

  #received(signal: StopSignal): void {
    const nowMs = performance.now();
    if (this.#firstAtMs === null) {
      this.#firstAtMs = nowMs;
      this.#events.stop(signal);
    } else if (nowMs - this.#firstAtMs > SAME_REQUEST_MS) {
      this.#events.force(signal);
    }
  }
}
