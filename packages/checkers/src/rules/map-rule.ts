import { type Call, describeCall, describeValue } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import { type HistoryFields, type HistoryObject, type ToldEvent, isUniquelyWritten } from '../history/event.js';
import type { Findings, Problem } from '../verdict.js';
import { ClientOrder } from './client-order.js';
import { type Change, MapLog } from './map-log.js';
import { entriesOf, momentFault, pageFault } from './scan-check.js';
import { WatchBook, toldChange } from './watch-book.js';

/** A scan that was answered and waits until all writes that were open then have ended, so that their versions are known. */
interface HeldScan {
  readonly call: Call;
  readonly floor: number;
  readonly waitsFor: Set<Call>;
}
interface MapFacts {
  readonly object: HistoryObject;
  readonly log: MapLog;
  readonly watches: WatchBook;
  readonly order: ClientOrder;
  /** Version that a call cannot be below, by what was seen before it began. */
  readonly floors: Map<Call, number>;
  /** The newest version each client knows of. */
  readonly clientFloors: Map<string, number>;
  readonly openWrites: Set<Call>;
  readonly heldScans: Set<HeldScan>;
  changesPossible: number;
}

const WRITES = new Set(['set', 'setIfAbsent', 'compareAndSet', 'remove']);

/**
 * What the versions of a map tell: each belongs to one change and each change of a unique value happens once (`exactlyOnce`), they follow real
 * time (`versions`) and the program order of each client (`sessionOrder`), pages of scans are of one moment (`scans`), reads at the consistency
 * `sequential` and pinned ones never go back (`sequentialReads`), watches are complete and in order (`watches`).
 */
export class MapRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #maps = new Map<string, MapFacts>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  invoked(call: Call): void {
    if (call.object.kind !== 'map') return;
    const facts = this.#factsOf(call.object);
    const { log } = facts;
    const { op, args, client } = call;
    if (WRITES.has(op)) {
      facts.openWrites.add(call);
      facts.order.invoked(call);
      facts.floors.set(call, log.highest);
      facts.changesPossible += typeof args['ttlMs'] === 'number' ? 2 : 1;
      if (op === 'remove' || typeof args['ttlMs'] === 'number') log.removalBegan(args['key'] as string);
      if (op !== 'remove' && isUniquelyWritten(facts.object)) {
        const known = log.write(args['value'] as string, call);
        if (known !== undefined) {
          this.#tell(
            facts,
            'undecided',
            'exactlyOnce',
            call.invokedAt,
            `the value ${describeValue(args['value'] as string)} is written twice; declare "hasUniqueValues": false`,
          );
        }
      }
    } else if (op === 'get' || op === 'scan' || op === 'size') {
      const pinned = typeof args['minVersion'] === 'number' ? args['minVersion'] : 0;
      const own = facts.clientFloors.get(client) ?? 0;
      const seen = call.consistency === 'linearizable' ? log.highest : call.consistency === 'sequential' ? own : 0;
      facts.floors.set(call, Math.max(pinned, seen));
    }
  }

  returned(call: Call): void {
    if (call.object.kind !== 'map') return;
    const facts = this.#factsOf(call.object);
    const floor = facts.floors.get(call) ?? 0;
    facts.floors.delete(call);
    const isOk = call.outcome === 'ok';
    if (WRITES.has(call.op)) {
      this.#writeReturned(facts, call, floor);
      facts.openWrites.delete(call);
      for (const scan of facts.heldScans) {
        scan.waitsFor.delete(call);
        if (scan.waitsFor.size === 0) this.#judgeScan(facts, scan);
      }
    } else if (call.op === 'watch' && isOk) {
      facts.watches.started(call, (type, text) => this.#tell(facts, type, 'watches', call.returnedAt, text));
      this.#reached(facts, call, (call.result as { readonly version: number }).version);
    } else if (call.op === 'unwatch') facts.watches.stopped(call.args['watch'] as string);
    else if (call.op === 'get' && isOk) this.#getReturned(facts, call, floor);
    else if (call.op === 'scan' && isOk) this.#scanReturned(facts, call, floor);
    else if (call.op === 'size' && isOk) this.#sizeReturned(facts, call, floor);
  }

  told(event: ToldEvent, object: HistoryObject, at: number): void {
    if (object.kind !== 'map') return;
    const facts = this.#factsOf(object);
    facts.watches.told(event, (type, text) => this.#tell(facts, type, 'watches', at, text));
    if (event.event !== 'changed') return;
    const { version, key, value } = toldChange(event.fields);
    this.#findings.count('watches.changes');
    this.#learn(facts, { version, key, value, notBefore: 0, line: at + 2 }, at, event.fields['watch'] as string);
    this.#clientSaw(facts, event.client, version);
  }

  finished(at: number): void {
    for (const facts of this.#maps.values()) {
      for (const scan of [...facts.heldScans]) this.#judgeScan(facts, scan);
      const { highest } = facts.log;
      if (highest > facts.changesPossible) {
        this.#tell(
          facts,
          'violation',
          'exactlyOnce',
          at - 1,
          `the map is at version ${highest}, but at most ${facts.changesPossible} changes were called for`,
        );
      }
    }
  }

  #writeReturned(facts: MapFacts, call: Call, floor: number): void {
    const { log, order } = facts;
    const key = call.args['key'] as string;
    if (call.op === 'remove' && call.outcome !== 'info') {
      log.removalEnded(key, call.outcome === 'ok' && call.result === true ? call.returnedAt : Number.NEGATIVE_INFINITY);
    }
    if (call.outcome === 'fail') this.#failed(facts, call);
    const result = call.result as HistoryFields;
    if (call.outcome !== 'ok' || call.op === 'remove') {
      order.without(call);
      return;
    }
    const version = result['version'] as number;
    this.#clientSaw(facts, call.client, version);
    if (call.op === 'setIfAbsent' && result['isSet'] === false) {
      order.without(call);
      this.#learn(facts, { version, key, value: undefined, notBefore: 0, line: call.returnedAt + 2 }, call.returnedAt, null);
      return;
    }
    this.#findings.count('versions.writes');
    if (version <= floor) {
      this.#tell(
        facts,
        'violation',
        'versions',
        call.returnedAt,
        `it has a version that was seen before it began (${floor} was seen):\n    ${describeCall(call)}`,
      );
    }
    const wrong = order.placed(call, version);
    if (wrong !== null) {
      const pair = `${describeCall(wrong.earlier)}\n    ${describeCall(call)}`;
      this.#tell(
        facts,
        'violation',
        'sessionOrder',
        call.returnedAt,
        `calls of one client took effect in the wrong order, or as one:\n    ${pair}`,
      );
    }
    const value = call.args['value'] as string;
    this.#learn(facts, { version, key, value, notBefore: call.invokedAt, line: call.returnedAt + 2 }, call.returnedAt, null);
  }

  /** A call that certainly did not happen must not have been seen. */
  #failed(facts: MapFacts, call: Call): void {
    const { op, args } = call;
    if (op !== 'remove' && typeof args['ttlMs'] === 'number') facts.log.removalEnded(args['key'] as string, Number.NEGATIVE_INFINITY);
    const write = op === 'remove' || !isUniquelyWritten(facts.object) ? undefined : facts.log.writeOf(args['value'] as string);
    if (write === undefined || write.call !== call || write.version === 0) return;
    this.#tell(
      facts,
      'violation',
      'exactlyOnce',
      call.returnedAt,
      `this call certainly did not happen, but it made version ${write.version}:\n    ${describeCall(call)}`,
    );
  }

  /** Somebody saw a change: it must agree with what all others saw of this version, and of this value. */
  #learn(facts: MapFacts, seen: Change, at: number, watch: string | null): void {
    const { log, watches } = facts;
    const write = typeof seen.value === 'string' && isUniquelyWritten(facts.object) ? log.writeOf(seen.value) : undefined;
    const change: Change = write === undefined ? seen : { ...seen, notBefore: write.call.invokedAt };
    const known = log.change(change.version);
    if (known !== undefined) {
      if (known.key !== change.key || (known.value !== change.value && known.value !== undefined && change.value !== undefined)) {
        this.#tell(
          facts,
          'violation',
          'versions',
          at,
          `version ${change.version} is ${show(change)}, but in line ${known.line} it was ${show(known)}`,
        );
      }
      known.value ??= change.value;
    } else {
      log.add(change);
      watches.learned(change, watch, (type, text) => this.#tell(facts, type, 'watches', at, text));
    }
    if (typeof change.value === 'string' && isUniquelyWritten(facts.object)) this.#once(facts, change, at);
  }

  #once(facts: MapFacts, { value, version, key }: Change, at: number): void {
    const write = facts.log.writeOf(value as string);
    if (write === undefined) {
      if (!facts.log.isWriteForgotten) {
        this.#tell(
          facts,
          'violation',
          'exactlyOnce',
          at,
          `the value ${describeValue(value as string)} of ${JSON.stringify(key)} was never written`,
        );
      }
      return;
    }
    const { call } = write;
    if (call.args['key'] !== key) {
      this.#tell(
        facts,
        'violation',
        'exactlyOnce',
        at,
        `the value of ${JSON.stringify(key)} at version ${version} was written to another key:\n    ${describeCall(call)}`,
      );
    } else if (call.outcome === 'fail') {
      this.#tell(
        facts,
        'violation',
        'exactlyOnce',
        at,
        `this call certainly did not happen, but it made version ${version}:\n    ${describeCall(call)}`,
      );
    } else if (write.version !== 0 && write.version !== version) {
      this.#tell(
        facts,
        'violation',
        'exactlyOnce',
        at,
        `this call happened twice, at versions ${write.version} and ${version}:\n    ${describeCall(call)}`,
      );
    }
    write.version = version;
  }

  #getReturned(facts: MapFacts, call: Call, floor: number): void {
    const key = call.args['key'] as string;
    const entry = call.result as { readonly value: string | null; readonly version: number } | null;
    if (entry !== null) {
      this.#learn(
        facts,
        { version: entry.version, key, value: entry.value ?? undefined, notBefore: 0, line: call.returnedAt + 2 },
        call.returnedAt,
        null,
      );
      this.#clientSaw(facts, call.client, entry.version);
    }
    if (call.consistency === 'linearizable' && typeof call.args['minVersion'] !== 'number') return;
    this.#findings.count('sequentialReads.calls');
    const due = facts.log.lastChange(key, floor);
    if (due === undefined || due.value === null) return;
    const isMissing = entry === null ? !facts.log.isRemovableAfter(due) : entry.version < due.version;
    if (!isMissing) return;
    const why = `the client had seen version ${floor} before, in which ${show(due)} of version ${due.version} (line ${due.line}) is`;
    this.#tell(facts, 'violation', 'sequentialReads', call.returnedAt, `a read went back; ${why}:\n    ${describeCall(call)}`);
  }

  #scanReturned(facts: MapFacts, call: Call, floor: number): void {
    this.#findings.count('scans.pages');
    const fault = pageFault(call);
    if (fault !== null) this.#tell(facts, 'violation', 'scans', call.returnedAt, `${fault}:\n    ${describeCall(call)}`);
    for (const { key, value, version } of entriesOf(call)) {
      this.#learn(facts, { version, key, value: value ?? undefined, notBefore: 0, line: call.returnedAt + 2 }, call.returnedAt, null);
      this.#clientSaw(facts, call.client, version);
    }
    const scan: HeldScan = { call, floor, waitsFor: new Set(facts.openWrites) };
    facts.heldScans.add(scan);
    if (scan.waitsFor.size === 0) this.#judgeScan(facts, scan);
  }

  #judgeScan(facts: MapFacts, scan: HeldScan): void {
    facts.heldScans.delete(scan);
    const fault = momentFault(scan.call, facts.log, scan.floor);
    if (fault !== null) this.#tell(facts, 'violation', 'scans', scan.call.returnedAt, `${fault}:\n    ${describeCall(scan.call)}`);
  }

  #sizeReturned(facts: MapFacts, call: Call, floor: number): void {
    const { version } = call.result as { readonly version: number };
    if (version < floor)
      this.#tell(facts, 'violation', 'versions', call.returnedAt, `version ${floor} was seen before:\n    ${describeCall(call)}`);
    this.#reached(facts, call, version);
  }

  #reached(facts: MapFacts, call: Call, version: number): void {
    facts.log.reached(version);
    this.#clientSaw(facts, call.client, version);
  }

  #clientSaw(facts: MapFacts, client: string, version: number): void {
    if (version > (facts.clientFloors.get(client) ?? 0)) facts.clientFloors.set(client, version);
  }

  #factsOf(object: HistoryObject): MapFacts {
    let facts = this.#maps.get(object.name);
    if (facts === undefined) {
      const log = new MapLog();
      facts = {
        object,
        log,
        watches: new WatchBook(log),
        order: new ClientOrder(),
        floors: new Map(),
        clientFloors: new Map(),
        openWrites: new Set(),
        heldScans: new Set(),
        changesPossible: 0,
      };
      this.#maps.set(object.name, facts);
    }
    return facts;
  }

  #tell(facts: MapFacts, type: Problem['type'], rule: string, at: number, text: string): void {
    this.#findings.add({ type, rule, object: facts.object.name, line: at + 2, text });
  }
}

function show({ key, value }: Change): string {
  const name = JSON.stringify(key);
  return value === null ? `the removal of ${name}` : value === undefined ? `a change of ${name}` : `${name} = ${describeValue(value)}`;
}
