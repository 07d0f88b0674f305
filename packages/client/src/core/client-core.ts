import {
  type Address,
  type GroupId,
  LIMITS,
  type NodeId,
  QuorateError,
  SYSTEM_GROUP,
  asQuorateError,
  groupId,
  nodeId,
  checkName,
} from '@quorate/base';
import type { Fence } from '@quorate/machine';
import {
  type ClientRequestBody,
  type ClientResponse,
  type NodeStatus,
  type StreamEntry,
  type StreamInfo,
  WIRE_LIMITS,
  splitRecords,
} from '@quorate/wire';
import { AppendCall, type AppendResult } from './append-call.js';
import { Call, type CallOptions, wrongType } from './call.js';
import { ConnectionPool } from './connection-pool.js';
import { DeadlineHeap } from './deadline-heap.js';
import { checkAddress, checkDuration, checkNameBytes, checkWhole } from './argument-checks.js';
import { LeaderCache } from './leader-cache.js';
import type { CallTime, Done, PendingCall, ReadBatch, ReadOptions, StreamList } from './operation.js';
import { StreamNames } from './stream-names.js';
import { type ClientOptions, type Settings, settingsOf } from './options.js';
import type { ProducerContext } from './producer.js';
import { StreamProducers } from './stream-producers.js';
import { TurnEnd } from './turn-end.js';
import { SessionClient } from '../sessions/session-client.js';
import type { SessionOptions } from '../sessions/session-options.js';

/**
 * A client without promises: every operation calls back once (T77). It keeps one connection per node it needs, finds leaders, tries again
 * where that is safe until the deadline, and stores each append exactly once. One per process is enough for any number of streams.
 *
 * Errors of every operation besides its own: `unavailable` and other `safe` ones (not done before the deadline), `deadlineExceeded`
 * (unknown), `aborted` (cancelled), `overloaded` (too much waits in this client), `closed`, `clusterMismatch`, `protocolMismatch`,
 * `versionUnsupported`.
 */
export class ClientCore {
  readonly #settings: Settings;
  readonly #pool: ConnectionPool;
  readonly #leaders = new LeaderCache();
  readonly #deadlines: DeadlineHeap;
  readonly #context: ProducerContext;
  readonly #calls = new Set<Call>();
  readonly #producers: StreamProducers;
  readonly #names = new StreamNames();
  readonly #sessions = new Map<GroupId, SessionClient>();
  #appendCalls = 0;
  #appendBytes = 0;
  /** Why it is over; null: it is not. */
  #endError: QuorateError | null = null;

  /** `invalidArgument` if an option is wrong. Opens no connection yet. */
  constructor(options: ClientOptions) {
    this.#settings = settingsOf(options);
    const turnEnd = new TurnEnd(this.#settings.timers);
    this.#pool = new ConnectionPool(this.#settings, turnEnd);
    this.#deadlines = new DeadlineHeap(this.#settings.clock, this.#settings.timers);
    this.#context = {
      settings: this.#settings,
      pool: this.#pool,
      leaders: this.#leaders,
      deadlines: this.#deadlines,
      turnEnd,
      resolve: (name, done) => this.#lookUp(name, this.#settings.deadlineMs, done),
      appendBytesChanged: (delta) => {
        this.#appendBytes += delta;
      },
      callSettled: () => {
        this.#appendCalls -= 1;
      },
    };
    this.#producers = new StreamProducers(this.#context);
  }

  /** Addresses known by now, the given ones first. */
  get addresses(): readonly string[] {
    return this.#pool.addresses;
  }
  /** Calls that are not settled. */
  get openCalls(): number {
    return this.#calls.size + this.#appendCalls;
  }
  /** Bytes of appends that wait or are on their way. */
  get appendBytes(): number {
    return this.#appendBytes;
  }
  get isClosed(): boolean {
    return this.#endError !== null;
  }
  /** Time that a call may take by default, in ms. */
  get deadlineMs(): number {
    return this.#settings.deadlineMs;
  }

  /** Creates a stream, or finds the one of that name. `nameInvalid`; `overloaded` if the catalogue is full. */
  createStream(name: string, options: CallTime, done: Done<{ readonly stream: StreamEntry; readonly wasCreated: boolean }>): PendingCall {
    return this.#guarded(done, () => {
      checkName('stream', name);
      return this.#call(options, { body: { type: 'createStream', name }, group: SYSTEM_GROUP, isRead: false }, done, (response) => {
        if (response.type !== 'streamCreated') throw wrongType(response);
        if (response.stream.name !== name) throw new QuorateError('malformedFrame', 'another stream than the one asked for');
        this.#names.remember(response.stream);
        return { stream: response.stream, wasCreated: response.wasCreated };
      });
    });
  }

  /** Names that start with `prefix`, after `after`, in byte order, at most `limit`. Linearizable. */
  listStreams(
    query: { readonly prefix?: string; readonly after?: string; readonly limit?: number } & CallTime,
    done: Done<StreamList>,
  ): PendingCall {
    const body = { type: 'listStreams', prefix: query.prefix ?? '', after: query.after ?? '', limit: query.limit ?? 1000 } as const;
    return this.#guarded(done, () => {
      checkNameBytes('prefix', body.prefix);
      checkNameBytes('after', body.after);
      checkWhole('limit', body.limit, 1, WIRE_LIMITS.streamListMax);
      return this.#call(query, { body, group: SYSTEM_GROUP, isRead: true }, done, (response) => {
        if (response.type !== 'streamList') throw wrongType(response);
        return { streams: response.streams, hasMore: response.hasMore };
      });
    });
  }

  /** The stream of that name. `streamNotFound`. Linearizable. */
  findStream(name: string, options: CallTime, done: Done<StreamEntry>): PendingCall {
    return this.#guarded(done, () => {
      checkName('stream', name);
      return this.#call(options, { body: { type: 'findStream', name }, group: SYSTEM_GROUP, isRead: true }, done, (response) =>
        this.#found(name, response),
      );
    });
  }

  /** First and next offset and the leader of a stream. `streamNotFound`. Linearizable. */
  streamInfo(name: string, options: CallTime, done: Done<StreamInfo>): PendingCall {
    return this.#named(name, options, done, (entry, deadlineMs, settle) =>
      this.#call(
        { deadlineMs },
        { body: { type: 'streamInfo', group: entry.group }, group: entry.group, isRead: true },
        settle,
        (response) => {
          if (response.type !== 'streamInfo') throw wrongType(response);
          return response.info;
        },
        true,
      ),
    );
  }

  /**
   * Appends records in order, each exactly once. Appends of one client to one stream keep the order of the calls. A list that fits one batch
   * (`LIMITS.batchRecordsMax` records, about 2 MiB) is stored whole or not at all; a longer one in several batches. The records must not
   * change before the call is settled. With a `fence` nothing is stored once the stream has seen a newer token of its lock.
   * `recordTooLarge`, `invalidArgument` (no records, no fence), `streamNotFound`, `producerUnknown`, `fenced`, `tooManyFences`.
   */
  append(
    name: string,
    records: readonly Uint8Array[],
    options: CallTime & { readonly fence?: Fence },
    done: Done<AppendResult>,
  ): PendingCall {
    return this.#guarded(done, () => {
      checkName('stream', name);
      const deadlineMs = this.#deadlineOf(options);
      const producer = this.#producers.of(name);
      const call = new AppendCall({ name, records, fence: options.fence ?? null, deadlineMs, owner: producer, done });
      let bytes = 0;
      for (const part of call.parts) bytes += part.range.payloadBytes;
      this.#checkRoom(bytes);
      this.#appendCalls += 1;
      producer.append(call);
      return { cancel: () => producer.cancel(call) };
    });
  }

  /** Records from an offset on. `streamNotFound`, `offsetOutOfRange` (details: firstOffset, nextOffset). */
  read(name: string, options: ReadOptions, done: Done<ReadBatch>): PendingCall {
    const {
      from,
      maxRecords = WIRE_LIMITS.readRecordsMax,
      maxBytes = LIMITS.readBytesMax,
      waitMs = 0,
      consistency = 'linearizable',
    } = options;
    const limits = { fromOffset: from, maxRecords, maxBytes: Math.min(maxBytes, LIMITS.readBytesMax), waitMs: Math.ceil(waitMs) };
    return this.#guarded(done, () => {
      checkWhole('from', from, 0, Number.MAX_SAFE_INTEGER);
      checkWhole('maxRecords', maxRecords, 1, WIRE_LIMITS.readRecordsMax);
      checkWhole('maxBytes', maxBytes, 1, Number.MAX_SAFE_INTEGER);
      checkWhole('waitMs', limits.waitMs, 0, WIRE_LIMITS.waitMsMax);
      return this.#named(name, options, done, (entry, deadlineMs, settle) => {
        const body = { type: 'readStream', group: entry.group, ...limits, consistency } as const;
        const group = consistency === 'linearizable' ? entry.group : null;
        const take = (response: ClientResponse): ReadBatch => {
          if (response.type !== 'records') throw wrongType(response);
          if (response.fromOffset !== from || response.count > maxRecords) {
            throw new QuorateError('malformedFrame', 'other records than those asked for', {
              fromOffset: response.fromOffset,
              count: response.count,
            });
          }
          return { records: splitRecords(response), nextOffset: response.nextOffset };
        };
        return this.#call({ deadlineMs: deadlineMs + waitMs }, { body, group, waitMs, isRead: true }, settle, take, true);
      });
    });
  }

  /**
   * The sessions with the machine of a group: one for the whole client, made by the first call, whose options count. Opens nothing before the
   * first command. `closed`, `invalidArgument`.
   */
  sessions(group: GroupId, options: SessionOptions = {}): SessionClient {
    const known = this.#sessions.get(group);
    if (known !== undefined) return known;
    if (this.#endError !== null) throw this.#endError;
    const sessions = new SessionClient(this.#context, group, options);
    this.#sessions.set(group, sessions);
    return sessions;
  }

  /** Status of one node, by default of any that answers. */
  status(options: { readonly address?: Address } & CallTime, done: Done<NodeStatus>): PendingCall {
    return this.#guarded(done, () => {
      const only = options.address === undefined ? null : checkAddress(options.address);
      if (only !== null) this.#pool.link(only);
      return this.#call(options, { body: { type: 'status' }, group: null, only, isRead: true }, done, (response) => {
        if (response.type !== 'status') throw wrongType(response);
        return response.status;
      });
    });
  }

  /** Asks the leader of a group to hand over; `to` 0: to the most caught-up node. `invalidArgument` for numbers that are no ids. */
  transferLeader(group: GroupId, to: NodeId | 0, options: CallTime, done: Done<true>): PendingCall {
    return this.#guarded(done, () => {
      groupId(group);
      if (to !== 0) nodeId(to);
      return this.#call(options, { body: { type: 'transferLeader', group, to }, group, isRead: false }, done, (): true => true);
    });
  }

  /**
   * Ends the client: calls that are not settled end with `closed`, or with `aborted` (unknown) if they are writes that may have happened;
   * then `done`. May be called again. Sessions that are in contact are closed at the cluster too, which takes up to a second.
   */
  close(done: () => void): void {
    if (this.#endError !== null) {
      this.#settings.timers.defer(done);
      return;
    }
    const error = new QuorateError('closed', 'this client is closed');
    this.#endError = error;
    let open = this.#sessions.size;
    const ended = (): void => {
      if (open-- > 0) return;
      this.#deadlines.close();
      this.#pool.close(error);
      done();
    };
    for (const sessions of this.#sessions.values()) sessions.close(ended);
    this.#settings.timers.defer(() => {
      this.#endCalls(error);
      ended();
    });
  }

  /**
   * Ends the client at once because its calls can never be answered again: they end with `error`, of the class `never`, or with an error of the
   * class `unknown` that it is the cause of if they are writes that may have happened. Later calls end with `error`.
   */
  fail(error: QuorateError): void {
    if (this.#endError !== null) return;
    this.#endError = error;
    this.#settings.timers.defer(() => {
      for (const sessions of this.#sessions.values()) sessions.fail(error);
      this.#endCalls(error);
      this.#deadlines.close();
      this.#pool.close(error);
    });
  }

  #endCalls(error: QuorateError): void {
    this.#producers.close(error);
    for (const call of [...this.#calls]) call.close(error);
  }

  /** Runs an operation; what it throws at once is told by `done`, later. */
  #guarded<T>(done: Done<T>, start: () => PendingCall): PendingCall {
    try {
      if (this.#endError !== null) throw this.#endError;
      return start();
    } catch (thrown) {
      this.#settings.timers.defer(() => done(asQuorateError(thrown), null));
      return { cancel: () => {} };
    }
  }

  #call<T>(
    time: CallTime,
    options: Omit<CallOptions, 'deadlineMs' | 'done' | 'check'>,
    done: Done<T>,
    take: (response: ClientResponse) => T,
    isInternal = false,
  ): Call {
    if (!isInternal) this.#checkRoom(0);
    let result: T | null = null;
    const call: Call = new Call(this.#context, {
      ...options,
      deadlineMs: this.#deadlineOf(time),
      check: (response) => {
        result = take(response);
      },
      done: (error) => {
        this.#calls.delete(call);
        done(error, error === null ? result : null);
      },
    });
    call.start();
    if (!call.isSettled) this.#calls.add(call);
    return call;
  }

  /** An operation on a stream by name: looks the name up first unless it is known. */
  #named<T>(
    name: string,
    time: CallTime,
    done: Done<T>,
    start: (entry: StreamEntry, deadlineMs: number, settle: Done<T>) => PendingCall,
  ): PendingCall {
    return this.#guarded(done, () => {
      checkName('stream', name);
      const deadlineMs = this.#deadlineOf(time);
      const settle: Done<T> = (error, result) => {
        // The name may have been given to another stream, or be gone.
        if (error?.code === 'streamNotFound' || error?.code === 'kindMismatch') this.#names.forget(name);
        done(error, result);
      };
      // Once, here: what `start` calls goes on in the room of this call.
      this.#checkRoom(0);
      const known = this.#names.get(name);
      if (known !== undefined) return start(known, deadlineMs, settle);
      const startMs = this.#settings.clock.nowMs();
      let current: PendingCall = this.#lookUp(name, deadlineMs, (error, entry) => {
        if (entry === null) {
          done(error, null);
          return;
        }
        const leftMs = Math.max(1, deadlineMs - (this.#settings.clock.nowMs() - startMs));
        current = start(entry, leftMs, settle);
      });
      return { cancel: () => current.cancel() };
    });
  }

  #lookUp(name: string, deadlineMs: number, done: Done<StreamEntry>): Call {
    const body: ClientRequestBody = { type: 'findStream', name };
    return this.#call({ deadlineMs }, { body, group: SYSTEM_GROUP, isRead: true }, done, (response) => this.#found(name, response), true);
  }

  #found(name: string, response: ClientResponse): StreamEntry {
    if (response.type !== 'streamFound') throw wrongType(response);
    if (response.stream.name !== name) throw new QuorateError('malformedFrame', 'another stream than the one asked for');
    this.#names.remember(response.stream);
    return response.stream;
  }

  #checkRoom(bytes: number): void {
    const { callsMax, appendBytesMax } = this.#settings;
    if (this.openCalls >= callsMax) throw new QuorateError('overloaded', `${this.openCalls} calls wait already`, { callsMax });
    // A single append is taken whatever its size while nothing else waits, so that no legal one is refused for ever.
    if (bytes > 0 && this.#appendBytes > 0 && this.#appendBytes + bytes > appendBytesMax) {
      throw new QuorateError('overloaded', `${this.#appendBytes} bytes of appends wait already`, {
        appendBytes: this.#appendBytes,
        bytes,
        appendBytesMax,
      });
    }
  }

  #deadlineOf(time: CallTime): number {
    return time.deadlineMs === undefined ? this.#settings.deadlineMs : checkDuration('deadlineMs', time.deadlineMs);
  }
}
