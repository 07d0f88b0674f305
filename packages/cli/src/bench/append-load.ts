import { setTimeout as delay } from 'node:timers/promises';
import type { ErrorCode } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import { Histogram } from './histogram.js';

export interface LoadOptions {
  readonly clients: readonly QuorateClient[];
  readonly streams: readonly string[];
  readonly inFlight: number;
  readonly recordBytes: number;
}

/** A slot whose append failed rests this long: an error that comes at once must not become a busy loop. */
const REST_MS = 20;

/** Keeps a number of appends under way, over connections and streams in turn, and measures those that end while it measures. */
export class AppendLoad {
  readonly #options: LoadOptions;
  readonly #record: readonly Uint8Array[];
  #histogram: Histogram | null = null;
  #isRunning = false;
  #turn = 0;
  #open = 0;
  #onIdle: (() => void) | null = null;
  readonly errors: Map<ErrorCode, number> = new Map();

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#record = [new Uint8Array(options.recordBytes).fill(0x71)];
  }

  start(): void {
    this.#isRunning = true;
    for (let slot = 0; slot < this.#options.inFlight; slot++) this.#next();
  }

  /** From now on until `endMeasure`. */
  beginMeasure(): void {
    this.#histogram = new Histogram();
  }
  endMeasure(): Histogram {
    const measured = this.#histogram ?? new Histogram();
    this.#histogram = null;
    return measured;
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    if (this.#open > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #next(): void {
    const { clients, streams } = this.#options;
    const turn = this.#turn++;
    const client = clients[turn % clients.length] as QuorateClient;
    const stream = streams[turn % streams.length] as string;
    const startMs = performance.now();
    this.#open++;
    client.core.append(stream, this.#record, {}, (error) => {
      this.#open--;
      if (error === null) {
        this.#histogram?.add(performance.now() - startMs);
        this.#again();
      } else {
        this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
        void delay(REST_MS).then(() => this.#again());
      }
    });
  }

  #again(): void {
    if (this.#isRunning) this.#next();
    else if (this.#open === 0) this.#onIdle?.();
  }
}
