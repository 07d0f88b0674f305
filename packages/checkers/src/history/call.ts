import type { HistoryFields, HistoryObject, HistoryValue, ReadConsistency } from './event.js';

/** How a call ended: `open` as long as it has not. */
export type CallOutcome = 'open' | 'ok' | 'fail' | 'info';

/** An invocation and how it ended. `invokedAt` and `returnedAt` are positions in the history: the order of real time. */
export class Call {
  readonly object: HistoryObject;
  readonly op: string;
  readonly args: HistoryFields;
  readonly process: number;
  readonly client: string;
  readonly session: string | undefined;
  readonly number: number | undefined;
  readonly consistency: ReadConsistency;
  readonly invokedAt: number;
  /** Time of its invocation. */
  readonly invokedMs: number;
  outcome: CallOutcome = 'open';
  returnedAt: number = Number.POSITIVE_INFINITY;
  /** Of `ok`; null before. */
  result: HistoryValue = null;
  /** Code of `fail` and `info`. */
  error = '';

  constructor(init: {
    readonly object: HistoryObject;
    readonly op: string;
    readonly args: HistoryFields;
    readonly process: number;
    readonly client: string;
    readonly session?: string | undefined;
    readonly number?: number | undefined;
    readonly consistency?: ReadConsistency | undefined;
    readonly invokedAt: number;
    readonly invokedMs: number;
  }) {
    this.object = init.object;
    this.op = init.op;
    this.args = init.args;
    this.process = init.process;
    this.client = init.client;
    this.session = init.session;
    this.number = init.number;
    this.consistency = init.consistency ?? 'linearizable';
    this.invokedAt = init.invokedAt;
    this.invokedMs = init.invokedMs;
  }
}

/** A call as a line for people. Positions are line numbers of the file, of which the header is line 1. */
export function describeCall(call: Call): string {
  const args = Object.keys(call.args).length === 0 ? '' : ` ${describeValue(call.args)}`;
  const end =
    call.outcome === 'ok'
      ? `→ ${describeValue(call.result)}`
      : call.outcome === 'fail'
        ? `→ failed: ${call.error}`
        : call.outcome === 'info'
          ? `→ unknown: ${call.error || 'still open at the end'}`
          : '→ open';
  const until = Number.isFinite(call.returnedAt) ? `${call.returnedAt + 2}` : '';
  return `lines ${call.invokedAt + 2}–${until}: ${call.client} (process ${call.process}) ${call.object.name} ${call.op}${args} ${end}`;
}

const SHOWN_MAX = 160;

/** A value as short text for people. */
export function describeValue(value: HistoryValue): string {
  const text = JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? each.toString() : each)) ?? 'nothing';
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

/** One text for equal values. */
export function valueKey(value: HistoryValue): string {
  return JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? '';
}
