import { type ByteWriter, LIMITS, type LogIndex, QuorateError, asQuorateError } from '@quorate/base';
import type { Machine, SessionId } from '@quorate/machine';
import {
  type ClientResponseBody,
  QueryList,
  type SessionRequestBody,
  beginQueryResult,
  endQueryResult,
  writeQueryError,
} from '@quorate/wire';
import type { PendingRead } from '../groups/pending-reads.js';
import type { MachineGroup } from './machine-group.js';
import type { QueryWaiter } from './query-waiters.js';

/**
 * Bytes of results after which an answer goes on in another frame, once the connection has room for it. Many: whoever is answered in small pieces asks
 * again in small pieces, and each request costs a read-index round.
 */
const RESULTS_BYTES = 1_048_576;
/** What fits a frame beside the fields before the results. */
const FRAME_RESULTS_BYTES_MAX = LIMITS.frameBytesMax - 64;

/** The connection that the queries came on. */
export interface QueryReplyTo {
  readonly isClosed: boolean;
  /** Queries of this connection wait. */
  waits(): void;
  whenRoom(step: () => void): void;
  reply(id: number, body: ClientResponseBody): void;
}

/** The queries of one request, from their read-index round to their last result: one object for all of them, whose arguments are kept as they came. */
export class QueryRun implements PendingRead, QueryWaiter {
  readonly session: SessionId;
  readonly afterNumber: number;
  readonly minIndex: LogIndex;
  readonly isLinearizable: boolean;
  readonly deadlineMs: number;
  readonly bytes: number;
  readonly queries: number;
  readonly #id: number;
  readonly #to: QueryReplyTo;
  readonly #group: MachineGroup;
  readonly #failed: (id: number, error: QuorateError) => void;
  readonly #list: QueryList;
  #done = 0;
  /** The list stands at the query that comes next. */
  #isNextRead = false;

  constructor(init: {
    readonly id: number;
    readonly request: Extract<SessionRequestBody, { type: 'queries' }>;
    readonly to: QueryReplyTo;
    readonly group: MachineGroup;
    readonly deadlineMs: number;
    readonly failed: (id: number, error: QuorateError) => void;
  }) {
    const { request } = init;
    this.session = request.session;
    this.afterNumber = request.afterNumber;
    this.minIndex = request.minIndex;
    this.isLinearizable = request.consistency === 'linearizable';
    this.deadlineMs = init.deadlineMs;
    this.bytes = request.queries.length;
    this.#id = init.id;
    this.#to = init.to;
    this.#group = init.group;
    this.#failed = init.failed;
    this.queries = request.count;
    this.#list = new QueryList(request.queries.slice());
  }

  /** Begins with a read-index round, or without one if any replica may answer. */
  start(): void {
    if (this.isLinearizable) this.#group.replica.readLinearizable(this);
    else this.run();
  }

  /** The state is at least as new as when they were asked; now for what their session knows of. */
  run(): void {
    if (this.#to.isClosed) return;
    const { replica, waiters } = this.#group;
    if (replica.stopError !== null) this.fail(replica.stopError);
    else if (this.isLinearizable && !replica.isLeader) this.fail(replica.notLeader());
    else if (!waiters.add(this)) this.#to.waits();
  }

  get isGone(): boolean {
    return this.#to.isClosed;
  }

  /** What is answered late is only newer. */
  answer(): void {
    this.#to.whenRoom(() => this.#answerSome());
  }

  fail(error: QuorateError): void {
    this.#failed(this.#id, error);
  }

  #answerSome(): void {
    try {
      this.#to.reply(this.#id, this.#results());
    } catch (thrown) {
      this.fail(asQuorateError(thrown));
      return;
    }
    if (this.#done < this.queries) this.answer();
  }

  /** As many as one frame should hold. */
  #results(): ClientResponseBody {
    // Of now: while the queries waited, a snapshot may have put another one in its place.
    const { machine, results: writer } = this.#group;
    const { session } = this;
    const eventIndex = session === 0 ? 0 : machine.session(session)?.lastEventIndex;
    if (eventIndex === undefined) throw new QuorateError('sessionExpired', `session ${session} has ended`, { session });
    const first = this.#done;
    const index = machine.appliedIndex;
    if (machine.fault !== null) throw machine.fault;
    try {
      while (this.#done < this.queries && writer.length < RESULTS_BYTES && this.#runNext(machine, writer)) this.#done += 1;
      const count = this.#done - first;
      return { type: 'queryResults', index, eventIndex, first, isLast: this.#done === this.queries, count, results: writer.cut() };
    } finally {
      writer.clear();
    }
  }

  /** False if its result fits only the next frame. */
  #runNext(machine: Machine, writer: ByteWriter): boolean {
    if (!this.#isNextRead) this.#list.next();
    this.#isNextRead = true;
    const at = beginQueryResult(writer);
    try {
      machine.queryInto(writer, {
        session: this.session,
        resource: this.#list.resource,
        operation: this.#list.operation,
        args: this.#list.args,
      });
      const bytes = writer.length - at;
      if (writer.length > FRAME_RESULTS_BYTES_MAX) {
        if (bytes > FRAME_RESULTS_BYTES_MAX)
          throw new QuorateError('frameTooLarge', `a result of ${bytes} bytes fits no answer`, { bytes });
        writer.truncate(at);
        return false;
      }
      endQueryResult(writer, at);
    } catch (thrown) {
      writer.truncate(at);
      writeQueryError(writer, asQuorateError(thrown));
    }
    this.#isNextRead = false;
    return true;
  }
}
