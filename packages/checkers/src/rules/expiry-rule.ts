import { type Call, describeCall } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import { type FaultEvent, type HistoryObject, type ToldEvent, isUniquelyWritten } from '../history/event.js';
import type { Findings } from '../verdict.js';
import { toldChange } from './watch-book.js';

/** Part of a time to live by which the clocks of nodes may run apart. */
const DRIFT = 0.03;
/** Before a call began, in ms: a clock that was moved then, or stood still from then on, may still be counted with what comes. */
const AFTERMATH_MS = 3000;
/** Writes with a time to live that are remembered for one map. */
const WINDOW = 100_000;

interface MapFacts {
  readonly object: HistoryObject;
  /** Writes with a time to live by their value, and when they were called. */
  readonly writes: Map<string, { readonly call: Call; readonly timeMs: number }>;
  isForgetful: boolean;
  /** What each watch was told last of each key; null: it is not there. */
  readonly told: Map<string, Map<string, string | null>>;
}

/**
 * An entry ends by itself only if it was written with a time to live, and not before that has passed since its call began (`expiry`), but for what
 * the clocks run apart. While a clock was moved (a fault whose name begins with `clock`) nobody promises that.
 */
export class ExpiryRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #maps = new Map<string, MapFacts>();
  #clockMovedMs = Number.NEGATIVE_INFINITY;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  invoked(call: Call): void {
    const { object, args } = call;
    if (object.kind !== 'map' || typeof args['ttlMs'] !== 'number' || !isUniquelyWritten(object)) return;
    const facts = this.#factsOf(object);
    facts.writes.set(args['value'] as string, { call, timeMs: call.invokedMs });
    if (facts.writes.size <= WINDOW) return;
    facts.isForgetful = true;
    for (const oldest of facts.writes.keys()) {
      facts.writes.delete(oldest);
      break;
    }
  }

  told(event: ToldEvent, object: HistoryObject, at: number): void {
    if (object.kind !== 'map' || event.event !== 'changed' || !isUniquelyWritten(object)) return;
    const facts = this.#factsOf(object);
    const { key, value } = toldChange(event.fields);
    const watch = event.fields['watch'] as string;
    let last = facts.told.get(watch);
    if (last === undefined) facts.told.set(watch, (last = new Map()));
    const before = last.get(key);
    last.set(key, value);
    // A watch tells each change of its keys, so what it told last is what expired.
    if (event.fields['change'] === 'expired' && typeof before === 'string') this.#expired(facts, before, { event, at });
  }

  fault({ fault, timeMs }: FaultEvent): void {
    if (fault.startsWith('clock')) this.#clockMovedMs = timeMs;
  }

  #expired(facts: MapFacts, value: string, { event, at }: { readonly event: ToldEvent; readonly at: number }): void {
    const write = facts.writes.get(value);
    this.#findings.count('expiry.entries');
    if (write === undefined) {
      if (!facts.isForgetful) this.#tell(facts, at, `an entry expired that has no time to live: ${JSON.stringify(event.fields)}`);
      return;
    }
    const { call, timeMs } = write;
    const ttlMs = call.args['ttlMs'] as number;
    const lastedMs = event.timeMs - timeMs;
    if (lastedMs >= ttlMs * (1 - DRIFT) || this.#clockMovedMs >= timeMs - AFTERMATH_MS) return;
    this.#tell(facts, at, `it expired ${lastedMs.toFixed(1)} ms after it was called for, not ${ttlMs}:\n    ${describeCall(call)}`);
  }

  #factsOf(object: HistoryObject): MapFacts {
    let facts = this.#maps.get(object.name);
    if (facts === undefined) this.#maps.set(object.name, (facts = { object, writes: new Map(), isForgetful: false, told: new Map() }));
    return facts;
  }

  #tell(facts: MapFacts, at: number, text: string): void {
    this.#findings.add({ type: 'violation', rule: 'expiry', object: facts.object.name, line: at + 2, text });
  }
}
