import { type Call, describeCall } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import type { HistoryFields } from '../history/event.js';
import { type HistoryToken, compareTokens, tokenKey, tokenOf } from '../history/token.js';
import type { Findings } from '../verdict.js';

/** Writes with one token to one object: the versions or offsets they span. */
interface TokenSpan {
  readonly token: HistoryToken;
  first: number;
  firstCall: Call;
  last: number;
  lastCall: Call;
}
interface FencedPair {
  /** In order of tokens. Only maps and streams tell places. */
  readonly spans: TokenSpan[];
  /** The write with the greatest token that was answered. */
  newest: Call | null;
}

const SPANS_MAX = 1000;

/**
 * Fenced writes: none with an older token takes effect after one with a newer token in the same object; where lock and object are declared to be
 * of one group, none that began after the next holder knew of its grant takes effect at all (`fences`).
 */
export class FenceRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #groups: ReadonlyMap<string, number | undefined>;
  readonly #pairs = new Map<string, FencedPair>();
  readonly #grants = new Map<string, Call>();
  readonly #floors = new Map<Call, readonly Call[]>();

  /** `groups`: by name of object, where the header says it. */
  constructor(findings: Findings, groups: ReadonlyMap<string, number | undefined>) {
    this.#findings = findings;
    this.#groups = groups;
  }

  invoked(call: Call): void {
    const fence = fenceOf(call);
    if (fence === null) return;
    const floors: Call[] = [];
    const { newest } = this.#pairOf(call, fence.lock);
    if (newest !== null) floors.push(newest);
    const group = this.#groups.get(call.object.name);
    const grant = this.#grants.get(fence.lock);
    if (grant !== undefined && group !== undefined && group === this.#groups.get(fence.lock)) floors.push(grant);
    if (floors.length > 0) this.#floors.set(call, floors);
  }

  returned(call: Call): void {
    const { kind } = call.object;
    if (kind === 'lock' || kind === 'election') {
      if (call.outcome === 'ok' && (call.op === 'acquire' || call.op === 'tryAcquire' || call.op === 'campaign')) this.#granted(call);
      return;
    }
    const fence = fenceOf(call);
    if (fence === null) return;
    const floors = this.#floors.get(call) ?? [];
    this.#floors.delete(call);
    if (call.outcome !== 'ok' || !hasEffect(call)) return;
    this.#findings.count('fences.writes');
    for (const before of floors) {
      const newer = fenceOf(before)?.token ?? tokenOf(before.result);
      if (newer !== null && compareTokens(fence.token, newer) < 0) this.#late(before, call);
    }
    const pair = this.#pairOf(call, fence.lock);
    const best = pair.newest === null ? null : fenceOf(pair.newest);
    if (best === null || compareTokens(fence.token, best.token) > 0) pair.newest = call;
    const place = placeOf(call);
    if (place !== null) this.#place(pair.spans, fence.token, place, call);
  }

  #granted(call: Call): void {
    const token = tokenOf(call.result);
    if (token === null) return;
    const before = this.#grants.get(call.object.name);
    const known = before === undefined ? null : tokenOf(before.result);
    if (known === null || compareTokens(token, known) > 0) this.#grants.set(call.object.name, call);
  }

  #place(spans: TokenSpan[], token: HistoryToken, version: number, call: Call): void {
    let at = spans.length;
    while (at > 0 && compareTokens((spans[at - 1] as TokenSpan).token, token) >= 0) at--;
    let span = spans[at];
    if (span === undefined || tokenKey(span.token) !== tokenKey(token)) {
      span = { token, first: version, firstCall: call, last: version, lastCall: call };
      spans.splice(at, 0, span);
    }
    if (version < span.first) [span.first, span.firstCall] = [version, call];
    if (version > span.last) [span.last, span.lastCall] = [version, call];
    const before = spans[at - 1];
    const after = spans[at + 1];
    if (before !== undefined && before.last > span.first) this.#late(span.firstCall, before.lastCall);
    if (after !== undefined && span.last > after.first) this.#late(after.firstCall, span.lastCall);
    if (spans.length > SPANS_MAX) spans.shift();
  }

  #late(newer: Call, older: Call): void {
    this.#findings.add({
      type: 'violation',
      rule: 'fences',
      object: older.object.name,
      line: older.returnedAt + 2,
      text: `a write with an older token took effect after a newer token was in force:\n    ${describeCall(newer)}\n    ${describeCall(older)}`,
    });
  }

  #pairOf(call: Call, lock: string): FencedPair {
    const key = JSON.stringify([call.object.name, lock]);
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      pair = { spans: [], newest: null };
      this.#pairs.set(key, pair);
    }
    return pair;
  }
}

interface HistoryFence {
  readonly lock: string;
  readonly token: HistoryToken;
}

function fenceOf(call: Call): HistoryFence | null {
  return (call.args['fence'] as HistoryFence | null | undefined) ?? null;
}

/** The version or offset where it took effect; null if its kind tells none. */
function placeOf(call: Call): number | null {
  const result = call.result as HistoryFields;
  if (call.object.kind === 'stream') return result['offset'] as number;
  return call.object.kind === 'map' && call.op !== 'remove' ? (result['version'] as number) : null;
}

/** False for an answer that says that nothing was changed: the token was not needed for it. */
function hasEffect(call: Call): boolean {
  if (call.op === 'setIfAbsent') return (call.result as HistoryFields)['isSet'] === true;
  return call.result !== false;
}
