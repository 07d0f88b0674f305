import { BATCH_HEADER_BYTES, Fifo, FlightLimit, type GroupId, LIMITS, type LogIndex, QuorateError, type Term } from '@quorate/base';
import type { GroupLog } from '@quorate/storage';
import { LEADER_FLIGHT } from './leader-flight.js';
import type { ApplyOutcome } from './view.js';

/** Whoever proposed a batch; told exactly once what became of it. */
export interface Proposer {
  applied(requestId: number, outcome: ApplyOutcome): void;
  failed(requestId: number, error: QuorateError): void;
}

/** Who proposed something. What a node proposes itself, of its sessions say, is little and is taken however busy it is. */
export type ProposedBy = 'client' | 'node';

interface Proposal {
  readonly index: LogIndex;
  readonly term: Term;
  /** Indexes that it takes. */
  readonly count: number;
  readonly bytes: number;
  /** When it was proposed, by the node's clock. */
  readonly nowMs: number;
  readonly of: ProposedBy;
  readonly proposer: Proposer;
  readonly requestId: number;
}

/** Bytes proposed and not applied over all groups of a node. */
export class ProposalBudget {
  bytes = 0;
}

/** Indexes that proposals of clients may take in a group until they are applied, at most. */
const COUNT_MAX = 65_536;

/** Proposals of this leader that are not applied yet, in log order: one entry per batch, settled from the front. */
export class PendingProposals {
  readonly #group: GroupId;
  readonly #budget: ProposalBudget;
  readonly #queue = new Fifo<Proposal>();
  #bytes = 0;
  #count = 0;
  /** How much of the most may wait: as much as is applied soon. */
  readonly #flight = new FlightLimit(LEADER_FLIGHT);

  constructor(group: GroupId, budget: ProposalBudget = new ProposalBudget()) {
    this.#group = group;
    this.#budget = budget;
  }

  get size(): number {
    return this.#queue.length;
  }

  /** Why no more may be proposed before some are applied (`overloaded`); null if it may. */
  refusal(of: ProposedBy): QuorateError | null {
    const group = this.#group;
    if (this.#bytes >= LIMITS.groupProposalBytesMax || this.#budget.bytes >= LIMITS.nodeProposalBytesMax) {
      return new QuorateError('overloaded', `group ${group} or its node has too many bytes that are not applied`, { group });
    }
    // Otherwise what clients propose now would be applied too late to be of use to them.
    if (of === 'node' || this.size === 0 || this.#underWay < this.#flight.part) return null;
    return new QuorateError('overloaded', `group ${group} has as much to apply as it can soon`, { group });
  }

  get #underWay(): number {
    return Math.max(this.#count / COUNT_MAX, this.#bytes / LIMITS.groupProposalBytesMax);
  }

  add(proposal: Proposal): void {
    this.#count += proposal.count;
    this.#queue.push(proposal);
    this.#bytes += proposal.bytes;
    this.#budget.bytes += proposal.bytes;
  }

  /** The batch with this base index and term was applied. */
  applied(baseIndex: LogIndex, term: Term, outcome: ApplyOutcome, nowMs: number): void {
    const { first } = this.#queue;
    if (first === undefined || first.index !== baseIndex || first.term !== term) return;
    if (first.of === 'client') this.#applied(first, nowMs);
    this.#drop(first);
    first.proposer.applied(first.requestId, outcome);
  }

  #applied(first: Proposal, nowMs: number): void {
    const part = Math.max(first.count / COUNT_MAX, first.bytes / LIMITS.groupProposalBytesMax);
    this.#flight.answered({ sentMs: first.nowMs, nowMs, part, underWay: this.#underWay });
  }

  failAll(error: QuorateError): void {
    for (let first = this.#queue.first; first !== undefined; first = this.#queue.first) {
      this.#drop(first);
      first.proposer.failed(first.requestId, error);
    }
  }

  #drop(first: Proposal): void {
    this.#queue.shift();
    this.#count -= first.count;
    this.#bytes -= first.bytes;
    this.#budget.bytes -= first.bytes;
  }
}

/** Why a payload of so many bytes is never proposed (`recordTooLarge`); null: the log takes it. Looked at before the core has it, for what that has must be stored. */
export function sizeRefusal({ group, batchBytesMax }: Pick<GroupLog, 'group' | 'batchBytesMax'>, bytes: number): QuorateError | null {
  const max = batchBytesMax - BATCH_HEADER_BYTES;
  if (bytes <= max) return null;
  return new QuorateError('recordTooLarge', `${bytes} bytes do not fit a journal file`, { group, bytes, max });
}
