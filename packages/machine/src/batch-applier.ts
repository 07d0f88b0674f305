import {
  type BatchHeader,
  ByteReader,
  type ErrorDetails,
  type LogIndex,
  QuorateError,
  batchLastIndex,
  invariant,
  readU16,
  readU32,
  readU64,
} from '@quorate/base';
import { resourceUnsupported } from './compiled-type.js';
import { malformed, payloadUnsupported } from './faults.js';
import { HandlerRuns } from './handler-runs.js';
import type { LiveResources } from './live-resources.js';
import type { MachineEvents, MachineOutcome, Reply } from './machine-types.js';
import type { MachineState } from './machine-state.js';
import type { DueTimer } from './machine-timers.js';
import {
  type Acknowledgement,
  COMMANDS_HEADER_BYTES,
  COMMAND_HEADER_BYTES,
  type CommandsSummary,
  MACHINE_OPERATION,
  MACHINE_RESOURCE,
  PAYLOAD,
  checkCommandsPayload,
  decodeAcknowledge,
  decodeExpireSessions,
  decodeOpenResource,
  decodeOpenSession,
} from './payload-codec.js';
import { RepliesOutcome } from './replies-outcome.js';
import { refusedReply } from './reply-codec.js';
import type { ResourceId, SessionId } from './resource-machine.js';
import { SessionEndings } from './session-endings.js';
import type { SessionRecord } from './sessions.js';

type Refused = MachineOutcome & { readonly type: 'refused' };

const NONE: MachineOutcome = { type: 'none' };

/**
 * Applies batches. In this order: time passes and timers fire, at the index of the batch; then each command at its own index, and what was
 * published at an index becomes one batch of events per session before the next index begins.
 *
 * What timers and ends of sessions do in one batch is bounded (`MachineLimits.workPerBatch`). Timers that are due beyond it wait for the next
 * batch, and logged time stands still meanwhile, so that they still fire in order, each at its own time, before everything later:
 *
 *   every timer with due < timeMs has fired; timeMs ≤ logged time of the batch; each batch with timers that are due fires at least one.
 *
 * This follows from the log and the state alone, so it is the same on all replicas, with or without a snapshot in between. Who leads proposes ticks
 * as long as a timer is due. Times that begin in such a batch are counted from its logged time, so that none becomes shorter.
 */
export class BatchApplier {
  readonly #state: MachineState;
  readonly #live: LiveResources;
  readonly #host: MachineEvents;
  readonly #runs: HandlerRuns;
  readonly #endings: SessionEndings;

  constructor(state: MachineState, live: LiveResources, host: MachineEvents) {
    this.#state = state;
    this.#live = live;
    this.#host = host;
    this.#runs = new HandlerRuns(state);
    this.#endings = new SessionEndings(state, live, this.#runs, host);
  }

  /** What is thrown stops the machine: a newer format, a resource that this node lacks, a broken invariant. */
  apply(header: BatchHeader, payload: Uint8Array): MachineOutcome {
    const state = this.#state;
    invariant(header.group === state.group, 'a batch is of the group of its machine', { group: header.group });
    invariant(header.baseIndex === state.index + 1, 'batches are applied in order, each once', {
      expected: state.index + 1,
      index: header.baseIndex,
    });
    state.replies.writer.clear();
    state.index = header.baseIndex;
    state.term = header.term;
    this.#passTime(header);
    const outcome = header.kind === 'commands' ? this.#applyPayload(header, payload) : NONE;
    this.#settle();
    state.index = batchLastIndex(header);
    this.#runs.store();
    this.#live.trim();
    state.sessions.store();
    return outcome;
  }

  /** Rule 15: timers fire before what comes at or after their time, in order, at their own time. Those that are too many wait, and time with them. */
  #passTime({ loggedTimeMs, count }: BatchHeader): void {
    const state = this.#state;
    const { workPerBatch, workPerCommand } = state.limits;
    const untilMs = Math.max(state.timeMs, loggedTimeMs);
    state.batchTimeMs = untilMs;
    state.workLeft = workPerBatch + workPerCommand * count;
    while (state.timers.nextMs <= untilMs) {
      if (!state.mayGoOn) return;
      const due = state.timers.takeDue(untilMs);
      if (due !== null) this.#fire(due);
    }
    state.timeMs = untilMs;
  }

  #fire({ dueMs, resource, id }: DueTimer): void {
    const state = this.#state;
    invariant(dueMs >= state.timeMs, 'timers have a time to come', { resource, dueMs });
    state.timeMs = dueMs;
    if (resource === MACHINE_RESOURCE) {
      this.#endings.continue(id);
      return;
    }
    const live = this.#live.find(resource);
    invariant(live !== undefined, 'timers have a resource', { resource, dueMs });
    const { machine } = live.type;
    this.#runs.must('timer', live, () => machine.timer?.(live.call, id), true);
  }

  #applyPayload(header: BatchHeader, payload: Uint8Array): MachineOutcome {
    let run: () => MachineOutcome;
    try {
      run = this.#decode(header, payload);
    } catch (thrown) {
      // Only what is wrong with the payload itself is refused, before anything has changed.
      if (thrown instanceof QuorateError && thrown.code === 'malformedFrame')
        return refused('malformedFrame', thrown.message, thrown.details);
      throw thrown;
    }
    return run();
  }

  /** Checks all of a payload; gives what applies it. */
  #decode(header: BatchHeader, payload: Uint8Array): () => MachineOutcome {
    switch (payload[0]) {
      case PAYLOAD.commands: {
        const summary = checkCommandsPayload(payload);
        checkCount(header, summary.count);
        return () => this.#applyCommands(payload, summary, header.baseIndex);
      }
      case PAYLOAD.openSession: {
        const request = decodeOpenSession(payload);
        checkCount(header, 1);
        return () => this.#openSession(request);
      }
      case PAYLOAD.expireSessions: {
        const sessions = decodeExpireSessions(payload);
        checkCount(header, sessions.length);
        return () => this.#expire(sessions, header.baseIndex);
      }
      case PAYLOAD.tick:
        checkCount(header, 1);
        if (payload.length !== 1) throw malformed(`tick of ${payload.length} bytes`);
        return () => NONE;
      case PAYLOAD.acknowledge: {
        const acknowledgements = decodeAcknowledge(payload);
        checkCount(header, 1);
        return () => this.#acknowledgeAll(acknowledgements);
      }
      case undefined:
        throw malformed('empty payload');
      default:
        throw payloadUnsupported(payload);
    }
  }

  #openSession(request: ReturnType<typeof decodeOpenSession>): MachineOutcome {
    const { sessions, index, limits } = this.#state;
    const existing = sessions.byKey(request.key);
    if (existing !== undefined) {
      // A repeated request that the first one overtook by far: its client has the session, and opening another would only leave one behind.
      if (existing.nextNumber > 1) return refused('invalidArgument', 'the session of this key is in use', { session: existing.session });
      return { type: 'sessionOpened', session: existing.session, ttlMs: existing.ttlMs, graceMs: existing.graceMs, wasOpened: false };
    }
    if (sessions.count >= limits.sessionsMax) {
      return refused('overloaded', `there are ${limits.sessionsMax} sessions`, { max: limits.sessionsMax });
    }
    sessions.open(index, request);
    this.#host.sessionOpened(index);
    return { type: 'sessionOpened', session: index, ttlMs: request.ttlMs, graceMs: request.graceMs, wasOpened: true };
  }

  #expire(sessions: readonly SessionId[], baseIndex: LogIndex): MachineOutcome {
    for (let i = 0; i < sessions.length; i++) {
      this.#state.index = baseIndex + i;
      this.#endings.end(sessions[i] as SessionId, true);
      this.#settle();
    }
    return NONE;
  }

  #acknowledgeAll(acknowledgements: readonly Acknowledgement[]): MachineOutcome {
    for (const { session, acknowledgedReplies, acknowledgedEvents } of acknowledgements) {
      const record = this.#state.sessions.touch(session);
      if (record !== undefined) this.#acknowledge(record, acknowledgedReplies, acknowledgedEvents);
    }
    return NONE;
  }

  #acknowledge(record: SessionRecord, replies: number, events: LogIndex): void {
    this.#state.replies.acknowledge(record, replies);
    this.#state.events.acknowledge(record, events);
  }

  #applyCommands(payload: Uint8Array, { session, firstNumber, count }: CommandsSummary, baseIndex: LogIndex): MachineOutcome {
    const state = this.#state;
    const record = state.sessions.touch(session);
    if (record === undefined) return refused('sessionExpired', `session ${session} has ended`, { session });
    this.#acknowledge(record, readU64(payload, 20), readU64(payload, 28));
    const expected = record.nextNumber;
    if (firstNumber > expected) return refused('outOfOrder', `expected command ${expected}, not ${firstNumber}`, { expected });
    const added = Math.max(0, firstNumber + count - expected);
    const full = added > 0 ? this.#whyFull(record, added) : null;
    if (full !== null) return full;
    const find = firstNumber < expected ? state.replies.finder(session) : null;
    const repeated: Reply[] = [];
    let at = COMMANDS_HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const number = firstNumber + i;
      const from = at + COMMAND_HEADER_BYTES;
      const to = from + readU32(payload, at + 10);
      state.index = baseIndex + i;
      // It may have ended within this batch: then what is kept of it goes, and repeats are answered like what is new.
      if (number < expected && state.sessions.isLive(session)) repeated.push(this.#repeated(record, number, find));
      else this.#apply(record, number, readU64(payload, at), readU16(payload, at + 8), new ByteReader(payload, from, to));
      this.#settle();
      at = to;
    }
    if (state.sessions.isLive(session)) {
      state.replies.store(record);
      if (added > 0) this.#host.applied(session, record.nextNumber - 1);
    }
    return new RepliesOutcome({ session, firstNumber, repeated, writer: state.replies.writer });
  }

  /** Why no more replies may be kept. */
  #whyFull(record: SessionRecord, added: number): Refused | null {
    const { sessionRepliesMax, sessionReplyBytesMax, replyBytesMax } = this.#state.limits;
    const { keptReplies, keptReplyBytes } = record;
    if (keptReplies + added > sessionRepliesMax) {
      return refused('overloaded', `${keptReplies} replies wait to be acknowledged`, { max: sessionRepliesMax });
    }
    if (keptReplyBytes >= sessionReplyBytesMax) {
      return refused('overloaded', `${keptReplyBytes} bytes of replies wait to be acknowledged`, { max: sessionReplyBytesMax });
    }
    const all = this.#state.sessions.keptReplyBytes;
    return all >= replyBytesMax ? refused('overloaded', `${all} bytes of replies are kept for all sessions`, { max: replyBytesMax }) : null;
  }

  /** Applies the next command of a session. */
  #apply(record: SessionRecord, number: number, resource: ResourceId, operation: number, args: ByteReader): void {
    const { sessions } = this.#state;
    if (!sessions.isLive(record.session)) {
      this.#refuse(number, new QuorateError('sessionExpired', `session ${record.session} has ended`, { session: record.session }));
      return;
    }
    this.#run(record, number, resource, operation, args);
    record.nextNumber = number + 1;
  }

  #run(record: SessionRecord, number: number, resource: ResourceId, operation: number, args: ByteReader): void {
    const state = this.#state;
    const { sessionReplyBytesMax } = state.limits;
    if (record.keptReplyBytes + state.replies.writer.length > sessionReplyBytesMax) {
      this.#refuse(number, new QuorateError('overloaded', 'the replies of this batch are too large', { max: sessionReplyBytesMax }));
      return;
    }
    if (resource === MACHINE_RESOURCE) {
      this.#runMachine(record, number, operation, args);
      return;
    }
    const live = this.#live.find(resource);
    if (live === undefined) {
      this.#refuse(number, new QuorateError('invalidArgument', `there is no resource ${resource}`, { resource }));
      return;
    }
    const found = live.type.operations[operation];
    if (found?.kind !== 'command') {
      // A newer version of this node knows it (T78).
      const { type, version } = live.type;
      const what = `resource type ${type} of version ${version} has no command ${operation} on this node`;
      throw state.stop(new QuorateError('resourceUnsupported', what, { type, version, operation }));
    }
    this.#runs.command(live, found, args, record.session, number);
  }

  #refuse(number: number, error: QuorateError): void {
    this.#state.replies.writer.refuse(number, refusedReply(this.#state.index, error));
  }

  #runMachine(record: SessionRecord, number: number, operation: number, args: ByteReader): void {
    const { index } = this.#state;
    const { writer } = this.#state.replies;
    if (operation === MACHINE_OPERATION.openResource) {
      this.#openResource(number, args.raw(args.remaining));
      return;
    }
    if (operation !== MACHINE_OPERATION.closeSession && operation !== MACHINE_OPERATION.nothing) {
      throw this.#state.stop(
        new QuorateError('formatUnsupported', `operation ${operation} of the machine: written by a newer version`, { operation }),
      );
    }
    if (args.remaining > 0) {
      this.#refuse(number, malformed(`${args.remaining} bytes of arguments for an operation without any`));
      return;
    }
    if (operation === MACHINE_OPERATION.closeSession) this.#endings.end(record.session, false);
    writer.begin(number, index);
    writer.end();
  }

  #openResource(number: number, args: Uint8Array): void {
    const { resources, index } = this.#state;
    let request: ReturnType<typeof decodeOpenResource>;
    let existing: ReturnType<typeof resources.checkOpen>;
    try {
      request = decodeOpenResource(args);
      existing = resources.checkOpen(request.type, request.version, request.name);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code === 'invariantBroken') throw thrown;
      this.#refuse(number, thrown);
      return;
    }
    const { type, version, name } = request;
    if (resources.findType(type, version) === undefined) throw this.#state.stop(resourceUnsupported(type, version));
    if (existing === undefined) resources.create(index, type, version, name);
    const { writer } = this.#state.replies;
    writer.begin(number, index).u64(existing?.resource ?? index);
    writer.end();
  }

  /** The first reply to a command that comes again (rule 10). */
  #repeated(record: SessionRecord, number: number, find: ((number: number) => Reply | undefined) | null): Reply {
    const kept = number > record.acknowledgedReplies ? find?.(number) : undefined;
    if (kept !== undefined) return kept;
    return refusedReply(
      this.#state.index,
      new QuorateError('replyForgotten', `the reply to command ${number} was acknowledged`, { number }),
    );
  }

  /** What was published at this index becomes batches. Sessions that have no room for theirs end; that may publish more. */
  #settle(): void {
    const { events, index } = this.#state;
    if (events.isSettled) return;
    for (let over = events.overflowing(); over.length > 0; over = events.overflowing()) {
      for (const session of over) this.#endings.end(session, true);
    }
    events.flush(index, (batch) => this.#host.published(batch));
  }
}

function refused(code: Refused['code'], message: string, details: ErrorDetails = {}): Refused {
  return { type: 'refused', code, message, details };
}

function checkCount(header: BatchHeader, count: number): void {
  if (header.count !== count) throw malformed(`a batch of ${header.count} entries has a payload of ${count}`);
}
