import { ByteWriter, type LogIndex, QuorateError } from '@quorate/base';
import type { CompiledType } from './compiled-type.js';
import { textOf } from './faults.js';
import { RESULT_BYTES_MAX, TIMER_ID_BYTES_MAX } from './machine-limits.js';
import type { MachineState } from './machine-state.js';
import type { ResourceDeclaration } from './resource-definition.js';
import type { ApplyCall, Fence, HeldState, QueryCall, ReadableSpace, ResourceId, SessionId, Space, Token } from './resource-machine.js';
import { ReadableResourceSpace, ResourceSpace } from './resource-space.js';

/** A resource in use, with what its handlers are called with. */
export interface LiveResource {
  readonly resource: ResourceId;
  readonly type: CompiledType;
  readonly call: HandlerCall;
}

/** What the handlers of one resource see of a query. */
export class HandlerQuery implements QueryCall {
  readonly resource: ResourceId;
  readonly space: ReadableSpace;
  readonly session: SessionId;
  readonly #state: MachineState;

  constructor(state: MachineState, resource: ResourceId, session: SessionId) {
    this.#state = state;
    this.resource = resource;
    this.session = session;
    this.space = new ReadableResourceSpace(state.spaces, state.spaceKeys, resource);
  }

  get index(): LogIndex {
    return this.#state.index;
  }
  get timeMs(): number {
    return this.#state.timeMs;
  }
}

/** What the handlers of one resource see of a command, a timer or the end of a session. One object serves all calls of a resource. */
export class HandlerCall implements ApplyCall<ResourceDeclaration> {
  readonly resource: ResourceId;
  readonly space: Space;
  readonly #state: MachineState;
  readonly #type: CompiledType;
  readonly #holds: (fence: Fence) => boolean;
  /** Of the batch that is applied; null: no handler has asked for it yet. */
  #held: HeldState | null = null;

  /** `holds` says whether a token of this group is held now. */
  constructor(state: MachineState, resource: ResourceId, type: CompiledType, holds: (fence: Fence) => boolean) {
    this.#state = state;
    this.resource = resource;
    this.#type = type;
    this.#holds = holds;
    this.space = new ResourceSpace(state.spaces, state.spaceKeys, resource, state);
  }

  get index(): LogIndex {
    return this.#state.index;
  }
  get timeMs(): number {
    return this.#state.timeMs;
  }
  get clockMs(): number {
    return this.#state.isTimer ? this.#state.timeMs : this.#state.batchTimeMs;
  }
  get mayGoOn(): boolean {
    return this.#state.mayGoOn;
  }
  get session(): SessionId {
    return this.#state.session;
  }
  get token(): Token {
    return { epoch: this.#state.epoch, index: this.#state.index };
  }
  get held(): HeldState {
    return (this.#held ??= this.#hold());
  }

  #hold(): HeldState {
    const state = this.#checked('held');
    const held = this.#type.machine.hold?.(this);
    if (held === undefined) throw state.broken(`${this.#type.type} holds nothing`);
    state.holding.push(this);
    return held;
  }

  /** What the handler changed lasts. */
  keepHeld(): void {
    this.#held?.keep();
  }

  /** What the handler changed is undone; the tables are rolled back already. */
  undoHeld(): void {
    this.#held?.undo();
  }

  /** The batch is over: what is held goes to the tables and is forgotten. */
  storeHeld(): void {
    this.#held?.store();
    this.#held = null;
  }

  publish(session: SessionId, event: string, values: unknown): void {
    const state = this.#checked('publish');
    const declared = this.#type.events.get(event);
    if (declared === undefined) throw state.broken(`${this.#type.type} has no event ${event}`);
    // Rule 16: that a session has ended is nobody's fault.
    if (!state.sessions.isLive(session) || state.events.isOver(session)) return;
    state.workLeft--;
    const writer = new ByteWriter(64);
    try {
      for (const [name, field] of declared.fields) {
        field.write(writer, (values as Readonly<Record<string, unknown>>)[name], `${this.#type.type}.${event}.${name}`);
      }
    } catch (cause) {
      throw state.broken(`an event that is not as declared: ${textOf(cause)}`, {}, cause);
    }
    if (writer.length > RESULT_BYTES_MAX) {
      throw new QuorateError('valueTooLarge', `an event has at most ${RESULT_BYTES_MAX} bytes, this one ${writer.length}`, {
        bytes: writer.length,
        max: RESULT_BYTES_MAX,
      });
    }
    const isCommand = state.session !== 0;
    const isKept = state.events.publish(session, { resource: this.resource, code: declared.code, fields: writer.take() }, isCommand);
    if (isKept || !isCommand) return;
    const { pendingEventsMax, pendingEventBytesMax } = state.limits;
    throw new QuorateError('overloaded', `a command publishes at most ${pendingEventsMax} events of ${pendingEventBytesMax} bytes`, {
      max: pendingEventsMax,
      bytesMax: pendingEventBytesMax,
    });
  }

  setTimer(id: Uint8Array, dueMs: number): void {
    const state = this.#checkedTimer('setTimer', id);
    if (!Number.isSafeInteger(dueMs)) throw state.broken(`timer due at ${dueMs}`);
    // Time does not go back; and a timer that sets itself anew lets time pass, or one batch would never end.
    const earliest = state.isTimer ? state.timeMs + 1 : state.timeMs;
    state.timers.set(this.resource, id, Math.max(dueMs, earliest));
  }

  continueLater(id: Uint8Array): void {
    const state = this.#checkedTimer('continueLater', id);
    state.timers.set(this.resource, id, state.timeMs);
  }

  clearTimer(id: Uint8Array): void {
    this.#checked('clearTimer').timers.clear(this.resource, id);
  }

  own(session: SessionId): void {
    const state = this.#checked('own');
    if (!state.sessions.isLive(session)) return;
    // Outside of commands there is nobody to be refused.
    state.owners.own(session, this.resource, state.session !== 0);
  }

  disown(session: SessionId): void {
    this.#checked('disown').owners.disown(session, this.resource);
  }

  isLive(session: SessionId): boolean {
    return this.#state.sessions.isLive(session);
  }

  checkFence(fence: Fence): void {
    const state = this.#checked('checkFence');
    if (fence.group !== state.group) {
      const refusal = state.seenTokens.refusalOf(fence);
      if (refusal !== null) throw refusal;
      state.shownFences.push(fence);
      return;
    }
    if (this.#holds(fence)) return;
    throw new QuorateError('fenced', `token ${fence.token.epoch}:${fence.token.index} does not hold resource ${fence.resource} any more`, {
      group: fence.group,
      resource: fence.resource,
    });
  }

  #checkedTimer(what: string, id: Uint8Array): MachineState {
    const state = this.#checked(what);
    if (id.length > TIMER_ID_BYTES_MAX) throw state.broken(`timer id of ${id.length} bytes`, { max: TIMER_ID_BYTES_MAX });
    return state;
  }

  #checked(what: string): MachineState {
    if (!this.#state.isApplying) throw new QuorateError('invariantBroken', `${what} outside of a handler`, { resource: this.resource });
    return this.#state;
  }
}
