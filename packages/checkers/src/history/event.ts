// The history: what clients called and saw, in the order in which it happened. docs/formats/history.md describes the same as lines of JSON.
//
// The order of the events is the order of real time: a call whose `ok` stands before the `invoke` of another ended before the other began.
// `timeMs` never falls; it is for people and for rules with durations.

/**
 * A value in a history. Texts stand for their UTF-8 bytes; bytes that are no text are wrapped by `bytesText`. Numbers are safe integers or
 * fractions; whole numbers beyond 2^53 - 1 are `bigint`.
 */
export type HistoryValue = null | boolean | number | bigint | string | readonly HistoryValue[] | HistoryFields;

/** Named values: arguments and results. */
export interface HistoryFields {
  readonly [field: string]: HistoryValue;
}

/** What an object is; decides which operations it has and which checkers judge it. */
export type ObjectKind = 'register' | 'map' | 'counter' | 'lock' | 'election' | 'queue' | 'stream';

/** An object of the history, declared in the header. */
export interface HistoryObject {
  /** Unique in the history, whatever the kind: `map/users`, `lock/users`. */
  readonly name: string;
  readonly kind: ObjectKind;
  /** The group that it lives in, if that is known: a fence is checked against the present holder where lock and object share one. */
  readonly group?: number;
  /** Every value written to a key (map), appended (stream) or enqueued (queue) is used once in the history; default true. */
  readonly hasUniqueValues?: boolean;
  /** Stream: at the end of the history it was read from 0 to its end, so an acknowledged record that nobody read is lost. Default true. */
  readonly isReadBack?: boolean;
  /** Stream: retention may take records from its start. Default false: a read of what was known to be there is never out of range. */
  readonly isTrimmed?: boolean;
}

/** Whether no value is written to it twice: so unless it is declared otherwise. */
export function isUniquelyWritten(object: HistoryObject): boolean {
  return object.hasUniqueValues !== false;
}

/** The first line of a history. */
export interface HistoryHeader {
  readonly format: 'quorate-history';
  readonly version: 1;
  /** Where it comes from, for people: a seed, a command, a commit. */
  readonly source: string;
  readonly objects: readonly HistoryObject[];
}

/** How fresh an answer must be. Default `linearizable`. */
export type ReadConsistency = 'linearizable' | 'sequential' | 'stale';

/** A call begins. A process has one call open at a time; a client is any number of processes with one program order. */
export interface InvokeEvent {
  readonly type: 'invoke';
  readonly timeMs: number;
  /** A whole number from 0. */
  readonly process: number;
  /** Whose program order it belongs to; without one, the process is a client of its own. */
  readonly client?: string;
  /** The session it is numbered in, and its number there. */
  readonly session?: string;
  readonly number?: number;
  readonly object: string;
  readonly op: string;
  readonly args: HistoryFields;
  readonly consistency?: ReadConsistency;
}

/** The open call of the process was answered. */
export interface OkEvent {
  readonly type: 'ok';
  readonly timeMs: number;
  readonly process: number;
  readonly result: HistoryValue;
}

/** The open call of the process certainly had no effect (retry class `never` or `safe`). Some codes say what it saw: `versionMismatch`, `notHeld`. */
export interface FailEvent {
  readonly type: 'fail';
  readonly timeMs: number;
  readonly process: number;
  /** Error code. */
  readonly error: string;
}

/** Nobody knows whether the open call of the process happened: it may take effect at any time from its invocation on, or never. */
export interface InfoEvent {
  readonly type: 'info';
  readonly timeMs: number;
  readonly process: number;
  /** Error code. */
  readonly error: string;
}

/** Something was pushed to a client: a change it watches, a leader it observes, that it lost a lock. */
export interface ToldEvent {
  readonly type: 'told';
  readonly timeMs: number;
  readonly client: string;
  readonly object: string;
  readonly event: string;
  readonly fields: HistoryFields;
}

/** A session of a client: opened, lost (as the client noticed it), or closed by the client. */
export interface SessionEvent {
  readonly type: 'session';
  readonly timeMs: number;
  readonly client: string;
  readonly session: string;
  readonly state: 'opened' | 'lost' | 'closed';
}

/** A fault was injected or healed: for the reader of a failure, and for rules that a moved clock excuses. */
export interface FaultEvent {
  readonly type: 'fault';
  readonly timeMs: number;
  readonly fault: string;
  /** Nodes, links, files: whatever it hit. */
  readonly target?: string;
}

/** Anything else worth reading. */
export interface NoteEvent {
  readonly type: 'note';
  readonly timeMs: number;
  readonly text: string;
}

/** One line after the header. */
export type HistoryEvent = InvokeEvent | OkEvent | FailEvent | InfoEvent | ToldEvent | SessionEvent | FaultEvent | NoteEvent;
