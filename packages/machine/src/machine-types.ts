import type { ErrorCode, ErrorDetails, GroupId, LogIndex, Term } from '@quorate/base';
import type { AnyResourceType } from './any-resource.js';
import type { MachineLimits } from './machine-limits.js';
import type { ResourceId, SessionId } from './resource-machine.js';
import type { TablesView } from './tables/types.js';

/*
 * Payload of a batch of kind `commands` in the log of a machine. Little-endian, first byte the type:
 *
 *   1 commands         u8 1, u8 flags 0, u16 count, u64 session, u64 first number, u64 acknowledged replies, u64 acknowledged events,
 *                      then per command: u64 resource (0: the machine itself), u16 operation, u32 length, arguments
 *   2 openSession      u8 2, 16 bytes key, u32 ttl ms, u32 disconnect grace ms
 *   3 expireSessions   u8 3, u16 count, per session u64 id
 *   4 tick             u8 4
 *   5 acknowledge      u8 5, u16 count, per session u64 id, u64 acknowledged replies, u64 acknowledged events
 *
 * `count` of the batch header is the number of commands (1), of sessions to expire (3), else 1: each command and each expiry has a log index
 * of its own. Commands are numbered 1, 2, 3 ... per session without gaps; "acknowledged replies n" means that the client has the replies up to
 * number n and will never ask for them again; "acknowledged events i" the same for the events up to log index i.
 *
 * Operations of resource 0: 1 openResource (text type, u16 version, text name) -> u64 resource; 2 closeSession () -> nothing; 3 nothing () -> nothing: fills
 * the number of a command that its client gave up before it was sent.
 */

/** What applying one command gave: bytes of its result, or why it was refused. */
export type Reply =
  | { readonly index: LogIndex; readonly isOk: true; readonly result: Uint8Array }
  | { readonly index: LogIndex; readonly isOk: false; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails };

/** One event for one session. */
export interface SessionEvent {
  readonly resource: ResourceId;
  readonly code: number;
  /** Encoded fields. */
  readonly fields: Uint8Array;
}

/** Events of one log index for one session: all of them, or a piece. */
export interface EventBatch {
  readonly session: SessionId;
  readonly index: LogIndex;
  /** The index before this one at which the session got events; the session's id if this is the first. So a gap is noticed. */
  readonly previousIndex: LogIndex;
  /** Place of the first of these among those of their index. */
  readonly first: number;
  /** None of this index follows. */
  readonly isLast: boolean;
  readonly events: readonly SessionEvent[];
}

/** What applying a batch gave whoever proposed it. */
export type MachineOutcome =
  /** One reply per command, also for those applied before; to be asked for the first time before the next batch is applied. */
  | { readonly type: 'replies'; readonly session: SessionId; readonly firstNumber: number; readonly replies: readonly Reply[] }
  /** `wasOpened` false: a session with this key was open already and has applied nothing. */
  | {
      readonly type: 'sessionOpened';
      readonly session: SessionId;
      readonly ttlMs: number;
      readonly graceMs: number;
      readonly wasOpened: boolean;
    }
  /**
   * Nothing of the batch was applied, besides what it acknowledges: `sessionExpired`, `outOfOrder` (details: expected), `overloaded`,
   * `malformedFrame`; `invalidArgument` for the key of a session that is open and in use: a request that came late.
   */
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails }
  | { readonly type: 'none' };

/**
 * What the node learns beside the outcome of an apply, to act on it: no state of the machine depends on it. Called from within `apply`, when the
 * batch may be half applied: the machine must not be asked anything before `apply` returns.
 */
export interface MachineEvents {
  sessionOpened(session: SessionId): void;
  /** `isExpired` false: closed by its client. */
  sessionEnded(session: SessionId, isExpired: boolean): void;
  /** A session got events, which are also kept until it acknowledges them. */
  published(batch: EventBatch): void;
  /** The commands of this session up to this number were applied: reads that wait for it may go on. Once per batch. */
  applied(session: SessionId, number: number): void;
}

/** An open session. */
export interface SessionInfo {
  readonly session: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
  /** Number of the next command. */
  readonly nextNumber: number;
  /** Index of the last event batch; the session id if there is none. */
  readonly lastEventIndex: LogIndex;
  readonly acknowledgedReplies: number;
  readonly acknowledgedEvents: LogIndex;
}

/** A resource that exists. */
export interface ResourceInfo {
  readonly resource: ResourceId;
  readonly type: string;
  readonly version: number;
  readonly name: string;
}

/** What a machine is made of. */
export interface MachineOptions {
  readonly group: GroupId;
  /** Kinds of resources that this node has. One that is used in the log and is missing here stops the group (`resourceUnsupported`). */
  readonly resources: readonly AnyResourceType[];
  readonly events: MachineEvents;
  /** Only for tests and simulations: all replicas must have the same. Default: `MACHINE_LIMITS`. */
  readonly limits?: Partial<MachineLimits>;
}

/** All state at one index, to be written piece by piece while the machine goes on. */
export interface MachineSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly hash: string;
  readonly view: TablesView;
  /**
   * The next piece, exactly `maxBytes` long unless it is the last; null at the end. The pieces together are the snapshot; see
   * `snapshot-codec.ts`. A piece is valid until the next call, also after `release`.
   */
  next(maxBytes: number): Uint8Array | null;
  /** Must be called, at the end or to give up. */
  release(): void;
}
