import type { Driver } from './driver.js';
import { Histogram, type HistogramCounts } from './histogram.js';

/** An operation that failed is followed by the next one after this time: an error that comes at once must not become a busy loop. */
const REST_MS = 20;
/** Between two looks at what is due, with a rate. */
const LOOK_MS = 1;

/** How a driver is kept busy. */
export interface LoadOptions {
  /** Most operations under way. */
  readonly inFlight: number;
  /** Operations to begin per second, whatever becomes of those before (open loop); null: each when another has ended (closed loop). */
  readonly rate: number | null;
}

/** What a load did while it was measured; plain values, for they go to another process. */
export interface LoadReport {
  /** Of the acknowledged ones; with a rate from the moment each was meant to begin, and with the wait so far of those that were due and did not begin. */
  readonly latency: HistogramCounts;
  /** Acknowledged. */
  readonly operations: number;
  /** With a rate: due, and not begun because `inFlight` were under way. */
  readonly behind: number;
  /** Failed ones by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
}

/** Keeps operations of a driver under way and measures those that end while it measures. */
export class Load {
  readonly #driver: Driver;
  readonly #options: LoadOptions;
  #histogram: Histogram | null = null;
  #operations = 0;
  #errors: Record<string, number> = {};
  #measureFromMs = 0;
  #isRunning = false;
  #turn = 0;
  #open = 0;
  #acknowledged = 0;
  #failed = 0;
  /** With a rate: when the first one was meant to begin, and how many began since. */
  #rateFromMs = 0;
  #begun = 0;
  #timer: NodeJS.Timeout | null = null;
  #onIdle: (() => void) | null = null;

  constructor(driver: Driver, options: LoadOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Since the start, whether measured or not. */
  get progress(): { readonly acknowledged: number; readonly failed: number } {
    return { acknowledged: this.#acknowledged, failed: this.#failed };
  }

  /** Since `beginMeasure` an operation was acknowledged or failed. */
  get hasMeasured(): boolean {
    return this.#operations > 0 || Object.keys(this.#errors).length > 0;
  }

  start(): void {
    this.#isRunning = true;
    if (this.#options.rate === null) {
      for (let slot = 0; slot < this.#options.inFlight; slot++) this.#begin(performance.now());
      return;
    }
    this.#rateFromMs = performance.now();
    this.#timer = setInterval(() => this.#beginDue(), LOOK_MS);
  }

  /** From now on, until `endMeasure`. */
  beginMeasure(): void {
    this.#histogram = new Histogram();
    this.#operations = 0;
    this.#errors = {};
    this.#measureFromMs = performance.now();
  }

  endMeasure(): LoadReport {
    const histogram = this.#histogram ?? new Histogram();
    const nowMs = performance.now();
    this.#histogram = null;
    const behind = this.#countBehind(histogram, nowMs);
    return {
      latency: histogram.counts,
      operations: this.#operations,
      behind,
      errors: this.#errors,
      elapsedMs: nowMs - this.#measureFromMs,
    };
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  /** Those that should have begun and could not wait too: left out, they would make the latency look better than a user found it. */
  #countBehind(histogram: Histogram, nowMs: number): number {
    const { rate } = this.#options;
    if (rate === null) return 0;
    const due = this.#dueAt(nowMs, rate) - this.#begun;
    for (let next = this.#begun; next < this.#begun + due; next++) histogram.add(nowMs - this.#intendedMs(next, rate));
    return due;
  }

  #dueAt(nowMs: number, rate: number): number {
    return Math.floor(((nowMs - this.#rateFromMs) * rate) / 1000) + 1;
  }
  #intendedMs(number: number, rate: number): number {
    return this.#rateFromMs + (number * 1000) / rate;
  }

  /** Begins what is due, as far as there is room. The latency counts from when it was due (coordinated omission). */
  #beginDue(): void {
    const { rate, inFlight } = this.#options;
    if (rate === null || !this.#isRunning) return;
    const due = this.#dueAt(performance.now(), rate);
    while (this.#begun < due && this.#open < inFlight) this.#begin(this.#intendedMs(this.#begun++, rate));
  }

  #begin(fromMs: number): void {
    this.#open++;
    this.#driver.call(this.#turn++, (errorCode) => {
      this.#open--;
      if (errorCode === null) this.#succeeded(performance.now() - fromMs);
      else this.#refused(errorCode);
      if (!this.#isRunning && this.#open === 0) this.#onIdle?.();
    });
  }

  #succeeded(ms: number): void {
    this.#acknowledged++;
    if (this.#histogram !== null) {
      this.#histogram.add(ms);
      this.#operations++;
    }
    this.#next();
  }

  #refused(errorCode: string): void {
    this.#failed++;
    if (this.#histogram !== null) this.#errors[errorCode] = (this.#errors[errorCode] ?? 0) + 1;
    setTimeout(() => this.#next(), REST_MS);
  }

  #next(): void {
    if (!this.#isRunning) return;
    if (this.#options.rate === null) this.#begin(performance.now());
    else this.#beginDue();
  }
}
