import type { Timers } from '@quorate/base';

/** Something with bytes that are to go out at the end of the turn. */
export interface Flushable {
  flush(): void;
}

/** Something that is to be done once at the end of a turn, however often it is planned. */
export interface TurnStep {
  plan(): void;
}

/**
 * What a client does once at the end of a turn, whatever was called in it: first the steps, which send what was gathered, then one write for each
 * connection. One callback of the event loop for all of it.
 */
export class TurnEnd {
  readonly #timers: Timers;
  readonly #end = (): void => this.#run();
  #steps: (() => void)[] = [];
  #outputs: Flushable[] = [];
  #isPlanned = false;

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Something to be planned: it runs at the end of the turn, or of the next one if this one is being ended. */
  step(run: () => void): TurnStep {
    let isPlanned = false;
    const step = (): void => {
      isPlanned = false;
      run();
    };
    return {
      plan: () => {
        if (isPlanned) return;
        isPlanned = true;
        this.#steps.push(step);
        this.#need();
      },
    };
  }

  /** Flushes `output` at the end of this turn, after the steps. */
  wrote(output: Flushable): void {
    this.#outputs.push(output);
    this.#need();
  }

  #need(): void {
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#timers.defer(this.#end);
  }

  #run(): void {
    const steps = this.#steps;
    this.#steps = [];
    let at = 0;
    try {
      while (at < steps.length) (steps[at++] as () => void)();
    } finally {
      this.#isPlanned = false;
      this.#flush();
      // What a step planned, or one that threw left undone, belongs to the next turn.
      if (at < steps.length) this.#steps = [...steps.slice(at), ...this.#steps];
      if (this.#steps.length > 0) this.#need();
    }
  }

  #flush(): void {
    const outputs = this.#outputs;
    this.#outputs = [];
    for (const output of outputs) output.flush();
  }
}
