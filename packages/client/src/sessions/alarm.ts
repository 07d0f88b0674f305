import type { CallContext } from '../core/call.js';
import type { Deadline } from '../core/deadline-heap.js';

/** One moment in the deadline heap of a client, to be moved as often as one likes. */
export class Alarm implements Deadline {
  dueMs = 0;
  heapAt = -1;
  readonly #context: CallContext;
  readonly #callback: (nowMs: number) => void;

  constructor(context: CallContext, callback: (nowMs: number) => void) {
    this.#context = context;
    this.#callback = callback;
  }

  get isSet(): boolean {
    return this.heapAt >= 0;
  }
  /** Calls back after `delayMs`; replaces the moment that was set before. */
  set(delayMs: number): void {
    this.#context.deadlines.set(this, this.#context.settings.clock.nowMs() + delayMs);
  }
  /** Calls back at this moment of the client's clock; replaces the one that was set before. */
  setAt(dueMs: number): void {
    this.#context.deadlines.set(this, dueMs);
  }
  clear(): void {
    this.#context.deadlines.clear(this);
  }
  expire(nowMs: number): void {
    this.#callback(nowMs);
  }
}
