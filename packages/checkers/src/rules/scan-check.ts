import type { Call } from '../history/call.js';
import type { HistoryFields } from '../history/event.js';
import { compareTexts, hasPrefix } from '../history/history-text.js';
import type { Change, MapLog } from './map-log.js';

interface ScannedEntry {
  readonly key: string;
  readonly value: string | null;
  readonly version: number;
}

/** Entries of a page. */
export function entriesOf(call: Call): readonly ScannedEntry[] {
  return (call.result as HistoryFields)['entries'] as unknown as readonly ScannedEntry[];
}

/** What is wrong with the form of a page: order, range, limit. Null: nothing. */
export function pageFault(call: Call): string | null {
  const entries = entriesOf(call);
  const { args } = call;
  const direction = args['isReverse'] === true ? -1 : 1;
  const limit = args['limit'];
  if (typeof limit === 'number' && entries.length > limit) return `a page of ${entries.length} entries, the limit is ${limit}`;
  for (const [at, entry] of entries.entries()) {
    const before = entries[at - 1];
    if (before !== undefined && compareTexts(before.key, entry.key) * direction >= 0) {
      return `keys are not in order: ${JSON.stringify(before.key)}, then ${JSON.stringify(entry.key)}`;
    }
    if (!isInRange(entry.key, args)) return `key ${JSON.stringify(entry.key)} was not asked for`;
  }
  return null;
}

function isInRange(key: string, args: HistoryFields): boolean {
  const { from, to, prefix } = args;
  if (typeof from === 'string' && compareTexts(key, from) < 0) return false;
  if (typeof to === 'string' && compareTexts(key, to) >= 0) return false;
  return typeof prefix !== 'string' || hasPrefix(key, prefix);
}

/**
 * A page is read at one moment: there is a version of the map, not below `floor`, at which all its entries are the newest of their keys and all
 * keys that are not in it are absent. Tells why there is none; null: there is.
 */
export function momentFault(call: Call, log: MapLog, floor: number): string | null {
  const entries = entriesOf(call);
  const hasMore = (call.result as HistoryFields)['hasMore'] === true;
  const found = new Map(entries.map((entry) => [entry.key, entry]));
  let low = floor;
  let lowBy = `everything up to version ${floor} was there before it`;
  let high = Number.POSITIVE_INFINITY;
  let highBy = '';
  for (const { key, version } of entries) {
    if (version > low) {
      low = version;
      lowBy = `it has ${JSON.stringify(key)} of version ${version}`;
    }
    const next = log.nextChange(key, version);
    if (next !== undefined && next.version - 1 < high) {
      high = next.version - 1;
      highBy = `it has ${JSON.stringify(key)} of version ${version}, which changed at version ${next.version} (line ${next.line})`;
    }
  }
  if (low > high) return `no moment fits: ${lowBy}, but ${highBy}`;
  const last = entries.at(-1)?.key;
  const isReverse = call.args['isReverse'] === true;
  // Spans of versions in which a key that is not on the page certainly was in the map.
  const spans: { readonly from: number; readonly to: number; readonly change: Change }[] = [];
  for (const key of log.keys) {
    if (found.has(key) || !isInRange(key, call.args)) continue;
    if (hasMore && (last === undefined || compareTexts(key, last) * (isReverse ? -1 : 1) > 0)) continue;
    const changes = log.changesFrom(key, low);
    for (const [at, change] of changes.entries()) {
      if (change.value === null || log.isRemovableAfter(change)) continue;
      spans.push({ from: change.version, to: (changes[at + 1]?.version ?? Number.POSITIVE_INFINITY) - 1, change });
    }
  }
  spans.sort((a, b) => a.from - b.from);
  let moment = low;
  let by = lowBy;
  for (const { from, to, change } of spans) {
    if (from > moment) break;
    if (to < moment) continue;
    moment = to + 1;
    by = `${JSON.stringify(change.key)}, set at version ${change.version} (line ${change.line}), is missing${Number.isFinite(to) ? ` until version ${to}` : ''}`;
  }
  return moment <= high && Number.isFinite(moment) ? null : `no moment fits: ${lowBy}${highBy === '' ? '' : `, ${highBy}`}, ${by}`;
}
