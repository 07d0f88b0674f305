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

/** The smallest piece of simulated time. */
const TICK_MS = 1 / 1024;

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
  /** The clock read `#localMs` at the true time `#sinceMs` (not yet reached: it stands still until then) and runs at `#rate` from there on. */
  #localMs: number;
  #sinceMs: number;
  #rate: number;
  #wallOffsetMs: number;
  #isReleaseScheduled = false;

  constructor(scheduler: SimScheduler, name: string, skew: ClockSkew = {}) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#rate = skew.rate ?? 1;
    this.#sinceMs = scheduler.nowMs;
    this.#localMs = skew.startMs ?? 0;
    this.#wallOffsetMs = skew.wallOffsetMs ?? 0;
    this.clock = {
      nowMs: () => this.#readMs(),
      wallMs: () => scheduler.wallStartMs + this.#wallOffsetMs + this.nowMs,
    };
    this.timers = {
      set: (delayMs, callback): TimerHandle => {
        const event = scheduler.schedule(this.#dueMs(Math.max(0, delayMs)) + scheduler.timerSlackMs(), callback, this);
        event.isTimer = true;
        return event;
      },
      clear: (handle) => scheduler.cancel(handle as SimEvent),
      defer: (callback) => void scheduler.defer(callback, this),
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

  /** The monotonic clock is ahead by `ms` more, all at once: timers that were due meanwhile are due now. */
  jumpClock(ms: number): void {
    this.#rebase();
    this.#localMs += ms;
    this.#scheduler.moveTimers(this, (timeMs) => timeMs - ms / this.#rate);
  }

  /**
   * The monotonic clock stands still for `ms` of true time, also for timers (and for what is simulated by them, such as the time that its disk
   * takes), and goes on from where it stood. It must not stand still already.
   */
  freezeClock(ms: number): void {
    this.#rebase();
    this.#sinceMs += ms;
    this.#scheduler.moveTimers(this, (timeMs) => timeMs + ms);
  }

  /** The monotonic clock goes on now, if it stands still. */
  thawClock(): void {
    const leftMs = this.#sinceMs - this.nowMs;
    if (leftMs <= 0) return;
    this.#sinceMs = this.nowMs;
    this.#scheduler.moveTimers(this, (timeMs) => timeMs - leftMs);
  }

  get isClockFrozen(): boolean {
    return this.#sinceMs > this.nowMs;
  }

  /** The monotonic clock runs at another rate from now on. */
  driftClock(rate: number): void {
    this.#rebase();
    const before = this.#rate;
    const fromMs = Math.max(this.nowMs, this.#sinceMs);
    this.#rate = rate;
    this.#scheduler.moveTimers(this, (timeMs) => (timeMs <= fromMs ? timeMs : fromMs + ((timeMs - fromMs) * before) / rate + TICK_MS));
  }

  /** The time of day is changed, either way. Timers do not care. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Its own clock: stands still until `#sinceMs`. */
  #readMs(): number {
    return this.#localMs + Math.max(0, this.nowMs - this.#sinceMs) * this.#rate;
  }

  /** True time at which `delayMs` have passed by its own clock. A clock that runs apart rounds; one tick more keeps "at least delayMs" true. */
  #dueMs(delayMs: number): number {
    return Math.max(this.nowMs, this.#sinceMs) + delayMs / this.#rate + (this.#rate === 1 ? 0 : TICK_MS);
  }

  /** What it reads stays as it is; a standstill that is not over stays so. */
  #rebase(): void {
    const { nowMs } = this;
    if (nowMs <= this.#sinceMs) return;
    this.#localMs = this.#readMs();
    this.#sinceMs = nowMs;
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
