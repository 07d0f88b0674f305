import type { SimProcess } from './sim-process.js';

/** One thing that will happen at a moment of virtual time. A cleared event has no callback and is skipped. */
export interface SimEvent {
  timeMs: number;
  /** Order among events of the same moment: the one scheduled first goes first. */
  sequence: number;
  /** Null: the world outside all nodes (cables, a nemesis). */
  readonly owner: SimProcess | null;
  /** Waits for a time of its owner's clock, not of the world: it moves when that clock is moved. */
  isTimer: boolean;
  callback: (() => void) | null;
}

/** Binary heap of events by (time, sequence). */
export class EventHeap {
  readonly #events: SimEvent[] = [];

  get size(): number {
    return this.#events.length;
  }

  peek(): SimEvent | undefined {
    return this.#events[0];
  }

  push(event: SimEvent): void {
    const events = this.#events;
    let at = events.length;
    events.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = events[parentAt] as SimEvent;
      if (!isBefore(event, parent)) break;
      events[at] = parent;
      at = parentAt;
    }
    events[at] = event;
  }

  pop(): SimEvent | undefined {
    const events = this.#events;
    const first = events[0];
    const last = events.pop();
    if (first === undefined || last === undefined || first === last) return first;
    this.#sink(0, last);
    return first;
  }

  /** Drops the events that will never run; called when they are many. */
  sweep(isLive: (event: SimEvent) => boolean): void {
    const events = this.#events;
    let kept = 0;
    for (const event of events) if (isLive(event)) events[kept++] = event;
    events.length = kept;
    for (let at = (kept >> 1) - 1; at >= 0; at--) this.#sink(at, events[at] as SimEvent);
  }

  #sink(start: number, event: SimEvent): void {
    const events = this.#events;
    const length = events.length;
    let at = start;
    for (;;) {
      let childAt = at * 2 + 1;
      if (childAt >= length) break;
      let child = events[childAt] as SimEvent;
      if (childAt + 1 < length) {
        const right = events[childAt + 1] as SimEvent;
        if (isBefore(right, child)) {
          child = right;
          childAt++;
        }
      }
      if (!isBefore(child, event)) break;
      events[at] = child;
      at = childAt;
    }
    events[at] = event;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.sequence < b.sequence);
}
