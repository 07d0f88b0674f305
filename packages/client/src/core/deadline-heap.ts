import type { Clock, TimerHandle, Timers } from '@quorate/base';
import { DeadlineQueue, IN_QUEUE } from './deadline-queue.js';

/** Something that wants to be called at a moment. */
export interface Deadline {
  /** Only the heap and its queue write these two. */
  dueMs: number;
  /** Place in the heap; -1 if it is not in it; `IN_QUEUE`. */
  heapAt: number;
  /** The moment has come; it is no longer in the heap. */
  expire(nowMs: number): void;
}

/** All deadlines of a client with one timer: in a binary heap those that are moved, in a queue those of calls. */
export class DeadlineHeap {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #heap: Deadline[] = [];
  readonly #queue = new DeadlineQueue();
  #timer: TimerHandle | null = null;
  #timerDueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#heap.length + this.#queue.size;
  }

  /** Places in memory, of those that have left too. */
  get places(): number {
    return this.#heap.length + this.#queue.places;
  }

  /** Adds what is new and is never moved: costs next to nothing if it is due after the others that were added so. Infinity: never. */
  setOnce(entry: Deadline, dueMs: number): void {
    if (dueMs === Number.POSITIVE_INFINITY) return;
    entry.dueMs = dueMs;
    if (!this.#queue.add(entry)) this.set(entry, dueMs);
    else if (dueMs < this.#timerDueMs) this.#arm();
  }

  /** Adds it, or moves it to another moment. Infinity: never. */
  set(entry: Deadline, dueMs: number): void {
    if (dueMs === Number.POSITIVE_INFINITY) {
      this.clear(entry);
      return;
    }
    entry.dueMs = dueMs;
    if (entry.heapAt < 0) {
      entry.heapAt = this.#heap.length;
      this.#heap.push(entry);
      this.#up(entry.heapAt);
    } else {
      this.#up(entry.heapAt);
      this.#down(entry.heapAt);
    }
    this.#arm();
  }

  /** Harmless if it is not there. */
  clear(entry: Deadline): void {
    const at = entry.heapAt;
    if (at < 0) {
      if (at === IN_QUEUE) this.#queue.remove(entry);
      return;
    }
    entry.heapAt = -1;
    const last = this.#heap.pop() as Deadline;
    if (last === entry) return;
    last.heapAt = at;
    this.#heap[at] = last;
    this.#up(at);
    this.#down(last.heapAt);
  }

  /** Forgets all and stops the timer. */
  close(): void {
    for (const entry of this.#heap) entry.heapAt = -1;
    this.#heap.length = 0;
    this.#queue.clear();
    if (this.#timer !== null) this.#timers.clear(this.#timer);
    this.#timer = null;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
  }

  #first(): Deadline | undefined {
    const heap = this.#heap[0];
    const queue = this.#queue.first;
    return heap === undefined || (queue !== undefined && queue.dueMs < heap.dueMs) ? queue : heap;
  }

  // A timer that is early costs one look; it is moved only if something is due before it.
  #arm(): void {
    const first = this.#first();
    if (first === undefined || first.dueMs >= this.#timerDueMs) return;
    if (this.#timer !== null) this.#timers.clear(this.#timer);
    this.#timerDueMs = first.dueMs;
    this.#timer = this.#timers.set(Math.max(0, first.dueMs - this.#clock.nowMs()), () => this.#fire());
  }

  #fire(): void {
    this.#timer = null;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    for (;;) {
      const first = this.#first();
      if (first === undefined || first.dueMs > nowMs) break;
      this.clear(first);
      first.expire(nowMs);
    }
    this.#arm();
  }

  #up(from: number): void {
    const heap = this.#heap;
    let at = from;
    const entry = heap[at] as Deadline;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Deadline;
      if (parent.dueMs <= entry.dueMs) break;
      heap[at] = parent;
      parent.heapAt = at;
      at = above;
    }
    heap[at] = entry;
    entry.heapAt = at;
  }

  #down(from: number): void {
    const heap = this.#heap;
    let at = from;
    const entry = heap[at] as Deadline;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as Deadline).dueMs < (heap[below] as Deadline).dueMs) below += 1;
      const child = heap[below] as Deadline;
      if (child.dueMs >= entry.dueMs) break;
      heap[at] = child;
      child.heapAt = at;
      at = below;
    }
    heap[at] = entry;
    entry.heapAt = at;
  }
}
