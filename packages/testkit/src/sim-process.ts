import type { Clock, TimerHandle, Timers } from '@quorate/base';
import type { SimEvent } from './event-heap.js';
import type { SimScheduler } from './scheduler.js';

/** How fast a node's monotonic clock runs and where it starts. */
export interface ClockSkew {
  /** Local milliseconds per true millisecond; 1 by default. */
  readonly rate?: number;
  /** Local time at the process's start; the monotonic clock of a restarted machine starts anew. */
  readonly startMs?: number;
  /** Added to the wall clock. */
  readonly wallOffsetMs?: number;
}

/**
 * One life of a process on a simulated node: its clock, its timers and its fate. A restart is a new `SimProcess`.
 *
 * Events that become due while the process is paused (SIGSTOP) or stalled (a slow synchronous call) are held in order and run afterwards.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Due events that wait for the end of a pause or stall, in order. The scheduler works on it. */
  readonly held: SimEvent[] = [];
  readonly #scheduler: SimScheduler;
  readonly #onKilled: (() => void)[] = [];
  #isAlive = true;
  #isPaused = false;
  #busyUntilMs = 0;
  #isReleaseScheduled = false;

  constructor(scheduler: SimScheduler, name: string, skew: ClockSkew = {}) {
    this.name = name;
    this.#scheduler = scheduler;
    const rate = skew.rate ?? 1;
    const bornMs = scheduler.nowMs;
    const startMs = skew.startMs ?? 0;
    const wallStartMs = scheduler.wallStartMs + (skew.wallOffsetMs ?? 0);
    this.clock = {
      nowMs: () => startMs + (this.nowMs - bornMs) * rate,
      wallMs: () => wallStartMs + this.nowMs,
    };
    // A skewed clock rounds; one tick more keeps "at least delayMs" true by its own reading.
    const extraMs = rate === 1 ? 0 : 1 / 1024;
    this.timers = {
      set: (delayMs, callback): TimerHandle =>
        scheduler.schedule(this.nowMs + Math.max(0, delayMs) / rate + extraMs + scheduler.timerSlackMs(), callback, this),
      clear: (handle) => scheduler.cancel(handle as SimEvent),
      defer: (callback) => void scheduler.defer(callback, this),
      // Perhaps after an event that was ready: one of the orders that may be.
      soon: (callback) => void scheduler.defer(callback, this),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }
  get isPaused(): boolean {
    return this.#isPaused;
  }
  /** True time as this process can have it: a stalled one is already at the end of its stall. */
  get nowMs(): number {
    return Math.max(this.#scheduler.nowMs, this.#busyUntilMs);
  }
  /** True if its due events must wait. */
  get mustHold(): boolean {
    return this.#isPaused || this.#busyUntilMs > this.#scheduler.nowMs;
  }

  /** As `timers.defer`; the event does nothing once its callback is null. */
  defer(callback: () => void): SimEvent {
    return this.#scheduler.defer(callback, this);
  }

  /** Runs when the process dies, in order of registration, before anything else happens. */
  onKilled(callback: () => void): void {
    this.#onKilled.push(callback);
  }

  /** The end of this life: no timer or event of it ever runs again. */
  kill(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.held.length = 0;
    this.#scheduler.lived(this, 'ended');
    for (const callback of this.#onKilled) callback();
  }

  /** SIGSTOP. */
  pause(): void {
    if (!this.#isPaused && this.#isAlive) this.#scheduler.lived(this, 'paused');
    this.#isPaused = true;
  }

  /** SIGCONT: everything held runs now, in order. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#isAlive) this.#scheduler.lived(this, 'resumed');
    this.#scheduleRelease();
  }

  /** The process does nothing else for `ms` (a synchronous call that takes time); its clock is at once at the end of it. */
  stall(ms: number): void {
    if (ms <= 0 || !this.#isAlive) return;
    this.#busyUntilMs = this.nowMs + ms;
    this.#scheduleRelease();
  }

  #scheduleRelease(): void {
    if (this.#isReleaseScheduled) return;
    this.#isReleaseScheduled = true;
    this.#scheduler.schedule(this.nowMs, () => this.#release(), null);
  }

  #release(): void {
    this.#isReleaseScheduled = false;
    if (!this.#isAlive || this.#isPaused) return;
    if (this.mustHold) this.#scheduleRelease();
    else for (let i = this.held.length; i > 0; i--) this.#scheduler.scheduleHeld(this);
  }
}
