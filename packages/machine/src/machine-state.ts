import { type GroupId, type LogIndex, QuorateError, type Term } from '@quorate/base';
import type { AnyResourceType } from './any-resource.js';
import { CachedReplies } from './cached-replies.js';
import { CompiledTypes } from './compiled-type.js';
import type { HandlerCall } from './handler-call.js';
import { MACHINE_LIMITS, type MachineLimits } from './machine-limits.js';
import { MachineTimers } from './machine-timers.js';
import { Owners } from './owners.js';
import type { Fence, SessionId } from './resource-machine.js';
import { SpaceKeys } from './resource-space.js';
import { Resources } from './resources.js';
import { SeenTokens } from './seen-tokens.js';
import { SessionEvents } from './session-events.js';
import { Sessions } from './sessions.js';
import { TABLE } from './table-keys.js';
import { TokenTable } from './token-table.js';
import type { Table, Tables } from './tables/types.js';

/** Where in the log a machine is. */
export interface MachinePosition {
  readonly index: LogIndex;
  readonly term: Term;
  /** Logged time. */
  readonly timeMs: number;
  readonly epoch: number;
}

/** Before the first entry of a log. */
export const FIRST_POSITION: MachinePosition = { index: 0, term: 0, timeMs: 0, epoch: 1 };

/** The state of a machine: its tables, seen as what they mean, its place in the log, and what is being applied. */
export class MachineState {
  readonly group: GroupId;
  readonly limits: MachineLimits;
  readonly tables: Tables;
  readonly sessions: Sessions;
  readonly replies: CachedReplies;
  readonly events: SessionEvents;
  readonly timers: MachineTimers;
  readonly owners: Owners;
  readonly seenTokens: SeenTokens;
  readonly resources: Resources;
  readonly spaces: Table;
  readonly spaceKeys: SpaceKeys = new SpaceKeys();

  /** Last index applied; while a command is applied: its index. */
  index: LogIndex;
  term: Term;
  /**
   * Logged time; while a timer is applied: when it was due. It stands still while timers that are due wait for their turn (see `BatchApplier`):
   * every timer that was due before it has fired.
   */
  timeMs: number;
  epoch: number;
  /** Logged time of the batch that is applied: at least `timeMs`. */
  batchTimeMs: number;
  /** What timers and ends of sessions may still do while this batch is applied, see `MachineLimits.workPerBatch`. */
  workLeft = 0;

  /** Resources that hold something until the end of this batch, in the order in which they began to. */
  readonly holding: HandlerCall[] = [];
  /** A handler that may change state runs. */
  isApplying = false;
  /** What runs is a timer. */
  isTimer = false;
  /** Session of the command that is being applied; 0: none. */
  session: SessionId = 0;
  /** Tokens of other groups that this command has shown: they stay seen even if it is refused. */
  readonly shownFences: Fence[] = [];
  /** Why this machine has stopped. Whatever it holds since then may be half of something. */
  fault: QuorateError | null = null;

  constructor(
    group: GroupId,
    types: readonly AnyResourceType[],
    limits: Partial<MachineLimits>,
    tables: Tables,
    position: MachinePosition,
  ) {
    this.group = group;
    this.limits = { ...MACHINE_LIMITS, ...limits };
    this.tables = tables;
    this.sessions = new Sessions(tables);
    this.replies = new CachedReplies(tables, this.sessions);
    this.events = new SessionEvents(tables, this.sessions, this.limits);
    this.timers = new MachineTimers(tables);
    this.owners = new Owners(tables, this.limits.sessionOwnersMax);
    this.seenTokens = new SeenTokens(new TokenTable(tables), this.limits.seenTokensMax);
    this.resources = new Resources(tables, new CompiledTypes(types), this.limits.resourcesMax);
    this.spaces = tables.table(TABLE.spaces);
    this.index = position.index;
    this.term = position.term;
    this.timeMs = position.timeMs;
    this.batchTimeMs = position.timeMs;
    this.epoch = position.epoch;
  }

  /** False once this batch has done its share of the work that can wait. */
  get mayGoOn(): boolean {
    return this.workLeft > 0;
  }

  /** Stops the machine for good: thrown through whatever handler is running, and kept in case it is caught there. */
  stop(error: QuorateError): QuorateError {
    this.fault ??= error;
    return this.fault;
  }

  /** As `stop`, for a handler that breaks its contract. */
  broken(what: string, details: QuorateError['details'] = {}, cause?: unknown): QuorateError {
    return this.stop(new QuorateError('invariantBroken', what, { index: this.index, ...details }, { cause }));
  }
}
