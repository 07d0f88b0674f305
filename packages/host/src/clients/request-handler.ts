import { LIMITS, type NodeId, QuorateError, SYSTEM_GROUP, asQuorateError, checkName } from '@quorate/base';
import { checkAppendPayload, readRecords } from '@quorate/streams';
import type { ClientRequest, ClientRequestBody, ClientResponseBody, NodeStatus } from '@quorate/wire';
import { encodeCommand } from '../catalogue/commands.js';
import type { Proposer } from '../groups/pending-proposals.js';
import { MachineView } from '../groups/machine-view.js';
import type { Replica } from '../groups/replica.js';
import type { TailWaiter } from '../groups/tail-waiters.js';
import { type ApplyOutcome, CatalogueView, StreamView } from '../groups/view.js';
import type { AwakeClock } from '../sessions/awake-clock.js';
import type { LeaderWaiter } from './leader-waiters.js';
import { type SessionNode, type SessionReplyTo, SessionRequests } from './session-requests.js';
import type { WaitingRequests } from './waiting-requests.js';

/** What requests need of the node. */
export interface RequestNode extends SessionNode {
  readonly awake: AwakeClock;
  readonly waiters: WaitingRequests;
  /** Null while the node serves; otherwise why it does not. */
  refusal(): QuorateError | null;
  /** The status of the node as far as it fits a frame. */
  statusForClient(): NodeStatus;
  addressOf(node: NodeId): string | undefined;
}

/** Where answers go. `reply` may be called long after the request, or never if the connection is gone. */
export type ReplyTo = SessionReplyTo;

/** Longest wait for a record at the end of a stream. */
const WAIT_MS_MAX = 60_000;

type RequestOf<T extends ClientRequestBody['type']> = Extract<ClientRequestBody, { type: T }>;

/** Answers the requests of one client connection: each exactly once, an error as an answer of type `error`. */
export class RequestHandler implements Proposer {
  readonly #node: RequestNode;
  readonly #to: ReplyTo;
  readonly #sessions: SessionRequests;
  /** The request that is being handled, and what makes it wait; null: it is answered whatever comes of it. */
  #present: { readonly id: number; readonly waiter: () => LeaderWaiter } | null = null;

  constructor(node: RequestNode, to: ReplyTo) {
    this.#node = node;
    this.#to = to;
    this.#sessions = new SessionRequests(node, to, this);
  }

  /** `waiter`: what waits for a leader, made if there is none now; null: the request has waited, and is answered. */
  handle(request: ClientRequest, waiter: (() => LeaderWaiter) | null): void {
    this.#present = waiter === null ? null : { id: request.id, waiter };
    try {
      if (request.type === 'status') {
        this.#to.reply(request.id, { type: 'status', status: this.#node.statusForClient() });
        return;
      }
      const refusal = this.#node.refusal();
      if (refusal !== null) throw refusal;
      this.#dispatch(request.id, request);
    } catch (thrown) {
      this.failed(request.id, asQuorateError(thrown));
    } finally {
      this.#present = null;
    }
  }

  #dispatch(id: number, request: Exclude<ClientRequestBody, { type: 'status' }>): void {
    switch (request.type) {
      case 'createStream':
        return this.#createStream(id, request);
      case 'listStreams':
        return this.#listStreams(id, request);
      case 'findStream':
        return this.#findStream(id, request);
      case 'streamInfo':
        return this.#streamInfo(id, request);
      case 'append':
        return this.#append(id, request);
      case 'readStream':
        return this.#readStream(id, request);
      case 'transferLeader':
        return this.#transferLeader(id, request);
      default:
        return this.#sessions.handle(id, request);
    }
  }

  /** An answer to a proposal, from the apply of its batch. */
  applied(id: number, outcome: ApplyOutcome): void {
    if (outcome.view === 'machine') {
      this.#sessions.applied(id, outcome.group, outcome.outcome);
    } else if (outcome.view === 'stream') {
      const result = outcome.outcome;
      if (result.status === 'refused') {
        this.failed(id, new QuorateError(result.code, `the append was refused: ${result.message}`, result.details));
      } else if (result.status !== 'none') this.#to.reply(id, { type: 'appended', offset: result.offset, count: result.count });
    } else if (outcome.view === 'catalogue' && outcome.outcome.type === 'streamCreated') {
      this.#to.reply(id, outcome.outcome);
    } else if (outcome.view === 'catalogue' && outcome.outcome.type === 'refused') {
      this.failed(id, outcome.outcome.error);
    }
  }

  failed(id: number, error: QuorateError): void {
    if (error.code === 'noLeader' && this.#waits(id, error)) return;
    const leader = error.details['leader'];
    const address = typeof leader === 'number' ? this.#node.addressOf(leader as NodeId) : undefined;
    const details = address === undefined ? error.details : { ...error.details, address };
    this.#to.reply(id, { type: 'error', code: error.code, message: error.message, details });
  }

  /** Only while the request is being handled: later its bytes are gone. */
  #waits(id: number, error: QuorateError): boolean {
    const replica = this.#node.replica(Number(error.details['group'] ?? -1));
    if (this.#present?.id !== id || replica === undefined) return false;
    const { waiter } = this.#present;
    return this.#node.waiters.leaders.add(replica, waiter(), this.#node.options.clock.nowMs());
  }

  #replica(group: number): Replica {
    const replica = this.#node.replica(group);
    if (replica === undefined) {
      throw new QuorateError('noLeader', `group ${group} is not open on this node`, { group });
    }
    return replica;
  }

  #system(): { replica: Replica; view: CatalogueView } {
    const replica = this.#replica(SYSTEM_GROUP);
    if (!(replica.view instanceof CatalogueView)) throw new QuorateError('invariantBroken', 'the system group has the catalogue');
    return { replica, view: replica.view };
  }

  #stream(group: number): { replica: Replica; view: StreamView } {
    const replica = this.#replica(group);
    if (!(replica.view instanceof StreamView)) throw new QuorateError('kindMismatch', `group ${group} is not a stream`, { group });
    return { replica, view: replica.view };
  }

  /** Answers from the state of a leader after a read-index round. */
  #linearizable(id: number, replica: Replica, answer: () => ClientResponseBody): void {
    replica.readLinearizable({
      run: () =>
        this.#to.whenRoom(() => {
          try {
            this.#to.reply(id, answer());
          } catch (thrown) {
            this.failed(id, asQuorateError(thrown));
          }
        }),
      fail: (error) => this.failed(id, error),
    });
  }

  #checkSpace(): void {
    if (this.#node.isDiskFull) throw new QuorateError('diskFull', `node ${this.#node.options.nodeId} has no space on its disk`);
  }

  #createStream(id: number, { name }: RequestOf<'createStream'>): void {
    checkName('stream', name);
    this.#checkSpace();
    const { replica } = this.#system();
    const payload = encodeCommand({ type: 'createStream', name });
    replica.propose({ payload, payloadChecksum: this.#node.options.checksum(payload), count: 1 }, this, id, 'client');
  }

  #listStreams(id: number, { prefix, after, limit }: RequestOf<'listStreams'>): void {
    const { replica, view } = this.#system();
    const bound = Math.min(Math.max(1, limit), 1000);
    this.#linearizable(id, replica, () => ({ type: 'streamList', ...view.catalogue.list(prefix, after, bound) }));
  }

  #findStream(id: number, { name }: RequestOf<'findStream'>): void {
    const { replica, view } = this.#system();
    this.#linearizable(id, replica, () => {
      const stream = view.catalogue.find(name);
      if (stream === undefined) throw new QuorateError('streamNotFound', `there is no stream "${name}"`, { name });
      return { type: 'streamFound', stream };
    });
  }

  #streamInfo(id: number, { group }: RequestOf<'streamInfo'>): void {
    const { replica, view } = this.#stream(group);
    this.#linearizable(id, replica, () => ({
      type: 'streamInfo',
      info: {
        name: replica.name,
        group: replica.group,
        firstOffset: view.machine.firstOffset,
        nextOffset: view.machine.nextOffset,
        leader: replica.raft.leader,
        term: replica.raft.term,
      },
    }));
  }

  #append(id: number, { group, payload, payloadChecksum }: RequestOf<'append'>): void {
    const { replica } = this.#stream(group);
    if (!replica.isLeader) throw replica.stopError ?? replica.notLeader();
    this.#checkSpace();
    const { count, fence } = checkAppendPayload(payload);
    if (fence !== null) this.#checkFenceGroup(fence.group);
    if (this.#node.options.checksum(payload) !== payloadChecksum) {
      throw new QuorateError('malformedFrame', 'the payload of an append does not match its checksum', { group });
    }
    replica.propose({ payload, payloadChecksum, count }, this, id, 'client');
  }

  /** What is known here to have no locks cannot be fenced with: otherwise a mistake would be taken for a lock, and remembered for ever. */
  #checkFenceGroup(group: number): void {
    const view = this.#node.replica(group)?.view;
    if (view === undefined || view instanceof MachineView) return;
    throw new QuorateError('kindMismatch', `fence of group ${group}, which has no locks`, { group });
  }

  #readStream(id: number, request: RequestOf<'readStream'>): void {
    const { replica, view } = this.#stream(request.group);
    const read = (): ClientResponseBody & { type: 'records' } => {
      const limits = {
        fromOffset: request.fromOffset,
        maxRecords: Math.max(1, request.maxRecords),
        maxBytes: Math.min(Math.max(1, request.maxBytes), LIMITS.readBytesMax),
        appliedIndex: replica.appliedIndex,
      };
      return { type: 'records', ...readRecords(replica.log, view.machine, limits) };
    };
    // A confirmed read may be answered late: what is applied by then is only newer.
    const answerOrWait = (): void => {
      const isLast = this.#node.options.clock.nowMs() >= waiter.deadlineMs;
      if (!this.#attemptRead(id, replica, read, isLast)) this.#wait(replica, waiter);
    };
    const waiter: TailWaiter = {
      deadlineMs: this.#node.options.clock.nowMs() + Math.min(request.waitMs, WAIT_MS_MAX),
      // Of what lies beyond all that this replica has applied only a leader can tell whether it is there (T56).
      isLinearizable: request.consistency === 'linearizable' || request.fromOffset > view.machine.nextOffset,
      isGone: () => this.#to.isClosed,
      attempt: (isLast) => {
        if (this.#to.hasRoom) return this.#attemptRead(id, replica, read, isLast);
        this.#to.whenRoom(answerOrWait);
        return true;
      },
      fail: (error) => this.failed(id, error),
    };
    const run = (): void => this.#to.whenRoom(answerOrWait);
    if (waiter.isLinearizable) {
      replica.readLinearizable({ run, fail: (error) => this.failed(id, error) });
    } else {
      if (replica.stopError !== null) throw replica.stopError;
      run();
    }
  }

  #wait(replica: Replica, waiter: TailWaiter): void {
    try {
      // Whoever wants a leader is told of a change while it waits; one that came before is told here.
      if (waiter.isLinearizable && !replica.isLeader) throw replica.stopError ?? replica.notLeader();
      this.#node.waiters.tails.add(replica, waiter);
      this.#to.waits();
    } catch (thrown) {
      waiter.fail(asQuorateError(thrown));
    }
  }

  /** True if the read was answered: with records, with an error, or empty if it may wait no longer. */
  #attemptRead(id: number, replica: Replica, read: () => ClientResponseBody & { type: 'records' }, isLast: boolean): boolean {
    try {
      if (replica.stopError !== null) throw replica.stopError;
      const records = read();
      if (records.count === 0 && !isLast) return false;
      this.#to.reply(id, records);
    } catch (thrown) {
      this.failed(id, asQuorateError(thrown));
    }
    return true;
  }

  #transferLeader(id: number, { group, to }: RequestOf<'transferLeader'>): void {
    const replica = this.#replica(group);
    if (!replica.isLeader) throw replica.stopError ?? replica.notLeader();
    if (!replica.transferLeader(to)) {
      throw new QuorateError('unavailable', `no caught-up node to hand group ${group} to`, { group, to });
    }
    this.#to.reply(id, { type: 'transferred' });
  }
}
