import { type LogIndex, QuorateError, asQuorateError, shownValue } from '@quorate/base';
import {
  type AnyField,
  type CallTime,
  type CommandNames,
  type Done,
  type EventValues,
  type OperationArguments,
  type OperationResult,
  type PendingCall,
  type QueryNames,
  type QueryOptions,
  type ReadConsistency,
  type ResourceDeclaration,
  type ResourceId,
  type SessionId,
  type SessionState,
  decodeFields,
  decodeValue,
} from '@quorate/machine';
import type { Opening } from './command-gate.js';
import type { ClientContext } from './resource-client.js';

/** What somebody wants to hear of a resource. What a callback throws is logged and stops nobody else. */
export interface HandleListener<D extends ResourceDeclaration> {
  /** Events by name, in the order of the log, each once. The values are copies. */
  readonly events?: { readonly [K in keyof D['events'] & string]?: (values: EventValues<D, K>, index: LogIndex) => void };
  /** The session ended: what it held is lost, and no more events of it come. Once per session. */
  sessionLost?(error: QuorateError): void;
  /** The session may be over, or go on: what it held must be taken for lost. Once each time. */
  sessionDoubted?(error: QuorateError): void;
  stateChanged?(state: SessionState): void;
  /** An event came that could not be read (`malformedFrame`): what follows may have a gap. */
  eventInvalid?(error: QuorateError): void;
}

/** Time of a command: `openMs` limits only the wait for its resource, where the command itself may take longer. */
export interface CommandTime extends CallTime {
  readonly openMs?: number;
}
/** Time of a query, how fresh its answer must be (default `linearizable`), and whether it must come after all events up to then. */
export type QueryTime = QueryOptions;

type OperationKind = 'command' | 'query';
type OperationDeclaration = ResourceDeclaration['operations'][string];

/** A call under way. */
export interface SentCall extends PendingCall {
  /** True once it was handed on: its resource is open. */
  readonly isSent: boolean;
  /** False as long as it certainly has no effect, because nothing of it has left this process: then `cancel` ends it for good. */
  readonly wasSent: boolean;
}

/** A call that had nothing to wait for. */
class PassedCall implements SentCall {
  readonly #call: PendingCall;

  constructor(call: PendingCall) {
    this.#call = call;
  }
  get isSent(): boolean {
    return true;
  }
  get wasSent(): boolean {
    return this.#call.wasSent ?? true;
  }
  cancel(): void {
    this.#call.cancel();
  }
}

/**
 * One resource by name, typed by its declaration: callbacks, no promises. Costs nothing until its first call, which creates the resource if
 * there is none. Goes on after a lost session.
 *
 * Errors of each call besides those of its declaration: `invalidArgument` (details: `path`), `kindMismatch`, `nameInvalid`,
 * `resourceUnsupported`, and those of `Commands`.
 */
export class ResourceHandle<D extends ResourceDeclaration = ResourceDeclaration> {
  readonly declaration: D;
  readonly name: string;
  readonly #context: ClientContext;
  readonly #opening: Opening;
  readonly #listeners = new Set<HandleListener<D>>();
  readonly #companions = new Map<string, unknown>();
  readonly #eventNames: ReadonlyMap<number, string>;
  readonly #operations: ReadonlyMap<string, OperationDeclaration>;
  #stopListening: (() => void) | null = null;

  /** Use `ResourceClient.handle`. */
  constructor(context: ClientContext, declaration: D, name: string) {
    this.#context = context;
    this.declaration = declaration;
    this.name = name;
    this.#eventNames = new Map(Object.entries(declaration.events).map(([event, { code }]) => [code, event]));
    this.#operations = new Map(Object.entries(declaration.operations));
    this.#opening = {
      declaration,
      name,
      resource: 0,
      attempt: null,
      isRefused: false,
      waiting: 0,
      opened: () => this.#attach(),
    };
  }

  /** Its number; 0 until it was opened. */
  get resource(): ResourceId {
    return this.#opening.resource;
  }
  /** The cluster refused to open it for good, last time it was asked. */
  get isRefused(): boolean {
    return this.#opening.isRefused;
  }
  /** Everything the faces of this resource share with others. */
  get context(): ClientContext {
    return this.#context;
  }
  /** The present session; 0 if there is none. */
  get session(): SessionId {
    return this.#context.commands.session;
  }

  /** A command: applied exactly once, after all that this client called before, of whatever resource. */
  command<K extends CommandNames<D>>(
    operation: K,
    args: OperationArguments<D, K>,
    options: CommandTime,
    done: Done<OperationResult<D, K>>,
  ): SentCall {
    return this.#call('command', operation, args, options, done as Done<unknown>);
  }

  /** A query: sees every command that this client called before. */
  query<K extends QueryNames<D>>(
    operation: K,
    args: OperationArguments<D, K>,
    options: QueryTime,
    done: Done<OperationResult<D, K>>,
  ): PendingCall {
    return this.#call('query', operation, args, options, done as Done<unknown>);
  }

  /** Tells of events and of the session, from the first call of this resource on. Returns how to end that. */
  listen(listener: HandleListener<D>): () => void {
    // One that is added twice is told twice.
    const own = { ...bound(listener) };
    this.#listeners.add(own);
    this.#attach();
    return () => {
      this.#listeners.delete(own);
      if (this.#listeners.size > 0) return;
      this.#stopListening?.();
      this.#stopListening = null;
    };
  }

  /** What all faces of this resource share: made by the first that asks for it. */
  companion<T>(kind: string, make: () => T): T {
    if (!this.#companions.has(kind)) this.#companions.set(kind, make());
    return this.#companions.get(kind) as T;
  }

  #call(kind: OperationKind, operation: string, args: unknown, options: CommandTime & QueryTime, done: Done<unknown>): SentCall {
    const { gate, timers } = this.#context;
    try {
      const declared = this.#operations.get(operation);
      if (declared?.kind !== kind) {
        throw new QuorateError('invalidArgument', `${this.declaration.type} has no ${kind} "${operation}"`, { operation });
      }
      const encoded = this.#context.encoder.encode(declared.args, args as never, operation);
      checkTime(options.deadlineMs);
      checkConsistency(options.consistency);
      const { resource } = this.#opening;
      // Nothing is to be waited for: then a call costs nothing in the gate.
      if (resource !== 0 && gate.isOpen) return new PassedCall(this.#send(declared, resource, encoded, options, done));
      return this.#wait(declared, encoded, options, done);
    } catch (thrown) {
      timers.defer(() => this.#context.guarded('done', () => done(asQuorateError(thrown), null)));
      return { cancel: () => {}, isSent: false, wasSent: false };
    }
  }

  /** Sends a call when it is its turn. */
  #wait(declared: OperationDeclaration, encoded: Uint8Array, options: CommandTime & QueryTime, done: Done<unknown>): SentCall {
    const { gate, deadlineMs: defaultMs } = this.#context;
    const { deadlineMs, openMs } = options;
    return gate.wait(this.#opening, {
      bytes: encoded.length,
      waitMs: openMs ?? deadlineMs ?? defaultMs,
      start: (resource, spentMs) => {
        const left = openMs === undefined ? timeLeft(deadlineMs, spentMs, defaultMs) : deadlineMs;
        return this.#send(declared, resource, encoded, left === undefined ? options : { ...options, deadlineMs: left }, done);
      },
      fail: (error) => this.#context.guarded('done', () => done(error, null)),
    });
  }

  #send(
    { kind, code, result: field }: OperationDeclaration,
    resource: ResourceId,
    encoded: Uint8Array,
    options: CommandTime & QueryTime,
    done: Done<unknown>,
  ): PendingCall {
    const { commands } = this.#context;
    if (kind === 'query') return commands.query(resource, code, encoded, options, (error, result) => settle(field, done, error, result));
    return commands.submit(resource, code, encoded, options, (error, result) => settle(field, done, error, result?.result ?? null));
  }

  #attach(): void {
    if (this.#stopListening !== null || this.#listeners.size === 0 || this.resource === 0) return;
    this.#stopListening = this.#context.commands.listen(this.resource, {
      event: (code, index, fields) => this.#event(code, index, fields),
      sessionLost: (error) => this.#tell('sessionLost', (listener) => listener.sessionLost?.(error)),
      sessionDoubted: (error) => this.#tell('sessionDoubted', (listener) => listener.sessionDoubted?.(error)),
      stateChanged: (state) => this.#tell('stateChanged', (listener) => listener.stateChanged?.(state)),
    });
  }

  #event(code: number, index: LogIndex, fields: Uint8Array): void {
    const name = this.#eventNames.get(code);
    const declared = name === undefined ? undefined : this.declaration.events[name];
    let values: unknown;
    try {
      if (name === undefined || declared === undefined) throw new QuorateError('malformedFrame', `unknown event ${code}`, { code });
      // The bytes are only lent.
      values = decodeFields(declared.fields, fields.slice());
    } catch (thrown) {
      const error = asQuorateError(thrown);
      this.#context.logger.log('error', 'eventInvalid', { type: this.declaration.type, name: this.name, error: error.message });
      this.#tell('eventInvalid', (listener) => listener.eventInvalid?.(error));
      return;
    }
    this.#tell(name, (listener) => {
      const told = listener.events?.[name] as ((values: unknown, index: LogIndex) => void) | undefined;
      told?.(values, index);
    });
  }

  #tell(what: string, tell: (listener: HandleListener<D>) => void): void {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) this.#context.guarded(what, () => tell(listener));
    }
  }
}

/** Tells what a call ended with, decoded. */
function settle(field: AnyField, done: Done<unknown>, error: QuorateError | null, result: Uint8Array | null): void {
  if (error !== null || result === null) {
    done(error, null);
    return;
  }
  let value: unknown;
  try {
    value = decodeValue(field, result);
  } catch (thrown) {
    done(asQuorateError(thrown), null);
    return;
  }
  done(null, value);
}

function bound<D extends ResourceDeclaration>(listener: HandleListener<D>): HandleListener<D> {
  const { events } = listener;
  return {
    ...(events === undefined ? {} : { events }),
    sessionLost: (error) => listener.sessionLost?.(error),
    sessionDoubted: (error) => listener.sessionDoubted?.(error),
    stateChanged: (state) => listener.stateChanged?.(state),
    eventInvalid: (error) => listener.eventInvalid?.(error),
  };
}

/** Undefined: the default. */
function timeLeft(deadlineMs: number | undefined, spentMs: number, defaultMs: number): number | undefined {
  return spentMs === 0 ? deadlineMs : Math.max(1, (deadlineMs ?? defaultMs) - spentMs);
}

/** Throws `invalidArgument` for what is no deadline. */
export function checkTime(deadlineMs: number | undefined): void {
  if (deadlineMs === undefined || (typeof deadlineMs === 'number' && deadlineMs > 0)) return;
  throw new QuorateError('invalidArgument', `deadlineMs must be a number above 0, not ${shownValue(deadlineMs)}`, { path: 'deadlineMs' });
}

function checkConsistency(consistency: ReadConsistency | undefined): void {
  if (consistency === undefined || consistency === 'linearizable' || consistency === 'sequential') return;
  throw new QuorateError('invalidArgument', `consistency must be "linearizable" or "sequential", not "${shownValue(consistency)}"`, {
    path: 'consistency',
  });
}
