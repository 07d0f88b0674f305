/** How often in a turn callbacks that came meanwhile are run: as many as one thing brings about after the other, and no more. */
const PASSES_MAX = 4;

/**
 * What was deferred to the end of a turn of the event loop, run from one `setImmediate`. Each further one would be another look at the
 * sockets, which costs a system call or two, and what it is for would wait meanwhile.
 */
export class DeferredCalls {
  readonly #plan: (run: () => void) => void;
  readonly #run = (): void => this.#runAll();
  #deferred: (() => void)[] = [];
  #soon: (() => void)[] = [];
  #isPlanned = false;

  /** `plan` calls back after the events that are ready now were handled. */
  constructor(plan: (run: () => void) => void) {
    this.#plan = plan;
  }

  /** Runs at the end of this turn; of the next one if this one is ending. */
  defer(callback: () => void): void {
    this.#deferred.push(callback);
    this.#planRun();
  }

  /** Runs at the end of this turn, even if it is ending, behind all that was deferred. */
  soon(callback: () => void): void {
    this.#soon.push(callback);
    this.#planRun();
  }

  #planRun(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#plan(this.#run);
  }

  #runAll(): void {
    const deferred = this.#deferred;
    this.#deferred = [];
    try {
      this.#runList(deferred);
      for (let pass = 0; pass < PASSES_MAX && this.#soon.length > 0; pass++) {
        const soon = this.#soon;
        this.#soon = [];
        this.#runList(soon);
      }
    } finally {
      this.#isPlanned = false;
      if (this.#deferred.length > 0 || this.#soon.length > 0) this.#planRun();
    }
  }

  /** If one throws, those behind it come in the next turn, before all others. */
  #runList(list: readonly (() => void)[]): void {
    let count = 0;
    try {
      while (count < list.length) (list[count++] as () => void)();
    } finally {
      if (count < list.length) this.#deferred.unshift(...list.slice(count));
    }
  }
}
