import type { GroupId, LogIndex } from '@quorate/base';
import type {
  CommandNames,
  EventValues,
  OperationArguments,
  OperationResult,
  QueryNames,
  ResourceDeclaration,
} from './resource-definition.js';
import type { ReadableTable, ScanRange, EntryVisitor } from './tables/types.js';

/** Number of a session: the log index of the command that opened it. */
export type SessionId = number;
/** Number of a resource: the log index of the command that created it. */
export type ResourceId = number;

/** Proof of holding something: ordered, only grows for each resource (D14). */
export interface Token {
  /** Grows when a group is recovered by force; 1 from the beginning. */
  readonly epoch: number;
  readonly index: LogIndex;
}

/** A condition on a write: that this token still holds this lock or leadership. */
export interface Fence {
  /** The group that the lock lives in. */
  readonly group: GroupId;
  readonly resource: ResourceId;
  readonly token: Token;
}

/** The part of the tables that belongs to one resource: keys are relative to it. */
export interface ReadableSpace {
  /** A view, valid until the next change. */
  get(key: Uint8Array): Uint8Array | undefined;
  has(key: Uint8Array): boolean;
  scan(range: ScanRange, visit: EntryVisitor): void;
}
/** The same while a handler changes it: keys up to 8,184 bytes (`keyTooLarge`), values up to 2 MiB (`valueTooLarge`). */
export interface Space extends ReadableSpace {
  set(key: Uint8Array, value: Uint8Array): boolean;
  delete(key: Uint8Array): boolean;
}

/** What every handler sees. */
export interface QueryCall {
  readonly resource: ResourceId;
  /** Last index applied. */
  readonly index: LogIndex;
  /** Logged time in ms: equal on all replicas; never goes back. Every timer that was due before it has fired. */
  readonly timeMs: number;
  /** The session that asks; 0: none. */
  readonly session: SessionId;
  readonly space: ReadableSpace;
}

/**
 * What a resource keeps at hand while one batch is applied, so that what many commands change is read and written once. It is made from the space when
 * a handler of the batch first asks for it and forgotten once it is stored, so between batches all state is in the space.
 */
export interface HeldState {
  /** What was changed since the last call of `keep` or `undo` lasts. */
  keep(): void;
  /** It is undone: what is held is as it was, and so is the space by then. */
  undo(): void;
  /** Writes to the space what lasts; comes once, at the end of the batch. */
  store(): void;
}

/**
 * What a handler may do while a command, a timer or the end of a session is applied. All changes of a handler that throws are undone,
 * events, timers and ownership too.
 */
export interface ApplyCall<D extends ResourceDeclaration> extends QueryCall {
  /** Index of this command: no other command has it. For timers: that of the batch that let time pass. */
  readonly index: LogIndex;
  readonly space: Space;
  /** What `hold` of the machine gave in this batch; throws `invariantBroken` if it has none. */
  readonly held: HeldState;
  /** A token of this moment. */
  readonly token: Token;
  /** Sends an event to a session; nothing happens if it has ended. */
  publish<K extends keyof D['events'] & string>(session: SessionId, event: K, values: EventValues<D, K>): void;
  /**
   * Runs `timer(id)` of this resource once logged time reaches `dueMs`. A second one with the same id replaces the first. Ids up to 512 bytes.
   * What is due already runs before the next batch; what a timer sets is due 1 ms after it at the earliest, so that no batch goes on for ever.
   * Timers fire in order of their times. If very many are due at once, some batches are applied before the last of them has fired; until then
   * `timeMs` stands still.
   */
  setTimer(id: Uint8Array, dueMs: number): void;
  clearTimer(id: Uint8Array): void;
  /**
   * The logged time to count a duration from, for `setTimer`: the time of the batch, while `timeMs` may stand still because timers wait for their
   * turn. Within a timer: `timeMs`.
   */
  readonly clockMs: number;
  /**
   * False once timers and ends of sessions have done as much as one batch allows. A timer or `sessionEnded` with much to do does it in portions: while
   * this is true, then the rest with `continueLater`.
   */
  readonly mayGoOn: boolean;
  /**
   * Runs `timer(id)` as soon as there is room for more work, before any other timer of a later time: logged time stands still until then. Who
   * calls it must get on each time, or time stands still for ever.
   */
  continueLater(id: Uint8Array): void;
  /**
   * `sessionEnded` of this resource will be called when this session ends. Once per session and resource, however often it is asked for. Throws
   * `overloaded` if more than 10,000 resources own something for the session; only in commands.
   */
  own(session: SessionId): void;
  disown(session: SessionId): void;
  isLive(session: SessionId): boolean;
  /**
   * Throws `fenced` unless the token is held (same group) or at least the highest seen (another group: that it was seen lasts even if the
   * command is refused). `tooManyFences` beyond 100,000 locks of other groups.
   */
  checkFence(fence: Fence): void;
}

/**
 * The machine of a kind of resource: handlers by operation name. Handlers are synchronous, deterministic, and keep all state in their space.
 * To refuse, throw a `QuorateError` of a declared code; anything else that is thrown stops the group.
 */
export interface ResourceMachine<D extends ResourceDeclaration> {
  readonly commands: {
    readonly [K in CommandNames<D>]: (call: ApplyCall<D>, args: OperationArguments<D, K>) => OperationResult<D, K>;
  };
  readonly queries: { readonly [K in QueryNames<D>]: (call: QueryCall, args: OperationArguments<D, K>) => OperationResult<D, K> };
  /** Makes what the handlers of a batch find in `call.held`. Queries see the space only, as it is between batches. */
  hold?(call: ApplyCall<D>): HeldState;
  /** A session that this resource owned something for has ended: free what others wait for. The rest may go in portions, see `mayGoOn`. */
  sessionEnded?(call: ApplyCall<D>, session: SessionId): void;
  timer?(call: ApplyCall<D>, id: Uint8Array): void;
  /** Whether this token holds the resource now; for fences. Absent: nothing of this kind can be held. */
  holds?(call: QueryCall, token: Token): boolean;
}

/** A kind of resource as it is handed to a node: what was declared and the machine. */
export interface ResourceType<D extends ResourceDeclaration = ResourceDeclaration> {
  readonly declaration: D;
  readonly machine: ResourceMachine<D>;
}

export type { ReadableTable };
