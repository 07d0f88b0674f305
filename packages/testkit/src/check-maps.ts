import type { HistoryFields } from '@quorate/checkers';
import { Bounds, type CallOutcomeOf, type ObjectHistory } from './recorded-calls.js';

/** What a map holds at the end, by linearizable reads after everything else. */
export interface FinalMap {
  readonly version: number;
  readonly entries: readonly { readonly key: string; readonly value: string; readonly version: number }[];
}

interface Change {
  readonly key: string;
  readonly change: string;
  readonly value: string | null;
}

type Tell = (fault: string) => void;

/** Versions at which a key changed, ascending; a value of null is a removal. */
type KeyChanges = ReadonlyMap<string, readonly { readonly version: number; readonly value: string | null }[]>;

/**
 * Holds the history of a map against the order that its versions give: each change happened once, at one version, in an order that
 * contradicts neither real time nor any answer; reads saw a moment between their beginning and their end; watches were told all, in order.
 */
export function checkMap(name: string, { calls, told }: ObjectHistory, final: FinalMap, tellFault: Tell): void {
  const tell: Tell = (fault) => tellFault(`${name}: ${fault}`);
  const changes = changesOf(calls, told, tell);
  const keys = changesByKey(changes);
  checkWrites(calls, changes, tell);
  checkFinal(changes, keys, final, tell);
  checkOrder(calls, tell);
  // Reads are judged only by a whole order.
  const isWhole = changes.size === final.version;
  if (isWhole) checkReads(calls, keys, tell);
  if (isWhole) checkPrevious(calls, keys, tell);
  checkWatches(calls, told, changes, tell);
  checkTtl(calls, told, changes, tell);
}

const versionOf = ({ result }: CallOutcomeOf): number => (result as { readonly version: number }).version;
const isWrite = ({ op }: CallOutcomeOf): boolean => op === 'set' || op === 'setIfAbsent' || op === 'compareAndSet';
const hasWritten = (call: CallOutcomeOf): boolean =>
  call.outcome === 'ok' && isWrite(call) && (call.op !== 'setIfAbsent' || (call.result as { readonly isSet: boolean }).isSet);

/** Everything that anybody was told of a version; two who were told different things are a fault. */
function changesOf(calls: readonly CallOutcomeOf[], told: ObjectHistory['told'], tell: Tell): ReadonlyMap<number, Change> {
  const changes = new Map<number, Change>();
  const add = (version: number, { key, change, value }: Change, who: string): void => {
    const known = changes.get(version);
    if (known === undefined) changes.set(version, { key, change, value });
    else if (known.key !== key || known.change !== change || known.value !== value)
      tell(`version ${version} is ${text(known)}, and ${text({ key, change, value })} for ${who}`);
  };
  for (const { event } of told) {
    if (event.event === 'changed') add(event.fields['version'] as number, event.fields as unknown as Change, event.client);
  }
  for (const call of calls) {
    if (hasWritten(call)) add(versionOf(call), { ...(call.args as unknown as Change), change: 'set' }, call.client);
  }
  return changes;
}

function changesByKey(changes: ReadonlyMap<number, Change>): KeyChanges {
  const keys = new Map<string, { version: number; value: string | null }[]>();
  for (const [version, { key, value }] of [...changes].sort(([a], [b]) => a - b)) {
    const list = keys.get(key);
    if (list === undefined) keys.set(key, [{ version, value }]);
    else list.push({ version, value });
  }
  return keys;
}

/** Each value at one version at most, none of a write that failed for certain, none that nobody wrote. */
function checkWrites(calls: readonly CallOutcomeOf[], changes: ReadonlyMap<number, Change>, tell: Tell): void {
  const places = new Map<string, number>();
  for (const [version, { value }] of changes) {
    if (value === null) continue;
    const before = places.get(value);
    if (before !== undefined) tell(`T77: ${value.slice(0, 30)} was written twice, as versions ${before} and ${version}`);
    places.set(value, version);
  }
  for (const call of calls.filter(isWrite)) {
    const value = call.args['value'] as string;
    const place = places.get(value);
    places.delete(value);
    const isAbsent = call.outcome === 'fail' || (call.outcome === 'ok' && !hasWritten(call));
    if (isAbsent && place !== undefined) tell(`${call.op} of ${value.slice(0, 30)} failed with ${call.error} and is version ${place}`);
  }
  for (const [value, version] of places) tell(`version ${version} has ${value.slice(0, 30)}, which nobody wrote`);
}

function checkFinal(changes: ReadonlyMap<number, Change>, keys: KeyChanges, final: FinalMap, tell: Tell): void {
  for (const version of changes.keys())
    if (version > final.version) tell(`version ${version} was acknowledged and is lost: the last is ${final.version}`);
  if (changes.size !== final.version) return;
  const left = new Map(final.entries.map((entry) => [entry.key, entry]));
  for (const [key, list] of keys) {
    const last = list.at(-1) as { readonly version: number; readonly value: string | null };
    const entry = left.get(key);
    left.delete(key);
    if ((entry?.value ?? null) !== last.value || (entry !== undefined && entry.version !== last.version))
      tell(`${key} is ${JSON.stringify(entry)} at the end, and its last change was ${JSON.stringify(last)}`);
  }
  for (const key of left.keys()) tell(`${key} is there at the end and was never set`);
}

/** A change that was acknowledged before another was called has the lower version. */
function checkOrder(calls: readonly CallOutcomeOf[], tell: Tell): void {
  const ended = new Bounds('highest');
  for (const call of calls) if (hasWritten(call)) ended.add(call.endedAt, versionOf(call));
  for (const call of calls) {
    const before = ended.at(call.startedAt, 0);
    if (hasWritten(call) && versionOf(call) <= before)
      tell(`${text(call.args)} by ${call.client} has version ${versionOf(call)}, after ${before} was acknowledged`);
  }
}

/** Each read is of a moment between what was acknowledged before it and what was called after it. */
function checkReads(calls: readonly CallOutcomeOf[], keys: KeyChanges, tell: Tell): void {
  const ended = new Bounds('highest');
  const own = new Map<string, Bounds>();
  const begun = new Bounds('lowest');
  for (const call of calls) {
    const seen = seenBy(call);
    if (seen === null) continue;
    ended.add(call.endedAt, seen);
    let mine = own.get(call.client);
    if (mine === undefined) own.set(call.client, (mine = new Bounds('highest')));
    mine.add(call.endedAt, seen);
    if (hasWritten(call)) begun.add(call.startedAt, versionOf(call));
  }
  for (const call of calls) {
    if (call.outcome !== 'ok' || (call.op !== 'get' && call.op !== 'size' && call.op !== 'scan')) continue;
    const low = (call.isSequential ? own.get(call.client) : ended)?.at(call.startedAt, 0) ?? 0;
    const high = begun.at(call.endedAt, Number.POSITIVE_INFINITY) - 1;
    const who = `${call.isSequential ? 'sequential' : 'linearizable'} ${call.op} by ${call.client} at ${call.startMs.toFixed(1)} ms`;
    if (call.op === 'size') {
      const version = versionOf(call);
      if (version < low || version > high) tell(`${who} saw version ${version}, not within ${low} to ${high}`);
    } else if (call.op === 'get') {
      const key = call.args['key'] as string;
      const entry = call.result as { readonly value: string; readonly version: number } | null;
      if (!spansOf(keys.get(key) ?? [], entry).some(([from, to]) => Math.max(from, low) <= Math.min(to, high)))
        tell(`${who} of ${key} saw ${JSON.stringify(entry)}, which it was not between versions ${low} and ${high}`);
    } else {
      checkScan(call, keys, low, high, (fault) => tell(`${who} ${fault}`));
    }
  }
}

/** All entries of one page are of one moment. */
function checkScan(call: CallOutcomeOf, keys: KeyChanges, low: number, high: number, tell: Tell): void {
  const entries = (call.result as { readonly entries: FinalMap['entries'] }).entries;
  const of = new Map(entries.map((entry) => [entry.key, entry]));
  let spans: readonly (readonly [number, number])[] = [[low, high]];
  for (const [key, list] of keys) {
    const own = spansOf(list, of.get(key) ?? null);
    spans = spans.flatMap(([from, to]) => own.map(([a, b]) => [Math.max(a, from), Math.min(b, to)] as const).filter(([a, b]) => a <= b));
  }
  if (spans.length === 0) tell(`saw ${entries.length} entries, as they never were together between versions ${low} and ${high}`);
}

/** From which to which version of the map a key had this entry. */
function spansOf(
  list: readonly { readonly version: number; readonly value: string | null }[],
  entry: { readonly value: string; readonly version: number } | null,
): (readonly [number, number])[] {
  const spans: (readonly [number, number])[] = [];
  const first = list[0]?.version ?? Number.POSITIVE_INFINITY;
  if (entry === null) spans.push([0, first - 1]);
  list.forEach(({ version, value }, i) => {
    const isIt = entry === null ? value === null : entry.version === version && entry.value === value;
    if (isIt) spans.push([version, (list[i + 1]?.version ?? Number.POSITIVE_INFINITY) - 1]);
  });
  return spans;
}

/** The newest version of the map that the answer to a call proves; null: none. */
function seenBy(call: CallOutcomeOf): number | null {
  if (call.outcome !== 'ok') return null;
  if (isWrite(call)) return versionOf(call);
  if (call.op === 'size') return versionOf(call);
  if (call.op === 'get') return (call.result as { readonly version: number } | null)?.version ?? null;
  return null;
}

/** What a set tells of the entry before it. */
function checkPrevious(calls: readonly CallOutcomeOf[], keys: KeyChanges, tell: Tell): void {
  for (const call of calls) {
    if (call.op !== 'set' || call.outcome !== 'ok') continue;
    const { version, previousVersion } = call.result as { readonly version: number; readonly previousVersion: number | null };
    const list = keys.get(call.args['key'] as string) ?? [];
    const before = list[list.findIndex((change) => change.version === version) - 1];
    const was = before === undefined || before.value === null ? null : before.version;
    if (previousVersion !== was) tell(`set of version ${version} was told that ${previousVersion} was there before; it was ${was}`);
  }
}

/** T66: every watch is told each change that it watches once, in order, without a gap. */
function checkWatches(
  calls: readonly CallOutcomeOf[],
  told: ObjectHistory['told'],
  changes: ReadonlyMap<number, Change>,
  tell: Tell,
): void {
  const versions = [...changes.keys()].sort((a, b) => a - b);
  for (const call of calls) {
    if (call.op !== 'watch') continue;
    const name = call.args['watch'] as string;
    const key = call.args['key'] as string | undefined;
    const seen = told.filter(({ event }) => event.event === 'changed' && event.fields['watch'] === name).map(({ event }) => event.fields);
    const last = (seen.at(-1)?.['version'] as number | undefined) ?? 0;
    const after = call.args['afterVersion'] as number;
    const due = versions.filter(
      (version) => version > after && version <= last && (key === undefined || changes.get(version)?.key === key),
    );
    const given = seen.map((fields) => fields['version'] as number);
    if (given.length === due.length && given.every((version, i) => version === due[i])) continue;
    const at = given.findIndex((version, i) => version !== due[i]);
    tell(`watch ${name} was told version ${given[at]} where ${due[at]} was due (${given.length} of ${due.length} changes after ${after})`);
  }
}

/** An entry does not end before its time. */
function checkTtl(calls: readonly CallOutcomeOf[], told: ObjectHistory['told'], changes: ReadonlyMap<number, Change>, tell: Tell): void {
  const set = new Map<string, CallOutcomeOf>();
  for (const call of calls) if (isWrite(call)) set.set(call.args['value'] as string, call);
  const values = new Map<string, string | null>();
  const expired = new Map<number, string | null>();
  for (const [version, { key, change, value }] of [...changes].sort(([a], [b]) => a - b)) {
    if (change === 'expired') expired.set(version, values.get(key) ?? null);
    values.set(key, value);
  }
  for (const { event } of told) {
    const value = expired.get(event.fields['version'] as number);
    if (event.event !== 'changed' || event.fields['change'] !== 'expired' || value === undefined || value === null) continue;
    const by = set.get(value);
    const ttlMs = by?.args['ttlMs'] as number | undefined;
    // The clocks of nodes run apart by less than this.
    if (by !== undefined && (ttlMs === undefined || event.timeMs < by.startMs + ttlMs * 0.99))
      tell(`${value.slice(0, 30)}, set at ${by.startMs.toFixed(1)} ms for ${ttlMs} ms, expired by ${event.timeMs.toFixed(1)} ms`);
  }
}

function text(value: Change | HistoryFields): string {
  return JSON.stringify(value).slice(0, 100);
}
