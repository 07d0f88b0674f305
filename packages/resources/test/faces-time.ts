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
  /** A binary heap. */
  readonly #planned: Planned[] = [];

  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return this.#nowMs;
  }

  set(delayMs: number, run: () => void): TimerHandle {
    const planned = { atMs: this.#nowMs + delayMs, order: ++this.#order, run, isCleared: false };
    let at = this.#planned.push(planned) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) break;
      this.#swap(at, parent);
      at = parent;
    }
    return planned;
  }
  clear(handle: TimerHandle): void {
    (handle as Planned).isCleared = true;
  }
  soon(run: () => void): void {
    this.defer(run);
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

  /** The same without a turn for promises in between. */
  rush(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (this.#run(endMs));
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
    return this.#run(endMs);
  }

  #run(endMs: number): boolean {
    while (this.#planned[0]?.isCleared === true) this.#pop();
    const [next] = this.#planned;
    if (next === undefined || next.atMs > endMs) return false;
    this.#pop();
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.run();
    return true;
  }

  #pop(): void {
    this.#swap(0, this.#planned.length - 1);
    this.#planned.pop();
    for (let at = 0; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (child < this.#planned.length && this.#isBefore(child, first)) first = child;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#planned[a] as Planned;
    const y = this.#planned[b] as Planned;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const kept = this.#planned[a] as Planned;
    this.#planned[a] = this.#planned[b] as Planned;
    this.#planned[b] = kept;
  }
}

/** Lets all promises go on that can. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
