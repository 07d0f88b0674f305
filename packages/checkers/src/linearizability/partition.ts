// Linearizability of one partition, event by event.
//
// What is searched is that of Wing and Gong, with Lowe's two savings: pasts that agree in their state and in the set of calls that have happened
// are one, and a call is made to happen only when an answer needs it ("just in time"): at the answer of call c, every past must have c, so those
// without it are extended by open calls, c last. All pasts are carried on side by side, so nothing has to be remembered of the calls before,
// and a history of any length is judged in the memory of what is open.
//
// Results are known before they are needed: an answer is judged only when all calls that began before it have ended.
//
// Three more savings, each of which loses no past that matters:
// - a call that can happen and never changes anything happens at once: everything that could follow still can;
// - a call whose result gives its place waits for those with lower places;
// - an unknown call (it may happen at any time, or never) happens only where another needs it, if the model allows (`Model.unknowns`), and
//   of two pasts that differ only in unknown calls used, the one that used less is enough;
// - where other rules see to it that each unknown call is used once (maps: a value has one version), none is counted as used (`Model.unnamed`).
import type { Call } from '../history/call.js';
import type { HistoryValue } from '../history/event.js';
import type { Model } from './model.js';
import { type Past, PastSet } from './past.js';
import { NONE_USED, UnknownCalls, type UsedCalls, using } from './unknown-calls.js';

/** Bounds of the search. */
export interface SearchLimits {
  /** Pasts side by side. */
  readonly pastsMax: number;
  /** Steps of the model for one answer. */
  readonly stepsMax: number;
}

/** How a partition ended that could not be judged to its end. */
export interface Stuck {
  readonly type: 'violation' | 'undecided';
  readonly call: Call;
  /** Calls explained before it. */
  readonly explained: number;
  /** States that the pasts before it led to. */
  readonly states: readonly string[];
  readonly recent: readonly Call[];
  readonly open: readonly Call[];
  readonly unknown: readonly string[];
}

interface QueuedEvent {
  readonly call: Call;
  readonly isReturn: boolean;
}

const RECENT_MAX = 8;
const SHOWN_MAX = 8;
const FORGET_MIN = 16;
/** Unknown calls in a row of which none is counted: an entry is written, expires, is written again and changed, and one to spare. */
const UNNAMED_MAX = 5;

class TooManySteps extends Error {}

/** One part of an object, judged on its own. */
export class Partition<S> {
  readonly #model: Model<S>;
  readonly #limits: SearchLimits;
  readonly #unknown = new UnknownCalls();
  readonly #queue: QueuedEvent[] = [];
  #head = 0;
  #pasts: Past<S>[];
  /** Calls that have begun and whose answer was not judged, by slot. */
  readonly #open: (Call | null)[] = [];
  #openCount = 0;
  #unresolved = 0;
  #recent: Call[] = [];
  #recentAt = 0;
  #explained = 0;
  #steps = 0;
  #stuck: Stuck | null = null;
  #forgetAt = FORGET_MIN;

  constructor(model: Model<S>, limits: SearchLimits) {
    this.#model = model;
    this.#limits = limits;
    this.#pasts = [{ state: model.initial, happened: 0n, used: NONE_USED }];
  }

  /** Calls explained. */
  get explained(): number {
    return this.#explained;
  }
  /** Why it was given up; null while all is well. */
  get stuck(): Stuck | null {
    return this.#stuck;
  }
  /** Pasts carried on now. */
  get pasts(): number {
    return this.#pasts.length;
  }
  /** True if nothing is open, nothing is unknown and the past is the initial one: it can be forgotten. */
  get isInitial(): boolean {
    const [past] = this.#pasts;
    return (
      this.#openCount === 0 &&
      this.#head === this.#queue.length &&
      this.#unknown.isEmpty &&
      this.#pasts.length === 1 &&
      past !== undefined &&
      this.#model.key(past.state) === this.#model.key(this.#model.initial)
    );
  }

  /** Somebody was told that a version of this part is this value. */
  saw(version: number, value: HistoryValue | undefined, isUnique: boolean): void {
    this.#model.saw?.(version, value, isUnique);
  }

  invoked(call: Call): void {
    if (this.#stuck !== null) return;
    this.#model.called?.(call);
    this.#queue.push({ call, isReturn: false });
    this.#drain();
  }

  returned(call: Call): void {
    if (this.#stuck !== null) return;
    this.#model.learn?.(call);
    const isJudged = call.outcome === 'ok' || (call.outcome === 'fail' && this.#model.isTelling(call));
    const slot = this.#open.indexOf(call);
    if (slot >= 0) {
      this.#unresolved--;
      if (!isJudged) {
        this.#close(slot);
        if (call.outcome === 'info') this.#addUnknown(call);
      }
    }
    if (isJudged) this.#queue.push({ call, isReturn: true });
    this.#drain();
  }

  #drain(): void {
    for (; this.#head < this.#queue.length && this.#stuck === null; this.#head++) {
      const { call, isReturn } = this.#queue[this.#head] as QueuedEvent;
      if (!isReturn) this.#begin(call);
      else if (this.#unresolved > 0) break;
      else this.#judge(call);
    }
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** An invocation, in its place among the answers. */
  #begin(call: Call): void {
    if (this.#model.implied !== undefined) for (const each of this.#model.implied(call)) this.#unknown.add(each);
    if (call.outcome === 'info') {
      this.#addUnknown(call);
      return;
    }
    if (call.outcome === 'fail' && !this.#model.isTelling(call)) return;
    if (call.outcome === 'open') this.#unresolved++;
    const free = this.#openCount === this.#open.length ? -1 : this.#open.indexOf(null);
    if (free >= 0) this.#open[free] = call;
    else this.#open.push(call);
    this.#openCount++;
  }

  #addUnknown(call: Call): void {
    if (!this.#model.isPure(call)) this.#unknown.add(call);
  }

  #close(slot: number): void {
    this.#open[slot] = null;
    this.#openCount--;
    if (this.#openCount === 0) this.#open.length = 0;
  }

  /** The answer of a call: every past must have it now. */
  #judge(call: Call): void {
    const [only] = this.#pasts;
    if (this.#openCount === 1 && this.#pasts.length === 1 && only !== undefined && only.happened === 0n) {
      if (this.#model.unknowns === 'before' || this.#unknown.isEmpty) {
        const state = this.#model.step(only.state, call);
        if (state !== undefined) {
          if (state !== only.state) this.#pasts[0] = { state, happened: 0n, used: only.used };
          this.#close(this.#open.indexOf(call));
          this.#note(call);
          if (this.#unknown.size > this.#forgetAt) this.#forget();
          return;
        }
      }
    }
    this.#search(call);
  }

  #search(call: Call): void {
    const slot = this.#open.indexOf(call);
    const bit = 1n << BigInt(slot);
    this.#steps = 0;
    let found: Past<S>[];
    try {
      found = this.#pastsWith(bit);
    } catch (thrown) {
      if (!(thrown instanceof TooManySteps)) throw thrown;
      this.#giveUp('undecided', call);
      return;
    }
    if (found.length === 0) {
      this.#giveUp('violation', call);
      return;
    }
    this.#unknown.settle(found);
    // Calls that are no longer open do not tell pasts apart.
    const merged = new PastSet<S>((state) => this.#model.key(state));
    for (const past of found) merged.add({ ...past, happened: past.happened & ~bit });
    this.#pasts = merged.toArray();
    this.#close(slot);
    this.#note(call);
    if (this.#unknown.size > this.#forgetAt) this.#forget();
  }

  #forget(): void {
    const { isOver } = this.#model;
    if (isOver !== undefined) {
      this.#unknown.forget((call) => this.#pasts.every(({ state }) => isOver(call, state)), this.#pasts);
      if (this.#pasts.length > 1) {
        const merged = new PastSet<S>((state) => this.#model.key(state));
        for (const past of this.#pasts) merged.add(past);
        this.#pasts = merged.toArray();
      }
    }
    this.#forgetAt = this.#unknown.size * 2 + FORGET_MIN;
  }

  /** All pasts that have the call with this bit, made from the present ones. */
  #pastsWith(bit: bigint): Past<S>[] {
    const seen = new PastSet<S>((state) => this.#model.key(state));
    const done = new PastSet<S>((state) => this.#model.key(state));
    const work: Past<S>[] = [];
    const take = (past: Past<S>): void => {
      const settled = this.#withIdle(past);
      if ((settled.happened & bit) !== 0n) done.add(settled);
      else if (seen.add(settled)) work.push(settled);
      if (done.size + seen.size > this.#limits.pastsMax) throw new TooManySteps();
    };
    for (const past of this.#pasts) take(past);
    for (let past = work.pop(); past !== undefined; past = work.pop()) {
      if (!seen.has(past)) continue;
      const least = this.#leastOrder(past.happened);
      for (let slot = 0; slot < this.#open.length; slot++) {
        const next = this.#open[slot];
        const mark = 1n << BigInt(slot);
        if (next === null || next === undefined || (past.happened & mark) !== 0n || this.#model.order(next) > least) continue;
        const state = this.#step(past.state, next);
        if (state !== undefined) take({ state, happened: past.happened | mark, used: past.used });
        else if (this.#model.unknowns === 'before') {
          for (const made of this.#afterUnknowns(past, next)) take({ ...made, happened: past.happened | mark });
        }
      }
      if (this.#model.unknowns === 'anywhere') {
        for (const at of this.#unknown.available(past.used)) {
          const state = this.#step(past.state, this.#unknown.callOf(at));
          if (state !== undefined) take({ state, happened: past.happened, used: using(past.used, at) });
        }
      }
    }
    return done.toArray();
  }

  /** Pasts in which unknown calls make `next` possible. */
  #afterUnknowns(past: Past<S>, next: Call): Past<S>[] {
    const { unnamed, isTooLate } = this.#model;
    const found: Past<S>[] = [];
    if (this.#unknown.isEmpty || isTooLate?.(past.state, next) === true) return found;
    const helpful = this.#helpful(past.used, next);
    if (helpful.size === 0) return found;
    if (unnamed !== undefined) return this.#afterUnnamed(past, next, helpful).map((state) => ({ state, happened: 0n, used: past.used }));
    const seen = new PastSet<S>((state) => this.#model.key(state));
    const work: Past<S>[] = [{ ...past, happened: 0n }];
    for (let each = work.pop(); each !== undefined; each = work.pop()) {
      if (each.used !== past.used && !seen.has(each)) continue;
      for (const at of this.#unknown.available(each.used)) {
        const state = helpful.has(at) ? this.#step(each.state, this.#unknown.callOf(at)) : undefined;
        if (state === undefined) continue;
        const after = this.#step(state, next);
        const used = using(each.used, at);
        if (after !== undefined) found.push({ state: after, happened: 0n, used });
        else {
          const longer = { state, happened: 0n, used };
          if (seen.add(longer)) work.push(longer);
        }
      }
    }
    return found;
  }

  /** The states after the fewest unknown calls that make `next` possible: others may still happen after it. */
  #afterUnnamed({ state: first }: Past<S>, next: Call, helpful: ReadonlySet<number>): S[] {
    const { key, unnamed } = this.#model;
    const seen = new Set<string | number>();
    let states: S[] = [first];
    for (let depth = 0; depth < UNNAMED_MAX && states.length > 0; depth++) {
      const found = new Map<string | number, S>();
      const longer: S[] = [];
      for (const before of states) {
        for (const at of helpful) {
          const state = this.#step(before, this.#unknown.callOf(at));
          if (state === undefined || seen.has(key(state))) continue;
          seen.add(key(state));
          const stepped = this.#step(state, next);
          if (stepped === undefined) {
            longer.push(state);
            continue;
          }
          const after = unnamed === undefined ? stepped : unnamed(stepped, next);
          found.set(key(after), after);
        }
      }
      if (found.size > 0) return [...found.values()];
      states = longer;
    }
    return [];
  }

  /** Classes that help `next`, or help one that helps it, and so on. */
  #helpful(used: UsedCalls, next: Call): Set<number> {
    const { helps } = this.#model;
    const left = new Set(this.#unknown.available(used));
    if (helps === undefined) return left;
    const helpful = new Set<number>();
    const goals = [next];
    for (let goal = goals.pop(); goal !== undefined; goal = goals.pop()) {
      for (const at of left) {
        const call = this.#unknown.callOf(at);
        if (!helps(call, goal)) continue;
        helpful.add(at);
        left.delete(at);
        goals.push(call);
      }
    }
    return helpful;
  }

  /** Open calls that can happen and change nothing have happened. */
  #withIdle(past: Past<S>): Past<S> {
    let { happened } = past;
    for (let slot = 0; slot < this.#open.length; slot++) {
      const call = this.#open[slot];
      const mark = 1n << BigInt(slot);
      if (call === null || call === undefined || (happened & mark) !== 0n || !this.#model.isPure(call)) continue;
      const state = this.#step(past.state, call);
      // A read may make the model know more of its state (a version); then it has a moment of its own.
      if (state !== undefined && (state === past.state || this.#model.key(state) === this.#model.key(past.state))) happened |= mark;
    }
    return happened === past.happened ? past : { ...past, happened };
  }

  #leastOrder(happened: bigint): number {
    let least = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < this.#open.length; slot++) {
      const call = this.#open[slot];
      if (call === null || call === undefined || (happened & (1n << BigInt(slot))) !== 0n) continue;
      const order = this.#model.order(call);
      if (order < least) least = order;
    }
    return least;
  }

  #step(state: S, call: Call): S | undefined {
    if (++this.#steps > this.#limits.stepsMax) throw new TooManySteps();
    return this.#model.step(state, call);
  }

  #note(call: Call): void {
    this.#explained++;
    if (this.#recent.length < RECENT_MAX) this.#recent.push(call);
    else this.#recent[this.#recentAt++ % RECENT_MAX] = call;
  }

  #giveUp(type: Stuck['type'], call: Call): void {
    const states = new Set(this.#pasts.map(({ state }) => this.#model.describe(state)));
    const open = this.#open.filter((each): each is Call => each !== null && each !== call);
    const queued = this.#queue.slice(this.#head + 1).filter(({ isReturn, call: each }) => !isReturn && each.invokedAt < call.returnedAt);
    this.#stuck = {
      type,
      call,
      explained: this.#explained,
      states: [...states].slice(0, SHOWN_MAX),
      recent: [...this.#recent].sort((a, b) => a.returnedAt - b.returnedAt),
      open: [...open, ...queued.map(({ call: each }) => each)].slice(0, SHOWN_MAX),
      unknown: this.#unknown.describe().slice(0, SHOWN_MAX),
    };
    this.#queue.length = 0;
    this.#head = 0;
    this.#open.length = 0;
    this.#pasts = [];
  }
}
