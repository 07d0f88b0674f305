import { LIMITS, type GroupId, type LogIndex, QuorateError, asQuorateError, checkName } from '@quorate/base';
import {
  COMMANDS_HEADER_BYTES,
  COMMAND_HEADER_BYTES,
  type CallTime,
  type CommandResult,
  type Commands,
  type Done,
  MACHINE_OPERATION,
  type PendingCall,
  type QueryOptions,
  type ResourceId,
  type ResourceListener,
  type SessionId,
  type SessionState,
  decodeOpenedResource,
  encodeOpenResource,
} from '@quorate/machine';
import { checkDuration, checkNameBytes, checkWhole } from '../core/argument-checks.js';
import type { CallContext } from '../core/call.js';
import { LeaderCache } from '../core/leader-cache.js';
import { ClientQueries, type QueriesOwner, QUERY_ARGS_BYTES_MAX } from './client-queries.js';
import type { EventsAt } from './event-chain.js';
import { Listeners, callbackThrew, guarded } from './listeners.js';
import { Session, type SessionOwner } from './session.js';
import { type SessionOptions, type SessionSettings, sessionSettingsOf } from './session-options.js';
import { type SessionStateListener, type SessionStateSubscription, SessionStates } from './session-states.js';

/** Time that a session which is in contact has to be closed at the cluster, in ms; otherwise it expires there. */
const CLOSE_MS = 1000;
const ARGS_BYTES_MAX = LIMITS.batchPayloadBytesMax - COMMANDS_HEADER_BYTES - COMMAND_HEADER_BYTES;
const NO_BYTES = new Uint8Array(0);

/**
 * The sessions of one client with the machine of one group, one at a time: a new one is opened by the first command after the last has ended.
 *
 * Errors of every call besides its own: `sessionExpired` (the session ended before the answer), `deadlineExceeded` and `aborted` (sent, and not
 * answered in time), `unavailable` and other `safe` ones (not sent before the deadline), `overloaded` (too much waits here), `closed`,
 * `valueTooLarge` (more than a payload can hold), `invalidArgument`.
 */
export class SessionClient implements Commands, SessionOwner, QueriesOwner {
  readonly context: CallContext;
  readonly readers: CallContext;
  readonly #settings: SessionSettings;
  readonly #listeners: Listeners;
  readonly #states: SessionStates;
  readonly #queries: ClientQueries;
  #session: Session | null = null;
  /** While there is no session. */
  #state: SessionState = 'opening';
  #seenIndex: LogIndex = 0;
  #closeCallbacks: (() => void)[] | null = null;
  /** What calls end with that come too late. */
  #endError = new QuorateError('closed', 'this client is closed');

  /** Opens nothing yet. `invalidArgument`, `addressInvalid`. */
  constructor(context: CallContext, group: GroupId, options: SessionOptions = {}) {
    this.context = context;
    this.#settings = sessionSettingsOf(group, options, context.settings);
    this.#listeners = new Listeners(context.settings.logger);
    this.#states = new SessionStates(context.settings.timers, context.settings.logger);
    const nearest = new LeaderCache();
    if (this.#settings.readFrom !== null) nearest.learn(group, this.#settings.readFrom);
    this.readers = { ...context, leaders: nearest };
    this.#queries = new ClientQueries(this);
  }

  get group(): GroupId {
    return this.#settings.group;
  }
  /** `opening` until the first session is open. As of now by the clock: `expired` and `suspended` may be seen here before they are told. */
  get state(): SessionState {
    return this.#session?.state ?? this.#state;
  }
  get session(): SessionId {
    return this.#session?.id ?? 0;
  }
  get isCertain(): boolean {
    return this.#session?.isCertain ?? false;
  }
  /** Calls that are not settled, and commands that were given up and may yet be applied. */
  get openCalls(): number {
    return this.#queries.count + (this.#session?.commands.count ?? 0);
  }
  get seenIndex(): LogIndex {
    return this.#seenIndex;
  }

  /** Finds or creates a resource. `nameInvalid`, `kindMismatch`, `resourceUnsupported`, `overloaded`. */
  openResource(type: string, version: number, name: string, options: CallTime, done: Done<ResourceId>): PendingCall {
    try {
      this.#checkOpen();
      checkNameBytes('type', type);
      checkName('resource', name);
      checkWhole('version', version, 0, 0xffff);
      const args = encodeOpenResource(type, version, name);
      return this.#command(0, MACHINE_OPERATION.openResource, args, options, (error, result) => {
        if (result === null) done(error, null);
        else told(done, () => decodeOpenedResource(result.result));
      });
    } catch (thrown) {
      return this.#refused(done, thrown);
    }
  }

  /** A command, applied exactly once, after all that were submitted before. `args` must not change before it is settled. */
  submit(resource: ResourceId, operation: number, args: Uint8Array, options: CallTime, done: Done<CommandResult>): PendingCall {
    try {
      this.#checkOpen();
      checkWhole('resource', resource, 1, Number.MAX_SAFE_INTEGER);
      checkWhole('operation', operation, 0, 0xffff);
      return this.#command(resource, operation, args, options, done);
    } catch (thrown) {
      return this.#refused(done, thrown);
    }
  }

  /** A read. Sees every command submitted before it. `linearizable` by default. `args` must not change before it is settled. */
  query(resource: ResourceId, operation: number, args: Uint8Array, options: QueryOptions, done: Done<Uint8Array>): PendingCall {
    try {
      this.#checkOpen();
      checkWhole('resource', resource, 0, Number.MAX_SAFE_INTEGER);
      checkWhole('operation', operation, 0, 0xffff);
      checkArgs(args, QUERY_ARGS_BYTES_MAX);
      this.#checkRoom(args.length);
      const query = {
        resource,
        operation,
        args,
        consistency: options.consistency ?? 'linearizable',
        isAfterEvents: options.isAfterEvents ?? false,
        deadlineMs: this.#deadlineOf(options),
      };
      return this.#queries.add(query, this.#session, done);
    } catch (thrown) {
      return this.#refused(done, thrown);
    }
  }

  listen(resource: ResourceId, listener: ResourceListener): () => void {
    return this.#listeners.add(resource, listener);
  }

  /** Tells every change of `state` until that is ended, `closed` as the last. `invalidArgument`, `overloaded`, `closed`. */
  onState(listener: SessionStateListener): SessionStateSubscription {
    this.#checkOpen();
    return this.#states.add(listener);
  }

  /**
   * Ends the session, at the cluster too if it is in contact (within a second), then settles every call: with `closed`, or with `aborted`
   * (unknown) if it may have happened. Then `done`, once per call; never from within.
   */
  close(done: () => void): void {
    const { timers } = this.context.settings;
    if (this.#closeCallbacks !== null) {
      if (this.#state === 'closed') timers.defer(done);
      else this.#closeCallbacks.push(done);
      return;
    }
    this.#closeCallbacks = [done];
    timers.defer(() => {
      const session = this.#session;
      if (session === null || session.id === 0 || !session.isBound) {
        this.#finish();
        return;
      }
      const done = (): void => this.#finish();
      session.submit({ resource: 0, operation: MACHINE_OPERATION.closeSession, args: NO_BYTES, deadlineMs: CLOSE_MS, done });
    });
  }

  /** As `close`, but at once, without the cluster, and with `error` in place of `closed`. */
  fail(error: QuorateError): void {
    if (this.#state === 'closed') return;
    this.#endError = error;
    this.#closeCallbacks ??= [];
    this.#finish();
  }

  stateChanged(session: Session, state: SessionState): void {
    if (session === this.#session) this.#tellState(state);
  }

  doubted(session: Session, error: QuorateError): void {
    if (session === this.#session) this.#listeners.sessionDoubted(error);
  }

  /** Queries that wait may go on. */
  opened(): void {
    this.#queries.resume();
  }

  ended(session: Session, state: 'expired' | 'closed', error: QuorateError): void {
    if (session !== this.#session) return;
    this.#session = null;
    // Queries that waited for it go on without.
    this.context.settings.timers.defer(() => this.opened());
    // One that was never open has nothing to lose.
    if (session.id === 0) {
      if (this.#closeCallbacks === null) this.#states.change(this.#state);
      return;
    }
    this.#state = this.#closeCallbacks === null ? 'expired' : state;
    this.context.settings.logger.log('info', 'sessionEnded', { session: session.id, state, code: error.code, reason: error.message });
    this.#listeners.sessionLost(error);
    this.#tellState(this.#state);
  }

  settle(done: Done<CommandResult>, error: QuorateError | null, result: CommandResult | null): void {
    try {
      done(error, result);
    } catch (thrown) {
      callbackThrew(this.context.settings.logger, 'command', thrown);
    }
    // Queries wait for commands before them while no node carries the session.
    this.#queries.wake();
  }

  events(batch: EventsAt): void {
    for (const event of batch.events) this.#listeners.event(batch.index, event);
  }

  saw(index: LogIndex): void {
    if (index > this.#seenIndex) this.#seenIndex = index;
  }

  progressed(): void {
    this.#queries.tell();
  }

  #command(resource: ResourceId, operation: number, args: Uint8Array, options: CallTime, done: Done<CommandResult>): PendingCall {
    checkArgs(args, ARGS_BYTES_MAX);
    const deadlineMs = this.#deadlineOf(options);
    this.#checkRoom(args.length);
    if (this.#session === null) {
      this.#session = new Session(this.context, this.#settings, this);
      this.#states.change('opening');
    }
    return this.#session.submit({ resource, operation, args, deadlineMs, done });
  }

  #tellState(state: SessionState): void {
    this.#listeners.stateChanged(state);
    this.#states.change(state);
  }

  #checkRoom(bytes: number): void {
    const { callsMax, callBytesMax } = this.#settings;
    const { openCalls } = this;
    if (openCalls >= callsMax) throw new QuorateError('overloaded', `${openCalls} calls wait already`, { callsMax });
    const waiting = this.#queries.bytes + (this.#session?.commands.bytes ?? 0);
    // A single call is taken whatever its size while nothing else waits, so that no legal one is refused for ever.
    if (waiting > 0 && waiting + bytes > callBytesMax) {
      throw new QuorateError('overloaded', `${waiting} bytes of calls wait already`, { waiting, bytes, callBytesMax });
    }
  }

  #deadlineOf(time: CallTime): number {
    return time.deadlineMs === undefined ? this.context.settings.deadlineMs : checkDuration('deadlineMs', time.deadlineMs);
  }

  #checkOpen(): void {
    if (this.#closeCallbacks !== null) throw this.#endError;
  }

  /** What an operation throws at once is told by `done`, later. */
  #refused<T>(done: Done<T>, thrown: unknown): PendingCall {
    this.context.settings.timers.defer(() => done(asQuorateError(thrown), null));
    return { cancel: () => {} };
  }

  #finish(): void {
    const callbacks = this.#closeCallbacks ?? [];
    this.#closeCallbacks = [];
    this.#session?.end('closed', this.#endError);
    if (this.#state !== 'closed') {
      this.#state = 'closed';
      this.#tellState('closed');
    }
    this.#states.flush();
    this.#queries.close(this.#endError);
    for (const callback of callbacks) guarded(this.context.settings.logger, 'close', callback);
  }
}

function checkArgs(args: Uint8Array, max: number): void {
  if (args.length <= max) return;
  throw new QuorateError('valueTooLarge', `arguments of ${args.length} bytes, at most ${max}`, { bytes: args.length, max });
}

function told<T>(done: Done<T>, decode: () => T): void {
  let result: T;
  try {
    result = decode();
  } catch (thrown) {
    done(asQuorateError(thrown), null);
    return;
  }
  done(null, result);
}
