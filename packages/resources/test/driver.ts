import assert from 'node:assert/strict';
import { type BatchHeader, type BatchKind, type GroupId, QuorateError, crc32c, groupId } from '@quorate/base';
import {
  type CommandRequest,
  type EventBatch,
  MACHINE_OPERATION,
  Machine,
  type MachineLimits,
  MachineLoader,
  type MachineOutcome,
  type OperationArguments,
  type OperationResult,
  type Reply,
  type ResourceDeclaration,
  type ResourceId,
  type SessionId,
  decodeFields,
  decodeOpenedResource,
  decodeValue,
  encodeCommands,
  encodeExpireSessions,
  encodeFields,
  encodeOpenResource,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { BUILTIN_TYPES } from '@quorate/resources';

export const GROUP: GroupId = groupId(1);

/** One event as a session got it. */
export interface SeenEvent {
  readonly index: number;
  readonly resource: ResourceId;
  readonly event: string;
  readonly fields: unknown;
}

interface LoggedBatch {
  readonly header: BatchHeader;
  readonly payload: Uint8Array;
}

type Name<D extends ResourceDeclaration> = keyof D['operations'] & string;

/** A command or the arguments of a query, encoded. */
export function request<D extends ResourceDeclaration, K extends Name<D>>(
  declaration: D,
  resource: ResourceId,
  name: K,
  args: OperationArguments<D, K>,
): CommandRequest {
  const operation = declaration.operations[name];
  assert.ok(operation !== undefined);
  return { resource, operation: operation.code, args: encodeFields(operation.args, args, name) };
}

/** Feeds a machine with the built-in resources and keeps the log and the events that it gave. */
export class Driver {
  machine: Machine;
  readonly #limits: Partial<MachineLimits>;
  readonly #log: LoggedBatch[] = [];
  readonly #declarations = new Map<ResourceId, ResourceDeclaration>();
  readonly #numbers = new Map<SessionId, number>();
  #published: EventBatch[] = [];
  #term = 1;
  #keys = 0;

  constructor(limits: Partial<MachineLimits> = {}) {
    this.#limits = limits;
    this.machine = this.#machine((batch) => this.#published.push(batch));
  }

  /** Index of the next entry. */
  get nextIndex(): number {
    return this.machine.appliedIndex + 1;
  }

  batch(payload: Uint8Array, count = 1, timeMs: number = this.machine.timeMs, kind: BatchKind = 'commands'): MachineOutcome {
    const header: BatchHeader = {
      kind,
      group: GROUP,
      term: this.#term,
      baseIndex: this.nextIndex,
      count,
      loggedTimeMs: timeMs,
      payloadBytes: payload.length,
      payloadChecksum: crc32c(payload),
    };
    this.#log.push({ header, payload });
    return this.machine.apply(header, payload);
  }

  /** Another leader. */
  noop(timeMs?: number): void {
    this.#term++;
    this.batch(new Uint8Array(0), 1, timeMs, 'noop');
  }

  tick(timeMs: number): void {
    assert.deepEqual(this.batch(encodeTick(), 1, timeMs), { type: 'none' });
  }

  open(): SessionId {
    const key = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? ++this.#keys : i));
    const outcome = this.batch(encodeOpenSession({ key, ttlMs: 10_000, graceMs: 1000 }));
    assert.equal(outcome.type, 'sessionOpened');
    return outcome.type === 'sessionOpened' ? outcome.session : 0;
  }

  expire(...sessions: SessionId[]): void {
    this.batch(encodeExpireSessions(sessions), sessions.length);
  }

  close(session: SessionId): void {
    this.run(session, [{ resource: 0, operation: MACHINE_OPERATION.closeSession, args: new Uint8Array(0) }]);
  }

  /** Opens the resource of this name. Throws what it is refused with. */
  create(session: SessionId, declaration: ResourceDeclaration, name: string = declaration.type): ResourceId {
    const args = encodeOpenResource(declaration.type, declaration.version, name);
    const resource = decodeOpenedResource(
      resultOf(this.run(session, [{ resource: 0, operation: MACHINE_OPERATION.openResource, args }])[0]),
    );
    this.#declarations.set(resource, declaration);
    return resource;
  }

  /** The next commands of a session, in one batch. Replies are acknowledged by the next batch, events never. */
  run(session: SessionId, commands: readonly CommandRequest[], timeMs?: number): readonly Reply[] {
    const firstNumber = this.#numbers.get(session) ?? 1;
    this.#numbers.set(session, firstNumber + commands.length);
    const payload = encodeCommands({ session, firstNumber, acknowledgedReplies: firstNumber - 1, acknowledgedEvents: 0, commands });
    const outcome = this.batch(payload, commands.length, timeMs);
    assert.equal(outcome.type, 'replies', JSON.stringify(outcome));
    return outcome.type === 'replies' ? outcome.replies : [];
  }

  /** One command; its result. Throws what it is refused with. */
  do<D extends ResourceDeclaration, K extends Name<D>>(
    session: SessionId,
    declaration: D,
    resource: ResourceId,
    name: K,
    args: OperationArguments<D, K>,
  ): OperationResult<D, K> {
    const [reply] = this.run(session, [request(declaration, resource, name, args)]);
    return decodeResult(declaration, name, reply);
  }

  query<D extends ResourceDeclaration, K extends Name<D>>(
    declaration: D,
    resource: ResourceId,
    name: K,
    args: OperationArguments<D, K>,
  ): OperationResult<D, K> {
    const asked = request(declaration, resource, name, args);
    return decodeValue(declaration.operations[name]?.result as never, this.machine.query({ session: 0, ...asked })) as OperationResult<
      D,
      K
    >;
  }

  /** What sessions got since this was last asked. */
  takeEvents(): Map<SessionId, SeenEvent[]> {
    const taken = new Map<SessionId, SeenEvent[]>();
    for (const { session, index, events } of this.#published) {
      const seen = events.map(({ resource, code, fields }): SeenEvent => {
        const declared = Object.entries(this.#declarations.get(resource)?.events ?? {}).find(([, each]) => each.code === code);
        assert.ok(declared !== undefined, `event ${code} of resource ${resource}`);
        return { index, resource, event: declared[0], fields: decodeFields(declared[1].fields, fields) };
      });
      taken.set(session, [...(taken.get(session) ?? []), ...seen]);
    }
    this.#published = [];
    return taken;
  }

  eventsOf(session: SessionId): SeenEvent[] {
    return this.takeEvents().get(session) ?? [];
  }

  /** Goes on with a machine loaded from a snapshot of this one. */
  reload(): void {
    const snapshot = this.machine.snapshot();
    const loader = new MachineLoader();
    for (let piece = snapshot.next(1000); piece !== null; piece = snapshot.next(1000)) loader.push(piece.slice());
    snapshot.release();
    const { hash } = this.machine;
    this.machine = loader.finish(this.#options((batch) => this.#published.push(batch)));
    assert.equal(this.machine.hash, hash);
  }

  /** Hash of a replica that applied the same log from the beginning. */
  replicaHash(): string {
    const replica = this.#machine(() => undefined);
    for (const { header, payload } of this.#log) replica.apply(header, payload);
    return replica.hash;
  }

  #machine(published: (batch: EventBatch) => void): Machine {
    return new Machine(this.#options(published));
  }

  #options(published: (batch: EventBatch) => void): ConstructorParameters<typeof Machine>[0] {
    const nothing = (): void => undefined;
    const events = { sessionOpened: nothing, sessionEnded: nothing, applied: nothing, published };
    return { group: GROUP, resources: BUILTIN_TYPES, limits: this.#limits, events };
  }
}

/** Bytes of a successful reply. Throws what it was refused with. */
export function resultOf(reply: Reply | undefined): Uint8Array {
  assert.ok(reply !== undefined);
  if (!reply.isOk) throw new QuorateError(reply.code, reply.message, reply.details);
  return reply.result;
}

/** The decoded result. Throws what it was refused with. */
export function decodeResult<D extends ResourceDeclaration, K extends Name<D>>(
  declaration: D,
  name: K,
  reply: Reply | undefined,
): OperationResult<D, K> {
  return decodeValue(declaration.operations[name]?.result as never, resultOf(reply)) as OperationResult<D, K>;
}

/** For `assert.throws`: an error of this code, with these details among others. */
export function fault(code: string, details: Readonly<Record<string, unknown>> = {}): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    assert.equal(thrown.code, code);
    assert.deepEqual({ ...thrown.details, ...details }, { ...thrown.details });
    return true;
  };
}

/** Bytes of text. */
export function b(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Text of bytes. */
export function t(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : new TextDecoder().decode(bytes);
}
