import type { LogIndex, QuorateError } from '@quorate/base';
import type { ResourceId, SessionId } from './resource-machine.js';

/** How long a call may take, in ms; default: that of the client (5,000). */
export interface CallTime {
  readonly deadlineMs?: number;
}

/** A call under way. */
export interface PendingCall {
  /** Ends it, unless it is settled: with `cancelled` if it has no effect, with `aborted` if it may still take effect. */
  cancel(): void;
  /** False as long as nothing of it has left this process; undefined: nobody looked. */
  readonly wasSent?: boolean;
}

/** Called exactly once, never from within the call that it was handed to. */
export type Done<T> = (error: QuorateError | null, result: T | null) => void;

/** The answer to a command: its log index, and the encoded result. */
export interface CommandResult {
  readonly index: LogIndex;
  readonly result: Uint8Array;
}

/** `linearizable`: sees everything acknowledged before it began. `sequential`: any replica, never older than what this client saw. */
export type ReadConsistency = 'linearizable' | 'sequential';

/** State of the session as its client sees it. */
export type SessionState =
  /** Being opened. */
  | 'opening'
  /** In contact. */
  | 'open'
  /** Out of contact; it may have expired. */
  | 'suspended'
  /** It ended, and everything held by it is lost. A new one is opened by the next command. */
  | 'expired'
  | 'closed';

/** How a query is asked. */
export interface QueryOptions extends CallTime {
  readonly consistency?: ReadConsistency;
  /** Answered only if all events that the present session had when the answer was made were told before; otherwise `unavailable`. */
  readonly isAfterEvents?: boolean;
}

/** What the holder of a resource is told. */
export interface ResourceListener {
  /** An event of this resource, in order, each once. `fields` are encoded and valid only during the call. */
  event(code: number, index: LogIndex, fields: Uint8Array): void;
  /** The session ended: no more events come, everything held is lost. Comes once per session. */
  sessionLost(error: QuorateError): void;
  /**
   * The cluster may have ended the session by now, for want of contact, and may have given what it held to others; or it goes on when the contact
   * is back (see `Commands.isCertain`). Comes once each time, and not before `sessionLost` if that follows at once.
   */
  sessionDoubted?(error: QuorateError): void;
  stateChanged(state: SessionState): void;
}

/**
 * What the typed faces of resources are written against: one session with a machine, embedded, remote or simulated. Commands of one session
 * are applied in the order of `submit`, exactly once; results and events arrive in the order of the log.
 */
export interface Commands {
  readonly state: SessionState;
  /** The present session; 0 if there is none. */
  readonly session: SessionId;
  /**
   * True while the cluster certainly keeps the present session, by the clock of this process: the last contact is not as long ago as the
   * disconnect grace. Before that is over nothing that the session holds can be another's.
   */
  readonly isCertain: boolean;
  /** Finds the resource of that name or creates it. `nameInvalid`, `kindMismatch` (another kind has the name), `resourceUnsupported`. */
  openResource(type: string, version: number, name: string, options: CallTime, done: Done<ResourceId>): PendingCall;
  submit(resource: ResourceId, operation: number, args: Uint8Array, options: CallTime, done: Done<CommandResult>): PendingCall;
  query(resource: ResourceId, operation: number, args: Uint8Array, options: QueryOptions, done: Done<Uint8Array>): PendingCall;
  /** From now on `listener` gets the events of this resource. Returns how to end that. */
  listen(resource: ResourceId, listener: ResourceListener): () => void;
}
