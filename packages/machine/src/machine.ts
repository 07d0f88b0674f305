import {
  type BatchHeader,
  ByteReader,
  ByteWriter,
  type Checksum,
  type LogIndex,
  QuorateError,
  type Term,
  asQuorateError,
  bytesEqual,
  crc32c,
} from '@quorate/base';
import { BatchApplier } from './batch-applier.js';
import { readNamed } from './compiled-type.js';
import { textOf } from './faults.js';
import { HandlerQuery } from './handler-call.js';
import { LiveResources } from './live-resources.js';
import { machineHash } from './machine-hash.js';
import { FIRST_POSITION, type MachinePosition, MachineState } from './machine-state.js';
import type { EventBatch, MachineOptions, MachineOutcome, MachineSnapshot, ResourceInfo, SessionInfo } from './machine-types.js';
import { refusalOf } from './proposal-check.js';
import type { ResourceId, SessionId } from './resource-machine.js';
import { infoOf } from './sessions.js';
import { SnapshotWriter } from './snapshot-writer.js';
import { createTables } from './tables/tables.js';
import type { Tables } from './tables/types.js';

/** A question to a resource. */
export interface MachineQuery {
  /** The session that asks; 0: none. */
  readonly session: SessionId;
  readonly resource: ResourceId;
  readonly operation: number;
  /** Encoded arguments. */
  readonly args: Uint8Array;
}

/**
 * The replicated machine of a group: the same batches give the same state, replies, events and hash on every replica. Synchronous; not to be
 * called from within its own handlers or `MachineEvents`.
 */
export class Machine {
  readonly #state: MachineState;
  readonly #live: LiveResources;
  readonly #applier: BatchApplier;

  /**
   * An empty machine before index 1; `restored` is for `MachineLoader`. Throws `invalidArgument` for two resource types of the same name and version and
   * for operations without a handler.
   */
  constructor(options: MachineOptions, restored?: { readonly tables: Tables; readonly position: MachinePosition }) {
    const { group, resources, events, limits = {} } = options;
    this.#state = new MachineState(group, resources, limits, restored?.tables ?? createTables(), restored?.position ?? FIRST_POSITION);
    this.#live = new LiveResources(this.#state);
    this.#applier = new BatchApplier(this.#state, this.#live, events);
  }

  /** Index of the last entry applied; 0 before the first. */
  get appliedIndex(): LogIndex {
    return this.#state.index;
  }
  /** Its term. */
  get appliedTerm(): Term {
    return this.#state.term;
  }
  /** Logged time in ms; never goes back. Stands still while timers that are due are too many for one batch. */
  get timeMs(): number {
    return this.#state.timeMs;
  }
  /** Logged time at which the next timer is due; Infinity if there is none. Who leads proposes a tick then, if nothing else comes: at once if it is past. */
  get nextDeadlineMs(): number {
    return this.#state.timers.nextMs;
  }
  /** 16 hexadecimal digits of all state and the place in the log: equal on all replicas at the same index. */
  get hash(): string {
    return machineHash(this.#state.tables.hash, this.#state.group, this.#state);
  }
  /** Why it stopped; null: it has not. */
  get fault(): QuorateError | null {
    return this.#state.fault;
  }
  /** Bytes of memory held by the tables, and bytes of keys and values in them. */
  get memory(): { readonly allocatedBytes: number; readonly liveBytes: number } {
    return { allocatedBytes: this.#state.tables.allocatedBytes, liveBytes: this.#state.tables.liveBytes };
  }

  /**
   * Applies the next batch of the log. Whatever it throws stops the machine for good, as its state may be half of something:
   * `formatUnsupported` and `resourceUnsupported` (a newer version wrote this, T78), `invariantBroken` (a bug, here or in a resource).
   */
  apply(header: BatchHeader, payload: Uint8Array): MachineOutcome {
    this.#checkSound();
    try {
      return this.#applier.apply(header, payload);
    } catch (thrown) {
      throw this.#state.stop(asQuorateError(thrown));
    }
  }

  /** The encoded result. Throws what the query throws; `invalidArgument` (no such resource), `resourceUnsupported` (no such query), `malformedFrame`. */
  query(query: MachineQuery): Uint8Array {
    const writer = new ByteWriter(64);
    this.queryInto(writer, query);
    return writer.take();
  }

  /** As `query`, but writes the result; if it throws, a part of it may be written. */
  queryInto(writer: ByteWriter, { session, resource, operation, args }: MachineQuery): void {
    this.#checkSound();
    this.#live.trim();
    const live = this.#live.find(resource);
    if (live === undefined) throw new QuorateError('invalidArgument', `there is no resource ${resource}`, { resource });
    const found = live.type.operations[operation];
    const { type, version } = live.type;
    if (found?.kind !== 'query') {
      throw new QuorateError('resourceUnsupported', `resource type ${type} of version ${version} has no query ${operation}`, {
        type,
        operation,
      });
    }
    const values = readNamed(found.args, new ByteReader(args));
    let result: unknown;
    try {
      result = found.handler(new HandlerQuery(this.#state, resource, session) as never, values);
    } catch (thrown) {
      throw asQuorateError(thrown);
    }
    try {
      found.result.write(writer, result, found.resultPath);
    } catch (cause) {
      throw new QuorateError(
        'invariantBroken',
        `${found.path} gave a result that is not as declared: ${textOf(cause)}`,
        { type },
        { cause },
      );
    }
  }

  /**
   * What a leader must refuse instead of proposing it, null if nothing: a payload that is malformed or names what this node does not know would
   * be refused by all replicas or stop them. `unavailable`: this replica has not applied as much as the client has seen.
   */
  refusalOf(payload: Uint8Array): QuorateError | null {
    this.#checkSound();
    return refusalOf(payload, this.#state);
  }

  /** True if the session is open and its command of this number was applied. */
  hasApplied(session: SessionId, number: number): boolean {
    const record = this.#state.sessions.peek(session);
    return record !== undefined && number < record.nextNumber;
  }

  /** True if the session is open and was opened with this key. */
  hasKey(session: SessionId, key: Uint8Array): boolean {
    const record = this.#state.sessions.peek(session);
    return record !== undefined && bytesEqual(record.key, key);
  }

  /** Open sessions, and resources that exist. */
  get counts(): { readonly sessions: number; readonly resources: number } {
    return { sessions: this.#state.sessions.count, resources: this.#state.resources.count };
  }

  /** An open session. */
  session(session: SessionId): SessionInfo | undefined {
    const record = this.#state.sessions.peek(session);
    return record === undefined ? undefined : infoOf(record);
  }

  /** Resources that hold something for a session, and free it in one step when it ends. */
  ownersOf(session: SessionId): number {
    return this.#state.owners.countOf(session);
  }

  /** All open sessions, in the order in which they were opened. */
  sessions(): SessionInfo[] {
    return this.#state.sessions.list();
  }

  /**
   * Unacknowledged events of a session after `index`, in order, without the first `had` of the very next index: at least one if there is any, and no more
   * than `maxBytes`. The last batch may be a piece.
   */
  eventsAfter(session: SessionId, index: LogIndex, maxBytes: number, had = 0): EventBatch[] {
    return this.#state.events.after(session, index, maxBytes, had);
  }

  /** All resources, in the order of their creation. */
  resources(): ResourceInfo[] {
    return this.#state.resources.list();
  }

  /** The resource of a name. */
  resource(name: string): ResourceInfo | undefined {
    return this.#state.resources.byName(name);
  }

  /** All state at this index, to be written while the machine goes on. `release` it. */
  snapshot(checksum: Checksum = crc32c): MachineSnapshot {
    this.#checkSound();
    const { group, index, term, timeMs, epoch, tables } = this.#state;
    return new SnapshotWriter(group, { index, term, timeMs, epoch }, this.hash, tables.view(), checksum);
  }

  #checkSound(): void {
    if (this.#state.fault !== null) throw this.#state.fault;
  }
}
