import type { TimerHandle, Timers } from '@quorate/base';
import { nodeTimers } from '@quorate/platform-node';

const LONGEST_MS = 0x7fff_ffff;

/**
 * Timers that keep the process alive while one is set: a call that waits between two attempts has no open socket, and a program that
 * awaits it must not end meanwhile. An idle client sets none.
 */
export class HoldingTimers implements Timers {
  readonly #pending = new Set<TimerHandle>();
  #hold: NodeJS.Timeout | null = null;

  set(delayMs: number, callback: () => void): TimerHandle {
    const handle = nodeTimers.set(delayMs, () => {
      this.#release(handle);
      callback();
    });
    this.#pending.add(handle);
    this.#hold ??= setInterval(() => {}, LONGEST_MS);
    return handle;
  }

  clear(handle: TimerHandle): void {
    nodeTimers.clear(handle);
    this.#release(handle);
  }

  defer(callback: () => void): void {
    nodeTimers.defer(callback);
  }

  soon(callback: () => void): void {
    nodeTimers.soon(callback);
  }

  #release(handle: TimerHandle): void {
    this.#pending.delete(handle);
    if (this.#pending.size > 0 || this.#hold === null) return;
    clearInterval(this.#hold);
    this.#hold = null;
  }
}
