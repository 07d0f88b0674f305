import type { HistoryEvent, HistoryFields, HistoryValue } from '@quorate/checkers';
import type { InjectedFault } from './fault-plan.js';
import type { LoggedLine, RunRecord } from './run-record.js';
import type { RunFailure } from './swarm.js';

/** A call as the story of a run tells it. */
export interface StoryCall {
  readonly who: string;
  readonly what: string;
  readonly fromMs: number;
  /** Null: it never ended. */
  readonly toMs: number | null;
  readonly outcome: 'ok' | 'failed' | 'unknown' | 'open';
  /** The result or the error. */
  readonly told: string;
}

/** One moment of the story of a run. */
export interface StoryLine {
  readonly atMs: number;
  readonly kind: 'fault' | 'life' | 'log' | 'call' | 'told' | 'problem';
  readonly who: string;
  readonly text: string;
}

/** Longest text of a value, in characters. */
const TEXT_MAX = 160;

/** All calls of a run, in the order in which they began. */
export function storyCalls({ events, streams }: RunRecord): StoryCall[] {
  const calls: StoryCall[] = recordedCalls(events);
  // Those of streams may be in the common history already.
  if (events.some((event) => event.type === 'invoke' && event.object.startsWith('stream/'))) return calls;
  for (const { client, stream, values, startMs, endMs, outcome, code, offset } of streams?.appends ?? []) {
    const what = `${stream} append ${short(values.map((value) => value.replace(/x+$/, '')).join(' '))}`;
    const told = outcome === 'done' ? `at offset ${offset}` : code;
    calls.push({ who: client, what, fromMs: startMs, toMs: endMs < 0 ? null : endMs, outcome: outcomeOf(outcome), told });
  }
  return calls.sort((a, b) => a.fromMs - b.fromMs);
}

function outcomeOf(outcome: string): StoryCall['outcome'] {
  if (outcome === 'done') return 'ok';
  if (outcome === 'pending') return 'open';
  return outcome === 'unknown' ? 'unknown' : 'failed';
}

function recordedCalls(events: readonly HistoryEvent[]): StoryCall[] {
  const calls: StoryCall[] = [];
  const open = new Map<number, StoryCall>();
  for (const event of events) {
    if (event.type === 'invoke') {
      const what = `${event.object} ${event.op} ${fieldsText(event.args)}${event.consistency === 'sequential' ? ' (sequential)' : ''}`;
      const who = event.client ?? `process ${event.process}`;
      open.set(event.process, { who, what, fromMs: event.timeMs, toMs: null, outcome: 'open', told: '' });
    } else if (event.type === 'ok' || event.type === 'fail' || event.type === 'info') {
      const call = open.get(event.process);
      open.delete(event.process);
      if (call === undefined) continue;
      const told = event.type === 'ok' ? valueText(event.result) : event.error;
      const outcome = event.type === 'ok' ? 'ok' : event.type === 'fail' ? 'failed' : 'unknown';
      calls.push({ ...call, toMs: event.timeMs, outcome, told });
    }
  }
  return [...calls, ...open.values()].sort((a, b) => a.fromMs - b.fromMs);
}

/** The story of a run in lines, in order of time. */
export function storyLines(record: RunRecord, failure: RunFailure | null): StoryLine[] {
  const lines: StoryLine[] = [];
  for (const fault of record.faults) {
    lines.push({ atMs: fault.atMs, kind: 'fault', who: fault.targets.join(' '), text: faultText(fault) });
    if (fault.untilMs > fault.atMs)
      lines.push({ atMs: fault.untilMs, kind: 'fault', who: fault.targets.join(' '), text: `end of ${fault.action} (fault ${fault.id})` });
  }
  for (const { atMs, who, what } of record.lives.items) lines.push({ atMs, kind: 'life', who, text: what });
  for (const line of record.logged.items) lines.push({ atMs: line.atMs, kind: 'log', who: line.who, text: logText(line) });
  for (const { who, what, fromMs, toMs, outcome, told } of storyCalls(record)) {
    lines.push({ atMs: fromMs, kind: 'call', who, text: `${what} …` });
    if (toMs !== null) lines.push({ atMs: toMs, kind: 'call', who, text: `… ${what} → ${outcome}${told === '' ? '' : `: ${told}`}` });
  }
  for (const event of record.events) {
    if (event.type === 'told') {
      const text = `${event.object} told ${event.event} ${fieldsText(event.fields)}`;
      lines.push({ atMs: event.timeMs, kind: 'told', who: event.client ?? '', text });
    } else if (event.type === 'session') {
      lines.push({ atMs: event.timeMs, kind: 'told', who: event.client ?? '', text: `session ${event.session} ${event.state}` });
    }
  }
  if (failure !== null) lines.push({ atMs: failure.atMs, kind: 'problem', who: '', text: failure.message });
  // What is planned for after the failure did not happen.
  return lines.filter(({ atMs }) => failure === null || atMs <= failure.atMs).sort((a, b) => a.atMs - b.atMs);
}

/** A fault in words. */
export function faultText({ id, action, atMs, untilMs, targets }: InjectedFault): string {
  const lasts = untilMs > atMs ? ` for ${(untilMs - atMs).toFixed(1)} ms` : '';
  return `${action} ${targets.join(' ')}${lasts} (fault ${id})`;
}

function logText({ level, event, fields }: LoggedLine): string {
  if (event === 'leadership') {
    const { group, role, term, leader } = fields;
    return role === 'leader'
      ? `LEADS group ${String(group)} in term ${String(term)}`
      : `group ${String(group)}: ${String(role)} in term ${String(term)}, leader ${String(leader)}`;
  }
  const sign = level === 'error' || level === 'warn' ? `${level}: ` : '';
  return short(`${sign}${event} ${fieldsText(fields as HistoryFields)}`);
}

function fieldsText(fields: HistoryFields): string {
  return short(
    Object.entries(fields)
      .map(([name, value]) => `${name} ${valueText(value)}`)
      .join(', '),
  );
}

function valueText(value: HistoryValue): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return short(text.replaceAll(/x{4,}/g, 'x…'));
}

function short(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
