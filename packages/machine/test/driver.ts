import assert from 'node:assert/strict';
import { type BatchHeader, type BatchKind, type GroupId, QuorateError, crc32c, groupId } from '@quorate/base';
import {
  type AnyResourceType,
  type CommandRequest,
  type EventBatch,
  MACHINE_OPERATION,
  Machine,
  type MachineLimits,
  MachineLoader,
  type MachineOutcome,
  type Reply,
  decodeOpenedResource,
  decodeValue,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeFields,
  encodeOpenResource,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { CELL, CELL_TYPE } from './cell.js';

export const GROUP: GroupId = groupId(1);

/** What a machine told of beside its outcomes. */
export type Told =
  | { readonly type: 'opened'; readonly session: number }
  | { readonly type: 'ended'; readonly session: number; readonly isExpired: boolean }
  | { readonly type: 'published'; readonly batch: EventBatch }
  | { readonly type: 'applied'; readonly session: number; readonly number: number };

export interface LoggedBatch {
  readonly header: BatchHeader;
  readonly payload: Uint8Array;
}

export interface DriverOptions {
  readonly resources?: readonly AnyResourceType[];
  readonly limits?: Partial<MachineLimits>;
}

type Operations = typeof CELL.operations;
type Name = keyof Operations;

/** A cell command with encoded arguments. */
export function cell<K extends Name>(
  resource: number,
  name: K,
  args: Parameters<typeof encodeFields<Operations[K]['args']>>[1],
): CommandRequest {
  const operation = CELL.operations[name];
  return { resource, operation: operation.code, args: encodeFields(operation.args as never, args as never, name) };
}

export function add(resource: number, amount: number): CommandRequest {
  return cell(resource, 'add', { amount, fence: null });
}

export function machineCommand(operation: number, args: Uint8Array = new Uint8Array(0)): CommandRequest {
  return { resource: 0, operation, args };
}

export function openCell(name: string): CommandRequest {
  return machineCommand(MACHINE_OPERATION.openResource, encodeOpenResource('cell', 1, name));
}

/** Feeds one machine with a log, and keeps the log and all it told. */
export class Driver {
  machine: Machine;
  readonly told: Told[] = [];
  readonly log: LoggedBatch[] = [];
  readonly #options: DriverOptions;
  #term = 1;
  #numbers = new Map<number, number>();
  #keys = 0;

  constructor(options: DriverOptions = {}) {
    this.#options = options;
    this.machine = new Machine(this.options());
  }

  options(): ConstructorParameters<typeof Machine>[0] {
    const { resources = [CELL_TYPE], limits = {} } = this.#options;
    return {
      group: GROUP,
      resources,
      limits,
      events: {
        sessionOpened: (session) => this.told.push({ type: 'opened', session }),
        sessionEnded: (session, isExpired) => this.told.push({ type: 'ended', session, isExpired }),
        published: (batch) => this.told.push({ type: 'published', batch }),
        applied: (session, number) => this.told.push({ type: 'applied', session, number }),
      },
    };
  }

  /** Applies one batch after the last. */
  batch(
    payload: Uint8Array,
    { count = 1, timeMs = this.machine.timeMs, kind = 'commands' }: { count?: number; timeMs?: number; kind?: BatchKind } = {},
  ): MachineOutcome {
    const header: BatchHeader = {
      kind,
      group: GROUP,
      term: this.#term,
      baseIndex: this.machine.appliedIndex + 1,
      count,
      loggedTimeMs: timeMs,
      payloadBytes: payload.length,
      payloadChecksum: crc32c(payload),
    };
    this.log.push({ header, payload });
    return this.machine.apply(header, payload);
  }

  noop(timeMs?: number): void {
    this.#term++;
    this.batch(new Uint8Array(0), { kind: 'noop', ...(timeMs === undefined ? {} : { timeMs }) });
  }

  tick(timeMs: number): void {
    assert.deepEqual(this.batch(encodeTick(), { timeMs }), { type: 'none' });
  }

  open(ttlMs = 10_000, graceMs = 1000): number {
    const outcome = this.batch(encodeOpenSession({ key: keyOf(++this.#keys), ttlMs, graceMs }));
    assert.equal(outcome.type, 'sessionOpened');
    return outcome.type === 'sessionOpened' ? outcome.session : 0;
  }

  expire(...sessions: number[]): void {
    assert.deepEqual(this.batch(encodeExpireSessions(sessions), { count: sessions.length }), { type: 'none' });
  }

  acknowledge(session: number, acknowledgedReplies: number, acknowledgedEvents: number): void {
    this.batch(encodeAcknowledge([{ session, acknowledgedReplies, acknowledgedEvents }]));
  }

  /** Commands with explicit numbers. */
  commands(
    session: number,
    firstNumber: number,
    commands: readonly CommandRequest[],
    { timeMs = this.machine.timeMs, replies = 0, events = 0 } = {},
  ): MachineOutcome {
    const payload = encodeCommands({ session, firstNumber, acknowledgedReplies: replies, acknowledgedEvents: events, commands });
    return this.batch(payload, { count: commands.length, timeMs });
  }

  /** The next commands of a session; their replies. */
  run(session: number, ...commands: CommandRequest[]): readonly Reply[] {
    const first = this.#numbers.get(session) ?? 1;
    this.#numbers.set(session, first + commands.length);
    const outcome = this.commands(session, first, commands);
    assert.equal(outcome.type, 'replies', JSON.stringify(outcome));
    return outcome.type === 'replies' ? outcome.replies : [];
  }

  /** Opens a cell through a session. */
  openCell(session: number, name = 'cell'): number {
    const [reply] = this.run(session, openCell(name));
    assert.ok(reply?.isOk, JSON.stringify(reply));
    return decodeOpenedResource(reply.result);
  }

  query(resource: number, name: Name, session = 0): unknown {
    const operation = CELL.operations[name];
    const result = this.machine.query({ session, resource, operation: operation.code, args: new Uint8Array(0) });
    return decodeValue(operation.result as never, result);
  }

  published(session: number): EventBatch[] {
    return this.told.flatMap((told) => (told.type === 'published' && told.batch.session === session ? [told.batch] : []));
  }

  /** Puts a machine loaded from a snapshot of this one in its place. */
  reload(pieceBytes = 1000): void {
    this.machine = load(snapshotOf(this.machine, pieceBytes), this.options());
  }
}

export function keyOf(n: number): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? n : i === 1 ? n >>> 8 : i));
}

/** All bytes of a snapshot. */
export function snapshotOf(machine: Machine, pieceBytes = 1000): Uint8Array {
  const snapshot = machine.snapshot();
  const pieces: number[] = [];
  for (let piece = snapshot.next(pieceBytes); piece !== null; piece = snapshot.next(pieceBytes))
    for (const byte of piece) pieces.push(byte);
  snapshot.release();
  return Uint8Array.from(pieces);
}

export function load(snapshot: Uint8Array, options: ConstructorParameters<typeof Machine>[0], pieceBytes = 777): Machine {
  const loader = new MachineLoader();
  for (let at = 0; at < snapshot.length; at += pieceBytes) loader.push(snapshot.slice(at, at + pieceBytes));
  return loader.finish(options);
}

/** The error that this throws. */
export function thrownBy(run: () => unknown): QuorateError {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    return thrown;
  }
  assert.fail('nothing was thrown');
}

/** The decoded results of replies, errors as their codes. */
export function resultsOf(replies: readonly Reply[], name: Name): unknown[] {
  return replies.map((reply) => (reply.isOk ? decodeValue(CELL.operations[name].result as never, reply.result) : reply.code));
}
