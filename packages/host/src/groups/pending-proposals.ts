import { LIMITS, type LogIndex, type QuorateError, type Term } from '@quorate/base';
import type { ApplyOutcome } from './view.js';

/** Whoever proposed a batch; told exactly once what became of it. */
export interface Proposer {
  applied(requestId: number, outcome: ApplyOutcome): void;
  failed(requestId: number, error: QuorateError): void;
}

interface Proposal {
  readonly index: LogIndex;
  readonly term: Term;
  readonly bytes: number;
  readonly proposer: Proposer;
  readonly requestId: number;
}

/** Bytes proposed and not applied over all groups of a node. */
export class ProposalBudget {
  bytes = 0;
}

/** Proposals of this leader that are not applied yet, in log order: one entry per batch, settled from the front. */
export class PendingProposals {
  readonly #budget: ProposalBudget;
  #queue: Proposal[] = [];
  #head = 0;
  #bytes = 0;

  constructor(budget: ProposalBudget = new ProposalBudget()) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#queue.length - this.#head;
  }

  /** True if no more may be proposed before some are applied. */
  get isFull(): boolean {
    return this.#bytes >= LIMITS.groupProposalBytesMax || this.#budget.bytes >= LIMITS.nodeProposalBytesMax;
  }

  add(proposal: Proposal): void {
    this.#queue.push(proposal);
    this.#bytes += proposal.bytes;
    this.#budget.bytes += proposal.bytes;
  }

  /** The batch with this base index and term was applied. */
  applied(baseIndex: LogIndex, term: Term, outcome: ApplyOutcome): void {
    const first = this.#queue[this.#head];
    if (first === undefined || first.index !== baseIndex || first.term !== term) return;
    this.#drop(first);
    first.proposer.applied(first.requestId, outcome);
  }

  failAll(error: QuorateError): void {
    for (let first = this.#queue[this.#head]; first !== undefined; first = this.#queue[this.#head]) {
      this.#drop(first);
      first.proposer.failed(first.requestId, error);
    }
  }

  #drop(first: Proposal): void {
    this.#head++;
    this.#bytes -= first.bytes;
    this.#budget.bytes -= first.bytes;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
