import type { TimerHandle, Timers } from '@quorate/base';

/**
 * Does something for each of its members again and again: each once in a period, one after another, spread evenly over it. If they are so many that
 * less than the least step would lie between two, the period becomes longer.
 */
export class Rounds {
  readonly #timers: Timers;
  readonly #periodMs: number;
  readonly #stepMs: number;
  /** In the order of their turns. */
  readonly #members = new Set<() => void>();
  #timer: TimerHandle | null = null;

  constructor(timers: Timers, { periodMs, stepMs }: { readonly periodMs: number; readonly stepMs: number }) {
    this.#timers = timers;
    this.#periodMs = periodMs;
    this.#stepMs = stepMs;
  }

  /** Its turn comes for the first time when all others had theirs. Returns how to leave; each member is a function of its own. */
  join(member: () => void): () => void {
    this.#members.add(member);
    this.#plan();
    return () => {
      this.#members.delete(member);
      if (this.#members.size > 0 || this.#timer === null) return;
      this.#timers.clear(this.#timer);
      this.#timer = null;
    };
  }

  #plan(): void {
    if (this.#timer !== null || this.#members.size === 0) return;
    const waitMs = Math.max(this.#stepMs, Math.ceil(this.#periodMs / this.#members.size));
    this.#timer = this.#timers.set(waitMs, () => this.#next());
  }

  #next(): void {
    this.#timer = null;
    const [member] = this.#members;
    if (member !== undefined) {
      this.#members.delete(member);
      this.#members.add(member);
      member();
    }
    this.#plan();
  }
}
