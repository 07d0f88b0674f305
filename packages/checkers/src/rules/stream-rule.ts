import { type Call, describeCall, describeValue } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import { type HistoryObject, isUniquelyWritten } from '../history/event.js';
import type { Findings, Problem } from '../verdict.js';
import { ClientOrder } from './client-order.js';
import { RecordHashes } from './record-hashes.js';

/** An appended record that was not yet both acknowledged and read. */
interface Appended {
  readonly call: Call;
  /** Place in its call. */
  readonly index: number;
  /** Where it was read; -1: nowhere yet. */
  offset: number;
}
interface StreamFacts {
  readonly object: HistoryObject;
  readonly order: ClientOrder;
  readonly appended: Map<string, Appended>;
  /** What was read at each offset. */
  readonly records: RecordHashes;
  /** For open calls: the end of what was acknowledged or read before they began. */
  readonly floors: Map<Call, number>;
  /** End of what was acknowledged or read. */
  end: number;
  /** Start of what retention left, as far as it is known. */
  start: number;
  /** Calls that append. */
  appends: number;
  /** Records. */
  acknowledged: number;
  readonly places: Map<number, Call>;
}

/**
 * Streams: an acknowledged record stands at its offset, once, and nothing stands there that was not appended or certainly failed (`records`);
 * offsets follow real time (`appendOrder`) and the program order of each client (`sessionOrder`); readers agree and see no gap (`readers`);
 * a linearizable read sees the end (`freshReads`); in the end everything acknowledged was read (`loss`).
 */
export class StreamRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #streams = new Map<string, StreamFacts>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  invoked(call: Call): void {
    if (call.object.kind !== 'stream') return;
    const facts = this.#factsOf(call.object);
    facts.floors.set(call, facts.end);
    if (call.op !== 'append') return;
    facts.appends++;
    facts.order.invoked(call);
    if (!isUniquelyWritten(facts.object)) return;
    const values = valuesOf(call.args);
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as string;
      if (facts.appended.has(value)) {
        this.#tell(
          facts,
          'undecided',
          'records',
          call.invokedAt,
          `the record ${describeValue(value)} is appended twice; declare "hasUniqueValues": false`,
        );
      } else facts.appended.set(value, { call, index, offset: -1 });
    }
  }

  returned(call: Call): void {
    if (call.object.kind !== 'stream') return;
    const facts = this.#factsOf(call.object);
    const floor = facts.floors.get(call) ?? 0;
    facts.floors.delete(call);
    if (call.op === 'append') {
      if (call.outcome !== 'ok') facts.order.without(call);
      if (call.outcome === 'ok') this.#appended(facts, call, floor);
      else if (call.outcome === 'fail') this.#failed(facts, call);
    } else if (call.outcome === 'ok') this.#read(facts, call, floor);
    else if (call.error === 'offsetOutOfRange') this.#outOfRange(facts, call, floor);
  }

  finished(at: number): void {
    for (const facts of this.#streams.values()) {
      this.#findings.count('streams.appends', facts.appends);
      this.#findings.count('streams.acknowledged', facts.acknowledged);
      this.#findings.count('streams.records', facts.records.count);
      if (facts.object.isReadBack === false) continue;
      for (const [offset, call] of facts.places) {
        if (offset < facts.start) continue;
        this.#tell(
          facts,
          'violation',
          'loss',
          at - 1,
          `an acknowledged record at offset ${offset} was never read:\n    ${describeCall(call)}`,
        );
      }
    }
  }

  #appended(facts: StreamFacts, call: Call, floor: number): void {
    const { offset } = call.result as { readonly offset: number };
    const values = valuesOf(call.args);
    const wrong = facts.order.placed(call, offset);
    if (wrong !== null) {
      const pair = `${describeCall(wrong.earlier)}\n    ${describeCall(call)}`;
      this.#tell(
        facts,
        'violation',
        'sessionOrder',
        call.returnedAt,
        `appends of one client stand in the wrong order, or at one place:\n    ${pair}`,
      );
    }
    if (offset < floor) {
      this.#tell(
        facts,
        'violation',
        'appendOrder',
        call.returnedAt,
        `offsets up to ${floor} were known before it began:\n    ${describeCall(call)}`,
      );
    }
    facts.acknowledged += values.length;
    facts.end = Math.max(facts.end, offset + values.length);
    for (let index = 0; index < values.length; index++) {
      const value = values[index] as string;
      const place = offset + index;
      const record = facts.appended.get(value);
      if (record !== undefined && record.call === call && record.offset >= 0 && record.offset !== place) {
        this.#tell(
          facts,
          'violation',
          'records',
          call.returnedAt,
          `it was acknowledged at ${place} and read at ${record.offset}:\n    ${describeCall(call)}`,
        );
      }
      if (!facts.records.has(place)) {
        const other = facts.places.get(place);
        if (other !== undefined) {
          const pair = `${describeCall(other)}\n    ${describeCall(call)}`;
          this.#tell(facts, 'violation', 'records', call.returnedAt, `two appends were acknowledged at offset ${place}:\n    ${pair}`);
        }
        facts.places.set(place, call);
      } else if (!facts.records.isSame(place, value)) {
        this.#tell(
          facts,
          'violation',
          'records',
          call.returnedAt,
          `something else was read at offset ${place}:\n    ${describeCall(call)}`,
        );
      } else facts.appended.delete(value);
    }
  }

  #failed(facts: StreamFacts, call: Call): void {
    for (const value of valuesOf(call.args)) {
      const record = facts.appended.get(value);
      if (record === undefined || record.call !== call || record.offset < 0) continue;
      this.#tell(
        facts,
        'violation',
        'records',
        call.returnedAt,
        `it certainly failed and was read at offset ${record.offset}:\n    ${describeCall(call)}`,
      );
    }
  }

  #read(facts: StreamFacts, call: Call, floor: number): void {
    const { values, from, nextOffset } = call.result as {
      readonly values: readonly string[];
      readonly from: number;
      readonly nextOffset: number;
    };
    const asked = call.args['from'] as number;
    this.#findings.count('streams.reads');
    if (from !== asked)
      this.#tell(
        facts,
        'violation',
        'readers',
        call.returnedAt,
        `asked for ${asked}, got ${from}: a gap nobody told of:\n    ${describeCall(call)}`,
      );
    if (nextOffset < from + values.length)
      this.#tell(facts, 'violation', 'readers', call.returnedAt, `records beyond the end ${nextOffset}:\n    ${describeCall(call)}`);
    if (call.consistency === 'linearizable') {
      if (nextOffset < floor) {
        this.#tell(
          facts,
          'violation',
          'freshReads',
          call.returnedAt,
          `the stream was known to reach ${floor} before it began:\n    ${describeCall(call)}`,
        );
      } else if (values.length === 0 && from < floor) {
        this.#tell(
          facts,
          'violation',
          'freshReads',
          call.returnedAt,
          `nothing from ${from}, although the stream was known to reach ${floor}:\n    ${describeCall(call)}`,
        );
      }
    }
    // `nextOffset` is a fact as well: what begins later stands at or after it.
    facts.end = Math.max(facts.end, nextOffset, from + values.length);
    for (let index = 0; index < values.length; index++) this.#readRecord(facts, call, from + index, values[index] as string);
  }

  /** Beyond the end, or taken by retention; anything else is lost. */
  #outOfRange(facts: StreamFacts, call: Call, floor: number): void {
    const from = call.args['from'] as number;
    if (from > floor || call.consistency !== 'linearizable') return;
    if (facts.object.isTrimmed === true && from < floor) facts.start = Math.max(facts.start, from + 1);
    else
      this.#tell(
        facts,
        'violation',
        'freshReads',
        call.returnedAt,
        `the stream was known to reach ${floor} before it began:\n    ${describeCall(call)}`,
      );
  }

  #readRecord(facts: StreamFacts, call: Call, offset: number, value: string): void {
    if (facts.records.has(offset)) {
      if (facts.records.isSame(offset, value)) return;
      this.#tell(
        facts,
        'violation',
        'readers',
        call.returnedAt,
        `${describeValue(value)} at offset ${offset}, where something else was read before:\n    ${describeCall(call)}`,
      );
      return;
    }
    facts.records.set(offset, value);
    const place = facts.places.get(offset);
    facts.places.delete(offset);
    if (!isUniquelyWritten(facts.object)) {
      if (place !== undefined && !valuesOf(place.args).includes(value)) this.#strange(facts, call, offset, value, place);
      return;
    }
    const record = facts.appended.get(value);
    if (record === undefined) {
      this.#tell(
        facts,
        'violation',
        'records',
        call.returnedAt,
        `${describeValue(value)} at offset ${offset} was never appended, or stands there a second time:\n    ${describeCall(call)}`,
      );
      return;
    }
    const { call: append, index } = record;
    if (record.offset >= 0) {
      this.#tell(
        facts,
        'violation',
        'records',
        call.returnedAt,
        `it stands twice, at ${record.offset} and ${offset}:\n    ${describeCall(append)}`,
      );
    } else if (append.outcome === 'fail') {
      this.#tell(
        facts,
        'violation',
        'records',
        call.returnedAt,
        `it certainly failed and stands at offset ${offset}:\n    ${describeCall(append)}`,
      );
    } else if (append.outcome === 'ok') {
      const due = (append.result as { readonly offset: number }).offset + index;
      if (due !== offset)
        this.#tell(
          facts,
          'violation',
          'records',
          call.returnedAt,
          `it was acknowledged at ${due} and stands at ${offset}:\n    ${describeCall(append)}`,
        );
      else facts.appended.delete(value);
    }
    if (place !== undefined && place !== append) this.#strange(facts, call, offset, value, place);
    record.offset = offset;
  }

  #strange(facts: StreamFacts, call: Call, offset: number, value: string, place: Call): void {
    const pair = `${describeCall(place)}\n    ${describeCall(call)}`;
    this.#tell(
      facts,
      'violation',
      'records',
      call.returnedAt,
      `${describeValue(value)} was read at offset ${offset}, where another append was acknowledged:\n    ${pair}`,
    );
  }

  #factsOf(object: HistoryObject): StreamFacts {
    let facts = this.#streams.get(object.name);
    if (facts === undefined) {
      facts = {
        object,
        order: new ClientOrder(),
        appended: new Map(),
        records: new RecordHashes(),
        floors: new Map(),
        end: 0,
        start: 0,
        appends: 0,
        acknowledged: 0,
        places: new Map(),
      };
      this.#streams.set(object.name, facts);
    }
    return facts;
  }

  #tell(facts: StreamFacts, type: Problem['type'], rule: string, at: number, text: string): void {
    this.#findings.add({ type, rule, object: facts.object.name, line: at + 2, text });
  }
}

function valuesOf(args: Call['args']): readonly string[] {
  return args['values'] as readonly string[];
}
