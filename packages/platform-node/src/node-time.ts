import { performance } from 'node:perf_hooks';
import { type Clock, type TimerHandle, type Timers, invariant } from '@quorate/base';
import { DeferredCalls } from './deferred-calls.js';

/** The clocks of the machine. `nowMs` counts from the start of the process, with fractions. */
export const nodeClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
};

/** Longest delay that Node's timers can take; longer ones are waited for in pieces. */
const DELAY_MS_MAX = 0x7fff_ffff;

class NodeTimer {
  readonly #dueMs: number;
  readonly #callback: () => void;
  #timeout: NodeJS.Timeout;

  constructor(delayMs: number, callback: () => void) {
    this.#dueMs = performance.now() + delayMs;
    this.#callback = callback;
    this.#timeout = this.#arm(delayMs);
  }

  clear(): void {
    clearTimeout(this.#timeout);
  }

  #arm(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#fire(), Math.min(DELAY_MS_MAX, Math.ceil(delayMs))).unref();
  }

  /** Node counts from the start of its turn and in whole ms, so it may call some ms early; a lease must not end early. */
  #fire(): void {
    const leftMs = this.#dueMs - performance.now();
    if (leftMs > 0) this.#timeout = this.#arm(leftMs);
    else this.#callback();
  }
}

const turns = new DeferredCalls((run) => setImmediate(run));

/** Timers of the event loop. They do not keep the process alive; a listening socket does. */
export const nodeTimers: Timers = {
  set(delayMs: number, callback: () => void): TimerHandle {
    invariant(!Number.isNaN(delayMs), 'a delay is a number');
    return new NodeTimer(Math.max(0, delayMs), callback);
  },
  clear(handle: TimerHandle): void {
    (handle as NodeTimer).clear();
  },
  defer(callback: () => void): void {
    turns.defer(callback);
  },
  soon(callback: () => void): void {
    turns.soon(callback);
  },
};
