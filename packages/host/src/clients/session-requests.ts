import { type GroupId, QuorateError, asQuorateError, readU16, readU64 } from '@quorate/base';
import { type MachineOutcome, PAYLOAD, type SessionId, encodeOpenSession } from '@quorate/machine';
import type { SessionRequestBody } from '@quorate/wire';
import type { Proposer } from '../groups/pending-proposals.js';
import type { Replica } from '../groups/replica.js';
import type { MachineGroup } from '../sessions/machine-group.js';
import type { MachineGroups } from '../sessions/machine-groups.js';
import { type QueryReplyTo, QueryRun } from '../sessions/query-run.js';
import { type RepliesReplyTo, ReplyRun } from '../sessions/reply-run.js';
import type { SessionCarrier } from '../sessions/session-binding.js';
import type { HostOptions } from '../host-options.js';

/** What requests of sessions need of the node. */
export interface SessionNode {
  readonly options: HostOptions;
  readonly machines: MachineGroups;
  readonly isDiskFull: boolean;
  replica(group: number): Replica | undefined;
}

/** The connection that the requests come on. */
export interface SessionReplyTo extends SessionCarrier, QueryReplyTo, RepliesReplyTo {}

/** Who settles proposals and errors: the request handler of the connection. */
export interface SessionProposer extends Proposer {
  failed(id: number, error: QuorateError): void;
}

/** Longest wait of a query for what it must see, in ms: then another replica may do better. */
const QUERY_WAIT_MS = 5000;

type RequestOf<T extends SessionRequestBody['type']> = Extract<SessionRequestBody, { type: T }>;
type RepliesOutcome = Extract<MachineOutcome, { type: 'replies' }>;

/** Answers the requests about sessions of one client connection. What it throws is answered as an error by its caller. */
export class SessionRequests {
  readonly #node: SessionNode;
  readonly #to: SessionReplyTo;
  readonly #proposer: SessionProposer;
  readonly #failed = (id: number, error: QuorateError): void => this.#proposer.failed(id, error);

  constructor(node: SessionNode, to: SessionReplyTo, proposer: SessionProposer) {
    this.#node = node;
    this.#to = to;
    this.#proposer = proposer;
  }

  handle(id: number, request: SessionRequestBody): void {
    switch (request.type) {
      case 'openSession':
        return this.#openSession(id, request);
      case 'bindSession':
        return this.#bindSession(id, request);
      case 'commands':
        return this.#commands(id, request);
      case 'queries':
        return this.#queries(id, request);
      case 'acknowledge':
        return this.#acknowledge(id, request);
      case 'ping':
        return this.#ping(id);
    }
  }

  /** The answer to a proposal. */
  applied(id: number, group: GroupId, outcome: MachineOutcome): void {
    switch (outcome.type) {
      case 'replies':
        return this.#replies(id, group, outcome);
      case 'sessionOpened': {
        const { session, ttlMs, graceMs } = outcome;
        return this.#to.reply(id, { type: 'sessionOpened', session, ttlMs, graceMs });
      }
      case 'refused':
        return this.#proposer.failed(id, new QuorateError(outcome.code, outcome.message, outcome.details));
      case 'none':
        return this.#to.reply(id, { type: 'acknowledged' });
    }
  }

  #group(group: GroupId): MachineGroup {
    const found = this.#node.machines.get(group);
    if (found !== undefined) return found;
    if (this.#node.replica(group) === undefined) throw new QuorateError('noLeader', `group ${group} is not open on this node`, { group });
    throw new QuorateError('kindMismatch', `group ${group} has no sessions`, { group });
  }

  #leading(group: GroupId): MachineGroup {
    const found = this.#group(group);
    const { replica } = found;
    if (!replica.isLeader) throw replica.stopError ?? replica.notLeader();
    return found;
  }

  #checkSpace(): void {
    if (this.#node.isDiskFull) throw new QuorateError('diskFull', `node ${this.#node.options.nodeId} has no space on its disk`);
  }

  /** Only the connection that a session was bound to, by its key, speaks for it. */
  #checkCarried(group: MachineGroup, session: SessionId): void {
    if (group.binding(session)?.carrier !== this.#to) {
      throw new QuorateError('unavailable', `session ${session} is not carried by this connection`, { session });
    }
  }

  #openSession(id: number, { group: number, key, ttlMs, graceMs }: RequestOf<'openSession'>): void {
    const { replica, machine } = this.#leading(number);
    this.#checkSpace();
    const payload = encodeOpenSession({ key, ttlMs, graceMs });
    const refusal = machine.refusalOf(payload);
    if (refusal !== null) throw refusal;
    replica.propose({ payload, payloadChecksum: this.#node.options.checksum(payload), count: 1 }, this.#proposer, id, 'client');
  }

  /** After a read-index round: so the session is known here, if it is open, with all its commands. */
  #bindSession(id: number, request: RequestOf<'bindSession'>): void {
    const group = this.#group(request.group);
    const { session, acknowledgedEvents, nextEvents } = request;
    const key = request.key.slice();
    this.#linearizable(id, group.replica, () => {
      const { machine } = group;
      const info = machine.session(session);
      if (info === undefined || !machine.hasKey(session, key)) {
        throw new QuorateError('sessionExpired', `there is no session ${session} with this key`, { session });
      }
      if (this.#to.isClosed) return;
      const binding = group.bind(info, this.#to, { upTo: acknowledgedEvents, ofNext: nextEvents });
      this.#to.reply(id, { type: 'sessionBound', nextNumber: info.nextNumber, lastEventIndex: info.lastEventIndex });
      binding.start();
    });
  }

  #commands(id: number, { group: number, payload, payloadChecksum }: RequestOf<'commands'>): void {
    const group = this.#leading(number);
    this.#checkSpace();
    if (payload[0] !== PAYLOAD.commands) throw new QuorateError('malformedFrame', 'a payload that is not one of commands');
    if (this.#node.options.checksum(payload) !== payloadChecksum) {
      throw new QuorateError('malformedFrame', 'the payload of commands does not match its checksum', { group: number });
    }
    const refusal = group.machine.refusalOf(payload);
    if (refusal !== null) throw refusal;
    this.#checkCarried(group, readU64(payload, 4));
    group.replica.propose({ payload, payloadChecksum, count: readU16(payload, 2) }, this.#proposer, id, 'client');
  }

  #acknowledge(id: number, { group: number, session, replies, events }: RequestOf<'acknowledge'>): void {
    const group = this.#leading(number);
    this.#checkSpace();
    this.#checkCarried(group, session);
    group.acknowledgements.add(session, replies, events, this.#proposer, id, this.#node.options.clock.nowMs());
  }

  /**
   * A deposed leader must not answer that it is in contact: its successor has given the session a full ttl from its own beginning, which may lie
   * before this ping. A read-index round shows that there was no successor when the ping came (T57).
   */
  #ping(id: number): void {
    const groups = new Set<GroupId>();
    for (const { group } of this.#to.bindings) groups.add(group);
    let left = groups.size;
    if (left === 0) this.#to.reply(id, { type: 'pong' });
    let isFailed = false;
    for (const group of groups) {
      this.#group(group).replica.readLinearizable({
        run: () => {
          if (--left === 0 && !isFailed) this.#to.reply(id, { type: 'pong' });
        },
        fail: (error) => {
          if (!isFailed) this.#proposer.failed(id, error);
          isFailed = true;
        },
      });
    }
  }

  #queries(id: number, request: RequestOf<'queries'>): void {
    const group = this.#group(request.group);
    const deadlineMs = this.#node.options.clock.nowMs() + QUERY_WAIT_MS;
    new QueryRun({ id, request, to: this.#to, group, deadlineMs, failed: this.#failed }).start();
  }

  #linearizable(id: number, replica: Replica, run: () => void): void {
    const fail = (error: QuorateError): void => this.#proposer.failed(id, error);
    replica.readLinearizable({
      run: () => {
        try {
          run();
        } catch (thrown) {
          fail(asQuorateError(thrown));
        }
      },
      fail,
    });
  }

  /** They keep their place among the events, if those go out on this connection: another may carry the session by now. */
  #replies(id: number, group: GroupId, { session, firstNumber, replies }: RepliesOutcome): void {
    const carried = this.#node.machines.get(group)?.binding(session);
    const binding = carried?.carrier === this.#to ? carried : null;
    new ReplyRun({ id, firstNumber, replies, to: this.#to, binding, failed: this.#failed }).start();
  }
}
