import { Bounds } from './recorded-calls.js';
import type { AppendRecord, History, ReadRecord } from './history.js';

/** Faults told at most; the rest is the same again. */
const FAULTS_MAX = 20;

/**
 * Compares a history with what the streams hold in the end and returns every fault found, none if all guarantees were kept:
 * - each call settled exactly once;
 * - each acknowledged record stands at the offset it was told, once, and nothing stands in a stream that was not appended, nor twice;
 * - what failed as `never` or `safe` is not there;
 * - the appends of one client to one stream stand in the order of the calls, and an append that began after another ended stands after it;
 * - a linearizable read saw a piece of the final stream, with everything in it that was acknowledged before the read began.
 */
export function checkStreams(history: History, final: ReadonlyMap<string, readonly string[]>): string[] {
  const faults: string[] = [];
  const tell = (fault: string): void => {
    if (faults.length < FAULTS_MAX) faults.push(fault);
  };
  checkSettled(history, tell);
  const appendsOf = groupBy(history.appends, (append) => append.stream);
  const readsOf = groupBy(history.reads, (read) => read.stream);
  for (const [stream, records] of final) {
    const appends = appendsOf.get(stream) ?? [];
    checkContent(stream, records, appends, tell);
    checkCallerOrder(stream, appends, tell);
    checkRealTimeOrder(stream, appends, tell);
    checkReads(stream, records, appends, readsOf.get(stream) ?? [], tell);
  }
  for (const stream of appendsOf.keys()) {
    if (!final.has(stream) && appendsOf.get(stream)?.some((append) => append.outcome === 'done'))
      tell(`stream ${stream} was not read back`);
  }
  return faults;
}

type Tell = (fault: string) => void;

function checkSettled(history: History, tell: Tell): void {
  for (const append of history.appends) if (append.settled !== 1) tell(`T77: append of ${nameOf(append)} settled ${append.settled} times`);
  for (const read of history.reads)
    if (read.settled !== 1) tell(`T77: read of ${read.stream} by ${read.client} settled ${read.settled} times`);
}

function checkContent(stream: string, records: readonly string[], appends: readonly AppendRecord[], tell: Tell): void {
  const places = new Map<string, number>();
  records.forEach((value, offset) => {
    const before = places.get(value);
    if (before !== undefined) tell(`${stream}: ${short(value)} stands twice, at ${before} and ${offset}`);
    places.set(value, offset);
  });
  const known = new Set<string>();
  for (const append of appends) {
    append.values.forEach((value, i) => {
      known.add(value);
      const place = places.get(value);
      if (append.outcome === 'done') {
        if (place === undefined)
          tell(`${stream}: acknowledged ${short(value)} at ${append.offset + i} is missing (${records.length} records)`);
        else if (place !== append.offset + i)
          tell(`${stream}: ${short(value)} was acknowledged at ${append.offset + i} and stands at ${place}`);
      } else if (place !== undefined && append.outcome !== 'unknown' && append.outcome !== 'pending') {
        tell(`${stream}: ${short(value)} failed with ${append.code} (${append.outcome}) and stands at ${place}`);
      }
    });
  }
  for (const [value, place] of places) if (!known.has(value)) tell(`${stream}: ${short(value)} at ${place} was never appended`);
}

function checkCallerOrder(stream: string, appends: readonly AppendRecord[], tell: Tell): void {
  const last = new Map<string, AppendRecord>();
  for (const append of appends) {
    if (append.outcome !== 'done') continue;
    const before = last.get(append.client);
    if (before !== undefined && before.offset >= append.offset) {
      tell(
        `${stream}: ${append.client} called ${nameOf(before)} before ${nameOf(append)}, but they stand at ${before.offset} and ${append.offset}`,
      );
    }
    last.set(append.client, append);
  }
}

function checkRealTimeOrder(stream: string, appends: readonly AppendRecord[], tell: Tell): void {
  const done = appends.filter((append) => append.outcome === 'done');
  const byEnd = [...done].sort((a, b) => a.endedAt - b.endedAt);
  let highest: AppendRecord | undefined;
  let next = 0;
  for (const append of [...done].sort((a, b) => a.startedAt - b.startedAt)) {
    for (; (byEnd[next]?.endedAt ?? Number.POSITIVE_INFINITY) < append.startedAt; next++) {
      const ended = byEnd[next] as AppendRecord;
      if (highest === undefined || ended.offset > highest.offset) highest = ended;
    }
    if (highest !== undefined && highest.offset >= append.offset) {
      tell(`${stream}: ${nameOf(highest)} ended before ${nameOf(append)} began, but they stand at ${highest.offset} and ${append.offset}`);
    }
  }
}

function checkReads(
  stream: string,
  records: readonly string[],
  appends: readonly AppendRecord[],
  reads: readonly ReadRecord[],
  tell: Tell,
): void {
  // Where the stream ended for certain when a read began.
  const ends = new Bounds('highest');
  for (const append of appends) if (append.outcome === 'done') ends.add(append.endedAt, append.offset + append.values.length);
  for (const read of reads) {
    if (read.outcome !== 'done') continue;
    read.values.forEach((value, i) => {
      if (records[read.fromOffset + i] !== value) {
        tell(
          `${stream}: a read by ${read.client} saw ${short(value)} at ${read.fromOffset + i}, where ${short(records[read.fromOffset + i] ?? 'nothing')} stands`,
        );
      }
    });
    // An answer may be short, but not empty while there is something.
    const end = ends.at(read.startedAt, 0);
    if (end > read.fromOffset && read.values.length === 0)
      tell(`${stream}: a linearizable read from ${read.fromOffset} by ${read.client} was empty after ${end - 1} was acknowledged`);
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function nameOf(append: AppendRecord): string {
  return short(append.values[0] ?? 'nothing');
}

function short(value: string): string {
  return value.replace(/x+$/, '');
}
