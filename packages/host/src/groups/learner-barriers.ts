import type { LogIndex, NodeId } from '@quorate/base';

/** Pause before a barrier that could not be proposed is tried again. */
const RETRY_MS = 100;

/** Learners of a leader that wait for a barrier, and when to try again to propose one. */
export class LearnerBarriers {
  readonly #propose: (learner: NodeId) => LogIndex | null;
  readonly #proposed: (learner: NodeId, index: LogIndex) => void;
  #waiting: readonly NodeId[] = [];
  #dueMs = Number.POSITIVE_INFINITY;

  /** `propose` gives null to be asked again; `proposed` is told what became of one. */
  constructor(init: { propose: (learner: NodeId) => LogIndex | null; proposed: (learner: NodeId, index: LogIndex) => void }) {
    this.#propose = init.propose;
    this.#proposed = init.proposed;
  }

  /** When `proposeAll` must be called again. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** These wait now. */
  update(waiting: readonly NodeId[], nowMs: number): void {
    this.#waiting = waiting;
    this.proposeAll(nowMs);
  }

  /** Refused while leadership is handed over or too much is proposed: tried again then, also if nothing else happens here. */
  proposeAll(nowMs: number): void {
    this.#dueMs = Number.POSITIVE_INFINITY;
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter((learner) => {
      const index = this.#propose(learner);
      if (index !== null) this.#proposed(learner, index);
      return index === null;
    });
    if (this.#waiting.length > 0) this.#dueMs = nowMs + RETRY_MS;
  }
}
