import type { HistoryEvent } from '@quorate/checkers';
import type { MadeCall } from './call-turns.js';
import type { History } from './history.js';
import type { InjectedFault } from './fault-plan.js';

/** Something that a node or client logged. */
export interface LoggedLine {
  readonly atMs: number;
  readonly who: string;
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A process began, ended, was paused or went on. */
export interface LifeEvent {
  readonly atMs: number;
  readonly who: string;
  readonly what: 'started' | 'ended' | 'paused' | 'resumed';
}

/** Bytes on their way between two processes. */
export interface SentMessage {
  readonly from: string;
  readonly to: string;
  readonly bytes: number;
  readonly sentMs: number;
  readonly arrivesMs: number;
}

/** Kept of log lines, lives and messages, each: the newest. */
const KEPT_MAX = 20_000;

/** The newest of a stream of things. */
export class Newest<T> {
  /** Of all that came, also those no longer kept. */
  count = 0;
  readonly #max: number;
  #items: T[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  add(item: T): void {
    this.count++;
    this.#items.push(item);
    if (this.#items.length >= this.#max * 2) this.#items = this.#items.slice(-this.#max);
  }

  /** At most as many as were asked for, in the order in which they came. */
  get items(): readonly T[] {
    return this.#items.slice(-this.#max);
  }
}

/** What happened in a run, for its story: bounded, and written down without changing the run. */
export class RunRecord {
  readonly logged: Newest<LoggedLine> = new Newest(KEPT_MAX);
  readonly lives: Newest<LifeEvent> = new Newest(KEPT_MAX);
  readonly messages: Newest<SentMessage> = new Newest(KEPT_MAX);
  /** Set at the end of the run. */
  nodes: readonly string[] = [];
  clients: readonly string[] = [];
  faults: readonly InjectedFault[] = [];
  calls: readonly MadeCall[] = [];
  events: readonly HistoryEvent[] = [];
  streams: History | null = null;
  endMs = 0;
}
