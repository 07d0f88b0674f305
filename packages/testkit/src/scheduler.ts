import { type Random, randomUnit } from '@quorate/base';
import { EventHeap, type SimEvent } from './event-heap.js';
import { SimulatedCrash, SimulationFault } from './faults.js';
import type { LifeEvent } from './run-record.js';
import { type ClockSkew, SimProcess } from './sim-process.js';
import { TraceHash } from './trace-hash.js';

/** Bounds and disturbances of a simulation's time; all may be left out. Times in ms. */
export interface SimSchedulerOptions {
  /** Steps after which the simulation fails loudly instead of running for ever. Default 50 million. */
  readonly stepsMax?: number;
  /** Random lateness of timers, 0 to this many ms. Default 0. Needs `random`. */
  readonly timerSlackMs?: number;
  readonly random?: Random;
  /** Added to every message of a failure: how to repeat the run. */
  readonly label?: string;
  /** Told of each process that begins, ends, is paused or goes on. */
  readonly lives?: (who: string, what: LifeEvent['what']) => void;
}

/** Wall clock at virtual time 0: a fixed moment, so that runs are equal. */
const WALL_START_MS = 1_750_000_000_000;

const TICKS_PER_MS = 1024;

/**
 * Virtual time and everything that happens in it. Events run one at a time, by time, then in the order they were scheduled.
 * Nothing depends on real time, so the same seed gives the same run.
 */
export class SimScheduler {
  readonly trace: TraceHash = new TraceHash();
  readonly wallStartMs: number = WALL_START_MS;
  readonly #heap = new EventHeap();
  /** Deferred events of this moment: always in order of sequence, so no heap is needed. */
  #deferred: SimEvent[] = [];
  #deferredAt = 0;
  readonly #stepsMax: number;
  readonly #slackMs: number;
  readonly #random: Random | undefined;
  readonly #label: string;
  readonly #lives: SimSchedulerOptions['lives'];
  #nowMs = 0;
  #sequence = 0;
  #steps = 0;
  #cancelled = 0;
  #lastOwner: SimProcess | null = null;

  constructor(options: SimSchedulerOptions = {}) {
    this.#stepsMax = options.stepsMax ?? 50_000_000;
    this.#slackMs = options.timerSlackMs ?? 0;
    this.#random = options.random;
    this.#label = options.label ?? '';
    this.#lives = options.lives;
  }

  /** True virtual time in ms since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }
  /** Events run so far. */
  get steps(): number {
    return this.#steps;
  }
  /** On whose behalf the last event ran; null: the world's. Code of promises has its turn after an event of its process. */
  get lastOwner(): SimProcess | null {
    return this.#lastOwner;
  }
  /** Hash of all events run so far and of what was mixed into `trace`. */
  get traceHash(): string {
    return this.trace.digest;
  }

  /** A new life of a process on the node of that name. */
  forNode(name: string, skew: ClockSkew = {}): SimProcess {
    const process = new SimProcess(this, name, skew);
    this.lived(process, 'started');
    return process;
  }

  /** Tells of the life of a process. */
  lived({ name }: SimProcess, what: LifeEvent['what']): void {
    this.#lives?.(name, what);
  }

  /** Random lateness of one timer in ms. */
  timerSlackMs(): number {
    return this.#slackMs > 0 && this.#random !== undefined ? randomUnit(this.#random) * this.#slackMs : 0;
  }

  /**
   * Runs `callback` at a moment (now, if that is past), on behalf of a process or of the world (null).
   * Moments are whole multiples of 1/1024 ms, rounded up: sums and differences are then exact, and a timer never fires "just before" its time.
   */
  schedule(timeMs: number, callback: () => void, owner: SimProcess | null): SimEvent {
    const event: SimEvent = {
      timeMs: this.#tick(timeMs),
      sequence: this.#sequence++,
      owner,
      isTimer: false,
      callback,
    };
    this.#heap.push(event);
    return event;
  }

  /** Runs `callback` after all events that are due at this moment already. */
  defer(callback: () => void, owner: SimProcess | null): SimEvent {
    if (owner !== null && owner.nowMs > this.#nowMs) return this.schedule(owner.nowMs, callback, owner);
    const event: SimEvent = { timeMs: this.#nowMs, sequence: this.#sequence++, owner, isTimer: false, callback };
    this.#deferred.push(event);
    return event;
  }

  /** Lets one held event of a process run at this moment, whichever is first in its order then. */
  scheduleHeld(owner: SimProcess): void {
    this.#deferred.push({ timeMs: this.#nowMs, sequence: this.#sequence++, owner, isTimer: false, callback: null });
  }

  /** The event will not run. Harmless if it has. */
  cancel(event: SimEvent): void {
    if (event.callback === null) return;
    event.callback = null;
    this.#cancelled++;
    if (this.#cancelled > 1024 && this.#cancelled > this.#heap.size >> 1) {
      this.#heap.sweep((candidate) => candidate.callback !== null && candidate.owner?.isAlive !== false);
      this.#cancelled = 0;
    }
  }

  /** The clock of a process was moved: each of its timers that wait is due at `moved` of the time it had. */
  moveTimers(owner: SimProcess, moved: (timeMs: number) => number): void {
    this.#heap.sweep((event) => {
      if (event.owner === owner && event.isTimer) event.timeMs = this.#tick(moved(event.timeMs));
      return event.callback !== null && event.owner?.isAlive !== false;
    });
    this.#cancelled = 0;
  }

  /** The moment at which something due then runs: a whole tick, not in the past. */
  #tick(timeMs: number): number {
    return Math.max(Math.ceil(timeMs * TICKS_PER_MS) / TICKS_PER_MS, this.#nowMs);
  }

  /** Runs the next event; false if there is none. */
  step(): boolean {
    return this.#stepUpTo(Number.POSITIVE_INFINITY);
  }

  /** Runs all events of the next `ms` milliseconds; afterwards that much time has passed. */
  runFor(ms: number): void {
    const endMs = Math.ceil((this.#nowMs + ms) * TICKS_PER_MS) / TICKS_PER_MS;
    while (this.#stepUpTo(endMs));
    this.#nowMs = endMs;
  }

  /** Runs until the condition holds; fails with `what` if it does not within that much virtual time. */
  runUntil(condition: () => boolean, options: { readonly withinMs: number; readonly what: string }): void {
    const endMs = Math.ceil((this.#nowMs + options.withinMs) * TICKS_PER_MS) / TICKS_PER_MS;
    while (!condition()) {
      if (this.#stepUpTo(endMs)) continue;
      this.#nowMs = endMs;
      if (condition()) return;
      throw this.fault(`not within ${options.withinMs} virtual ms: ${options.what}`);
    }
  }

  /** A failure with the label of this run. */
  fault(message: string): SimulationFault {
    return new SimulationFault(
      `${message} [at ${this.#nowMs.toFixed(3)} ms, step ${this.#steps}${this.#label === '' ? '' : `, ${this.#label}`}]`,
    );
  }

  /** Takes the next due event in order, or undefined if none is due by `endMs`. */
  #next(endMs: number): SimEvent | undefined {
    const top = this.#heap.peek();
    const deferred = this.#deferred[this.#deferredAt];
    if (deferred !== undefined) {
      if (top !== undefined && top.timeMs <= deferred.timeMs && top.sequence < deferred.sequence) return this.#heap.pop();
      this.#deferredAt++;
      if (this.#deferredAt === this.#deferred.length) {
        this.#deferred = [];
        this.#deferredAt = 0;
      }
      return deferred;
    }
    return top !== undefined && top.timeMs <= endMs ? this.#heap.pop() : undefined;
  }

  #stepUpTo(endMs: number): boolean {
    for (;;) {
      const event = this.#next(endMs);
      if (event === undefined) return false;
      if (event.timeMs > this.#nowMs) this.#nowMs = event.timeMs;
      if (this.#execute(event)) return true;
    }
  }

  /** Runs an event unless its owner is dead or must wait; true if something ran. */
  #execute(scheduled: SimEvent): boolean {
    let event = scheduled;
    const owner = event.owner;
    if (owner !== null) {
      if (!owner.isAlive) return false;
      if (owner.mustHold) {
        if (event.callback !== null) owner.held.push(event);
        return false;
      }
      if (owner.held.length > 0) {
        // What was held goes first: this event takes its place at the end of the line and the head of it runs now.
        if (event.callback !== null) owner.held.push(event);
        event = owner.held.shift() as SimEvent;
      }
    }
    const callback = event.callback;
    if (callback === null) {
      if (this.#cancelled > 0) this.#cancelled--;
      return false;
    }
    event.callback = null;
    this.#lastOwner = owner;
    this.#steps++;
    if (this.#steps > this.#stepsMax) throw this.fault(`more than ${this.#stepsMax} steps: it does not come to rest`);
    this.trace.mix(this.#nowMs);
    this.trace.mix(event.sequence);
    try {
      callback();
    } catch (thrown) {
      // The process died inside this call, on purpose: its disk has told the harness.
      if (!(thrown instanceof SimulatedCrash)) throw thrown;
    }
    return true;
  }
}
