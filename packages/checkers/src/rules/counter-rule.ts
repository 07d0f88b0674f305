import { type Call, describeCall } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import type { Findings } from '../verdict.js';

interface CounterFacts {
  /** Only additions from 0 up were called: then values never fall. */
  isRising: boolean;
  /** The greatest value that each client saw. */
  readonly seen: Map<string, number>;
  /** What it had seen when the call began. */
  readonly floors: Map<Call, number>;
}

/** Reads of counters at the consistency `sequential` never go back behind what the client saw, as long as the counter only rises (`sequentialReads`). */
export class CounterRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #counters = new Map<string, CounterFacts>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  invoked(call: Call): void {
    if (call.object.kind !== 'counter') return;
    const facts = this.#factsOf(call.object.name);
    if (call.op === 'get') facts.floors.set(call, facts.seen.get(call.client) ?? Number.NEGATIVE_INFINITY);
    else if (call.op !== 'add' || (call.args['delta'] as number) < 0) facts.isRising = false;
  }

  returned(call: Call): void {
    if (call.object.kind !== 'counter') return;
    const facts = this.#factsOf(call.object.name);
    const floor = facts.floors.get(call);
    facts.floors.delete(call);
    const value = call.result;
    if (call.outcome !== 'ok' || typeof value !== 'number' || call.op === 'set' || call.consistency === 'stale') return;
    if (call.op === 'get' && call.consistency === 'sequential' && facts.isRising) {
      this.#findings.count('sequentialReads.calls');
      if (floor !== undefined && value < floor) {
        this.#findings.add({
          type: 'violation',
          rule: 'sequentialReads',
          object: call.object.name,
          line: call.returnedAt + 2,
          text: `a read went back; the client had seen ${floor} before:\n    ${describeCall(call)}`,
        });
      }
    }
    if (value > (facts.seen.get(call.client) ?? Number.NEGATIVE_INFINITY)) facts.seen.set(call.client, value);
  }

  #factsOf(name: string): CounterFacts {
    let facts = this.#counters.get(name);
    if (facts === undefined) {
      facts = { isRising: true, seen: new Map(), floors: new Map() };
      this.#counters.set(name, facts);
    }
    return facts;
  }
}
