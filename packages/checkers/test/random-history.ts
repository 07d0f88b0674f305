import { type Random, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import type { HistoryEvent, HistoryFields, HistoryHeader, HistoryObject, ObjectKind } from '@quorate/checkers';
import { type Outcome, realObject } from './real-objects.js';

/** A history with its header. */
export interface TestHistory {
  readonly header: HistoryHeader;
  readonly events: HistoryEvent[];
}

interface RandomOptions {
  readonly seed: number;
  readonly kind: ObjectKind;
  readonly calls: number;
  readonly processes: number;
  /** Part of the calls that end with `info`. */
  readonly unknownShare?: number;
  readonly keys?: number;
  /** Counters are neither set nor lowered. */
  readonly isGrowing?: boolean;
  /** Values are used once; otherwise they are drawn from few. */
  readonly hasUniqueValues?: boolean;
}

interface Pending {
  readonly process: number;
  readonly op: string;
  readonly args: HistoryFields;
  outcome: Outcome | null;
  isOver: boolean;
}

/** A history that is good by construction: each call happens on a real object at one moment between its invocation and its answer. */
export function randomHistory(options: RandomOptions): TestHistory {
  const random = new SeededRandom(options.seed);
  const object: HistoryObject = { name: options.kind, kind: options.kind, hasUniqueValues: options.hasUniqueValues ?? true };
  const real = realObject(options.kind);
  const drawn = new Draw(random, options);
  const events: HistoryEvent[] = [];
  const busy = new Map<number, Pending>();
  const late: Pending[] = [];
  let begun = 0;
  let timeMs = 0;
  while (begun < options.calls || busy.size > 0) {
    timeMs += randomBetween(random, 0, 3);
    const process = randomBetween(random, 0, options.processes - 1);
    const pending = busy.get(process);
    if (late.length > 0 && randomChance(random, 0.05)) {
      const [each] = late.splice(randomBetween(random, 0, late.length - 1), 1);
      if (each !== undefined) real.apply(each.op, each.args);
    }
    if (pending === undefined) {
      if (begun === options.calls) continue;
      begun++;
      const { op, args } = drawn.call();
      busy.set(process, { process, op, args, outcome: null, isOver: false });
      events.push({ type: 'invoke', timeMs, process, client: `c${process}`, object: object.name, op, args });
    } else if (pending.outcome === null && randomChance(random, options.unknownShare ?? 0)) {
      if (randomChance(random, 0.5)) late.push(pending);
      busy.delete(process);
      events.push({ type: 'info', timeMs, process, error: 'deadlineExceeded' });
    } else if (pending.outcome === null) {
      pending.outcome = real.apply(pending.op, pending.args);
      drawn.saw(pending.outcome);
    } else {
      busy.delete(process);
      if ('error' in pending.outcome) events.push({ type: 'fail', timeMs, process, error: pending.outcome.error });
      else if (randomChance(random, (options.unknownShare ?? 0) / 2))
        events.push({ type: 'info', timeMs, process, error: 'connectionLost' });
      else events.push({ type: 'ok', timeMs, process, result: pending.outcome.result });
    }
  }
  return { header: { format: 'quorate-history', version: 1, source: `seed ${options.seed}`, objects: [object] }, events };
}

/** Draws calls, with arguments that have a chance to fit. */
class Draw {
  readonly #random: Random;
  readonly #options: RandomOptions;
  #values = 0;
  readonly #versions: number[] = [0];
  readonly #tokens: number[] = [];

  constructor(random: Random, options: RandomOptions) {
    this.#random = random;
    this.#options = options;
  }

  saw(outcome: Outcome): void {
    const result = 'result' in outcome ? outcome.result : null;
    if (typeof result !== 'object' || result === null) return;
    const { version, token } = result as HistoryFields;
    if (typeof version === 'number') this.#versions.push(version);
    if (typeof token === 'number') this.#tokens.push(token);
  }

  call(): { readonly op: string; readonly args: HistoryFields } {
    const small = (): number => randomBetween(this.#random, 0, 2);
    const key = `k${randomBetween(this.#random, 0, (this.#options.keys ?? 1) - 1)}`;
    const version = this.#versions.at(-1 - Math.min(small(), this.#versions.length - 1)) ?? 0;
    const pick = randomBetween(this.#random, 0, 9);
    switch (this.#options.kind) {
      case 'register':
        if (pick < 4) return { op: 'read', args: {} };
        if (pick < 8) return { op: 'write', args: { value: this.#value() } };
        return { op: 'cas', args: { expected: this.#known(), value: this.#value() } };
      case 'counter':
        if (pick < 3) return { op: 'get', args: {} };
        if (this.#options.isGrowing === true) return { op: 'add', args: { delta: small() } };
        if (pick < 8) return { op: 'add', args: { delta: small() - (pick % 2) } };
        if (pick < 9) return { op: 'set', args: { value: small() } };
        return { op: 'compareAndSet', args: { expected: small(), value: small() } };
      case 'map':
        if (pick < 3) return { op: 'get', args: { key } };
        if (pick < 6) return { op: 'set', args: { key, value: this.#value() } };
        if (pick < 7) return { op: 'setIfAbsent', args: { key, value: this.#value() } };
        if (pick < 8) return { op: 'compareAndSet', args: { key, version, value: this.#value() } };
        return { op: 'remove', args: pick < 9 || version === 0 ? { key } : { key, version } };
      case 'queue':
        return pick < 3 ? { op: 'enqueue', args: { value: this.#value() } } : { op: 'dequeue', args: {} };
      default:
        if (pick < 3) return { op: 'tryAcquire', args: {} };
        if (pick < 5) return { op: 'acquire', args: {} };
        return pick < 8 && this.#tokens.length > 0
          ? { op: 'release', args: { token: this.#tokens.at(-1) ?? 0 } }
          : { op: 'holder', args: {} };
    }
  }

  #value(): string {
    return this.#options.hasUniqueValues === false ? `v${randomBetween(this.#random, 0, 2)}` : `v${this.#values++}`;
  }

  #known(): string {
    return `v${randomBetween(this.#random, Math.max(0, this.#values - 3), Math.max(0, this.#values - 1))}`;
  }
}
