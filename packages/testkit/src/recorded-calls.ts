import type { HistoryEvent, HistoryFields, HistoryValue, ToldEvent } from '@quorate/checkers';

/** A call of a history with its outcome. `startedAt` and `endedAt` are places in the history: infinite if it never ended for certain. */
export interface CallOutcomeOf {
  readonly client: string;
  readonly op: string;
  readonly args: HistoryFields;
  readonly isSequential: boolean;
  readonly startedAt: number;
  readonly startMs: number;
  readonly outcome: 'ok' | 'fail' | 'info';
  readonly endedAt: number;
  readonly result: HistoryValue;
  readonly error: string;
}

/** What happened to one object. */
export interface ObjectHistory {
  readonly calls: readonly CallOutcomeOf[];
  /** With its place in the history. */
  readonly told: readonly { readonly at: number; readonly event: ToldEvent }[];
}

/** The calls of each object, in the order in which they began, and what was told of it. */
export function objectsOf(events: readonly HistoryEvent[]): ReadonlyMap<string, ObjectHistory> {
  const objects = new Map<string, { calls: CallOutcomeOf[]; told: { at: number; event: ToldEvent }[] }>();
  const objectNamed = (name: string): { calls: CallOutcomeOf[]; told: { at: number; event: ToldEvent }[] } => {
    let object = objects.get(name);
    if (object === undefined) objects.set(name, (object = { calls: [], told: [] }));
    return object;
  };
  const open = new Map<number, { -readonly [K in keyof CallOutcomeOf]: CallOutcomeOf[K] }>();
  events.forEach((event, at) => {
    if (event.type === 'invoke') {
      const { client = '', op, args, consistency, timeMs: startMs } = event;
      const isSequential = consistency === 'sequential';
      const ended = { outcome: 'info' as const, endedAt: Number.POSITIVE_INFINITY, result: null, error: '' };
      const call = { client, op, args, isSequential, startedAt: at, startMs, ...ended };
      open.set(event.process, call);
      objectNamed(event.object).calls.push(call);
    } else if (event.type === 'told') {
      objectNamed(event.object).told.push({ at, event });
    } else if (event.type === 'ok' || event.type === 'fail' || event.type === 'info') {
      const call = open.get(event.process);
      open.delete(event.process);
      if (call === undefined) return;
      call.outcome = event.type;
      if (event.type === 'ok') call.result = event.result;
      else call.error = event.error;
      if (event.type !== 'info') call.endedAt = at;
    }
  });
  return objects;
}

/**
 * The highest of some number that was told before a place in the history, or the lowest that is told of what begins after it. Points are
 * given in any order; asked for when all are there.
 */
export class Bounds {
  readonly #points: { readonly at: number; readonly value: number }[] = [];
  readonly #isHighest: boolean;
  #isSorted = false;

  /** `highest`: of the points before a place; `lowest`: of those after it. */
  constructor(kind: 'highest' | 'lowest') {
    this.#isHighest = kind === 'highest';
  }

  add(at: number, value: number): void {
    this.#points.push({ at, value });
    this.#isSorted = false;
  }

  /** Of all points strictly before (or after) the place; without one, `none`. */
  at(place: number, none: number): number {
    if (!this.#isSorted) this.#accumulate();
    // The last point before the place, in the order of this bound.
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const point = this.#points[middle] as { readonly at: number };
      const isWithin = this.#isHighest ? point.at < place : point.at > place;
      if (isWithin) low = middle + 1;
      else high = middle;
    }
    return this.#points[low - 1]?.value ?? none;
  }

  #accumulate(): void {
    const points = this.#points;
    points.sort((a, b) => (this.#isHighest ? a.at - b.at : b.at - a.at));
    for (let i = 1; i < points.length; i++) {
      const [before, point] = [points[i - 1], points[i]] as [{ value: number }, { at: number; value: number }];
      const value = this.#isHighest ? Math.max(before.value, point.value) : Math.min(before.value, point.value);
      points[i] = { at: point.at, value };
    }
    this.#isSorted = true;
  }
}
