import { ByteReader, ByteWriter, type LogIndex, QuorateError, fromUtf8, utf8 } from '@quorate/base';
import { MACHINE_OPERATION } from '@quorate/machine';
import type { CommandReply, PushedEvent } from '@quorate/wire';

/** What the machine of these tests can do with a resource: a list of texts that sessions watch. */
export const OPERATION = { append: 10, watch: 11, refuse: 12 } as const;
export const QUERY = { list: 20 } as const;
export const EVENT_APPENDED = 1;

/** All events of one index for one session. */
export interface ModelEvents {
  readonly index: LogIndex;
  readonly previousIndex: LogIndex;
  readonly first: 0;
  readonly isLast: true;
  readonly events: readonly PushedEvent[];
}

export interface ModelSession {
  readonly id: number;
  readonly key: string;
  readonly ttlMs: number;
  readonly graceMs: number;
  nextNumber: number;
  readonly replies: Map<number, CommandReply>;
  acknowledgedReplies: number;
  acknowledgedEvents: LogIndex;
  lastEventIndex: LogIndex;
  /** All there ever were. */
  readonly events: ModelEvents[];
  isOver: boolean;
}

interface ModelCommand {
  readonly resource: number;
  readonly operation: number;
  readonly args: Uint8Array;
}

/** What was applied, in order. */
export interface Applied {
  readonly index: LogIndex;
  readonly atMs: number;
  readonly session: number;
  readonly number: number;
  readonly resource: number;
  readonly operation: number;
  readonly text: string;
}

/** A deliberately simple machine with sessions: the state after a log that all nodes share. */
export class SessionMachine {
  index: LogIndex = 0;
  /** When each index was reached. */
  readonly history: { readonly atMs: number; readonly index: LogIndex }[] = [];
  readonly sessions = new Map<number, ModelSession>();
  readonly applied: Applied[] = [];
  readonly #watchers = new Map<number, Set<number>>();
  readonly #names = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  open(key: Uint8Array, ttlMs: number, graceMs: number): ModelSession {
    const text = key.join(',');
    this.#advance();
    for (const session of this.sessions.values()) if (session.key === text && !session.isOver && session.nextNumber === 1) return session;
    const session: ModelSession = {
      id: this.index,
      key: text,
      ttlMs,
      graceMs,
      nextNumber: 1,
      replies: new Map(),
      acknowledgedReplies: 0,
      acknowledgedEvents: this.index,
      lastEventIndex: this.index,
      events: [],
      isOver: false,
    };
    this.sessions.set(session.id, session);
    return session;
  }

  live(id: number): ModelSession {
    const session = this.sessions.get(id);
    if (session === undefined || session.isOver) throw new QuorateError('sessionExpired', `there is no session ${id}`);
    return session;
  }

  end(session: ModelSession): void {
    this.#advance();
    session.isOver = true;
    for (const watchers of this.#watchers.values()) watchers.delete(session.id);
  }

  acknowledge(session: ModelSession, replies: number, events: LogIndex): void {
    if (replies >= session.nextNumber || events > session.lastEventIndex)
      throw new Error(`session ${session.id} acknowledges what it cannot have`);
    session.acknowledgedReplies = Math.max(session.acknowledgedReplies, replies);
    session.acknowledgedEvents = Math.max(session.acknowledgedEvents, events);
    for (const number of session.replies.keys()) if (number <= session.acknowledgedReplies) session.replies.delete(number);
  }

  /** Applies a payload; gives one reply per command. */
  apply(payload: Uint8Array): { session: ModelSession; firstNumber: number; replies: CommandReply[] } {
    const reader = new ByteReader(payload);
    if (reader.u8() !== 1 || reader.u8() !== 0) throw new Error('not a payload of commands');
    const count = reader.u16();
    const id = reader.u64();
    const firstNumber = reader.u64();
    const acknowledgedReplies = reader.u64();
    const acknowledgedEvents = reader.u64();
    const commands: ModelCommand[] = [];
    for (let i = 0; i < count; i++) commands.push({ resource: reader.u64(), operation: reader.u16(), args: reader.bytes(1e9).slice() });
    reader.end();
    const session = this.live(id);
    if (firstNumber > session.nextNumber) {
      throw new QuorateError('outOfOrder', `command ${firstNumber} where ${session.nextNumber} belongs`, { expected: session.nextNumber });
    }
    this.acknowledge(session, acknowledgedReplies, acknowledgedEvents);
    const replies = commands.map((command, i) => this.#applyOne(session, firstNumber + i, command));
    return { session, firstNumber, replies };
  }

  /** Texts of a resource as of an index. */
  list(resource: number, asOf: LogIndex): string[] {
    return this.applied
      .filter((entry) => entry.index <= asOf && entry.resource === resource && entry.operation === OPERATION.append)
      .map((entry) => entry.text);
  }

  #applyOne(session: ModelSession, number: number, command: ModelCommand): CommandReply {
    const index = this.#advance();
    if (number < session.nextNumber) {
      const known = session.replies.get(number);
      if (known !== undefined) return known;
      return { index, isOk: false, code: 'replyForgotten', message: `the reply to ${number} is gone`, details: {} };
    }
    session.nextNumber += 1;
    const { resource, operation } = command;
    const text = resource === 0 ? '' : fromUtf8(command.args);
    this.applied.push({ index, atMs: this.#nowMs(), session: session.id, number, resource, operation, text });
    const reply = this.#run(session, index, command, text);
    session.replies.set(number, reply);
    return reply;
  }

  #run(session: ModelSession, index: LogIndex, { resource, operation, args }: ModelCommand, text: string): CommandReply {
    if (resource === 0) {
      if (operation === MACHINE_OPERATION.closeSession) session.isOver = true;
      if (operation !== MACHINE_OPERATION.openResource) return { index, isOk: true, result: new Uint8Array(0) };
      const name = fromUtf8(args);
      if (!this.#names.has(name)) this.#names.set(name, index);
      return { index, isOk: true, result: new ByteWriter(8).u64(this.#names.get(name) as number).take() };
    }
    if (operation === OPERATION.refuse) return { index, isOk: false, code: 'versionMismatch', message: 'refused', details: { index } };
    let watchers = this.#watchers.get(resource);
    if (watchers === undefined) this.#watchers.set(resource, (watchers = new Set()));
    if (operation === OPERATION.watch) watchers.add(session.id);
    else for (const watcher of watchers) this.#publish(watcher, index, { resource, code: EVENT_APPENDED, fields: utf8(text) });
    return { index, isOk: true, result: utf8(`${index}:${text}`) };
  }

  #advance(): LogIndex {
    this.index += 1;
    this.history.push({ atMs: this.#nowMs(), index: this.index });
    return this.index;
  }

  #publish(id: number, index: LogIndex, event: PushedEvent): void {
    const session = this.sessions.get(id);
    if (session === undefined || session.isOver) return;
    session.events.push({ index, previousIndex: session.lastEventIndex, first: 0, isLast: true, events: [event] });
    session.lastEventIndex = index;
  }
}
