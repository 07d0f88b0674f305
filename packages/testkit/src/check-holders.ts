import type { HistoryValue } from '@quorate/checkers';
import { Bounds, type CallOutcomeOf, type ObjectHistory } from './recorded-calls.js';

type Tell = (fault: string) => void;

const ACQUIRING = new Set(['acquire', 'tryAcquire', 'campaign']);

/** The grants of a lock or an election: each token once, and greater than every one that was given out before its claim was made. */
export function checkHolders(name: string, { calls, told }: ObjectHistory, tell: Tell): void {
  const granted = new Bounds('highest');
  const holders = new Map<number, string>();
  for (const call of calls) {
    const token = tokenOf(call);
    if (token === null) continue;
    const other = holders.get(token);
    if (other !== undefined) tell(`${name}: token ${token} was given to ${other} and to ${call.client}`);
    holders.set(token, call.client);
    granted.add(call.endedAt, token);
  }
  for (const call of calls) {
    const token = tokenOf(call);
    const before = granted.at(call.startedAt, 0);
    if (token !== null && token <= before)
      tell(`${name}: ${call.client} was given token ${token} for a claim made after ${before} was given`);
  }
  const seen = new Map<string, number>();
  for (const { event } of told) {
    if (event.event !== 'leaderChanged') continue;
    const leader = event.fields['leader'] as { readonly token: HistoryValue } | null;
    if (leader === null) continue;
    const token = indexOf(leader.token);
    const last = seen.get(event.client) ?? 0;
    if (token < last) tell(`${name}: ${event.client} was told of leader ${token} after ${last}`);
    seen.set(event.client, token);
  }
}

/** T65: the writes under a lock are in the order of its tokens: none of a past holder after one of a later holder. */
export function checkFencedMap(name: string, { calls }: ObjectHistory, tell: Tell): void {
  const written = calls
    .filter((call) => call.outcome === 'ok' && call.args['fence'] !== undefined)
    .map((call) => ({
      version: (call.result as { readonly version: number }).version,
      token: indexOf((call.args['fence'] as { readonly token: HistoryValue }).token),
    }))
    .sort((a, b) => a.version - b.version);
  written.forEach(({ version, token }, i) => {
    const before = written[i - 1];
    if (before !== undefined && token < before.token)
      tell(`${name}: version ${version} was written with token ${token}, after ${before.version} with ${before.token}`);
  });
}

/** The adds of a counter: each counts once; answers and reads are in the order of real time. All deltas are positive. */
export function checkCounter(name: string, { calls }: ObjectHistory, final: number, tell: Tell): void {
  const ended = new Bounds('highest');
  const begun = new Bounds('lowest');
  const adds: { readonly from: number; readonly to: number }[] = [];
  let sure = 0;
  let possible = 0;
  for (const call of calls) {
    const delta = call.op === 'add' ? (call.args['delta'] as number) : 0;
    if (call.outcome === 'info') possible += delta;
    if (call.outcome !== 'ok') continue;
    const value = call.result as number;
    ended.add(call.endedAt, value);
    if (call.op !== 'add') continue;
    sure += delta;
    adds.push({ from: value - delta, to: value });
    begun.add(call.startedAt, value - delta);
  }
  if (final < sure || final > sure + possible) tell(`${name}: ${final} at the end, with ${sure} acknowledged and ${possible} unknown`);
  for (const call of calls) {
    if (call.outcome !== 'ok') continue;
    const value = call.result as number;
    const low = ended.at(call.startedAt, 0) + (call.op === 'add' ? (call.args['delta'] as number) : 0);
    const high = begun.at(call.endedAt, final);
    if (value < low || value > high)
      tell(`${name}: ${call.op} by ${call.client} at ${call.startMs.toFixed(1)} ms gave ${value}, not ${low} to ${high}`);
  }
  adds.sort((a, b) => a.to - b.to);
  adds.forEach(({ from, to }, i) => {
    const before = adds[i - 1];
    if (before !== undefined && from < before.to) tell(`${name}: an addition gave ${to} from ${from}, and another ${before.to}`);
  });
}

function tokenOf(call: CallOutcomeOf): number | null {
  if (!ACQUIRING.has(call.op) || call.outcome !== 'ok' || call.result === null) return null;
  return indexOf((call.result as { readonly token: HistoryValue }).token);
}

function indexOf(token: HistoryValue): number {
  return (token as readonly number[])[1] as number;
}
