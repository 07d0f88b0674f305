import type { Clock, TimerHandle, Timers } from '@quorate/base';

interface Planned {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  isCleared: boolean;
}

/** Time that passes only when nothing else is to be done; promises get their turn between any two events. */
export class VirtualTime implements Clock, Timers {
  #nowMs = 1000;
  #order = 0;
  #planned: Planned[] = [];

  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return this.#nowMs;
  }

  set(delayMs: number, run: () => void): TimerHandle {
    const planned = { atMs: this.#nowMs + delayMs, order: ++this.#order, run, isCleared: false };
    this.#planned.push(planned);
    return planned;
  }
  clear(handle: TimerHandle): void {
    (handle as Planned).isCleared = true;
  }
  defer(run: () => void): void {
    this.set(0, run);
  }

  /** Runs what is planned up to a moment, which it then is. */
  async runFor(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    while (await this.#step(endMs));
    this.#nowMs = endMs;
  }

  /** Runs until a promise is settled, and gives what it gives. Throws if nothing more is planned, or after an hour. */
  async until<T>(promise: PromiseLike<T>): Promise<T> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    promise.then(settled, settled);
    const endMs = this.#nowMs + 3_600_000;
    for (;;) {
      await turn();
      if (isSettled) return promise;
      if (!(await this.#step(endMs))) throw new Error(`nothing more is planned at ${this.#nowMs} ms, and it is not settled`);
    }
  }

  async #step(endMs: number): Promise<boolean> {
    await turn();
    this.#planned = this.#planned.filter(({ isCleared }) => !isCleared);
    let next: Planned | undefined;
    for (const planned of this.#planned) {
      if (next === undefined || planned.atMs < next.atMs || (planned.atMs === next.atMs && planned.order < next.order)) next = planned;
    }
    if (next === undefined || next.atMs > endMs) return false;
    next.isCleared = true;
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
    return true;
  }
}

/** Lets all promises go on that can. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
