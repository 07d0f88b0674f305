import type { GroupId } from '@quorate/base';
import type { Replica } from './replica.js';

/** That a replica leads in a term. */
export interface Leadership {
  readonly replica: Replica;
  readonly term: number;
}

/** The groups that run on this node: look-up, the list of those with work, and one table of deadlines. */
export class ReplicaSet {
  readonly #replicas = new Map<GroupId, Replica>();
  readonly #slots: Replica[] = [];
  #deadlines = new Float64Array(64).fill(Number.POSITIVE_INFINITY);
  /** No deadline in the table comes before this. */
  #earliestMs = Number.POSITIVE_INFINITY;
  #dirty: Replica[] = [];

  get(group: GroupId): Replica | undefined {
    return this.#replicas.get(group);
  }

  all(): IterableIterator<Replica> {
    return this.#replicas.values();
  }

  get size(): number {
    return this.#replicas.size;
  }

  /** The leaderships held now. */
  leaderships(): Leadership[] {
    return [...this.all()].filter((replica) => replica.isLeader).map((replica) => ({ replica, term: replica.raft.term }));
  }

  /** True while somebody who proposed or reads waits for an answer of some replica. */
  get owesAnswers(): boolean {
    for (const replica of this.all()) if (replica.stopError === null && replica.hasUnanswered) return true;
    return false;
  }

  /** Adds a replica, in place of an older one of the same group. */
  set(replica: Replica): void {
    const old = this.#replicas.get(replica.group);
    const slot = old === undefined ? this.#slots.length : old.slot;
    if (slot >= this.#deadlines.length) {
      const grown = new Float64Array(this.#deadlines.length * 2).fill(Number.POSITIVE_INFINITY);
      grown.set(this.#deadlines);
      this.#deadlines = grown;
    }
    replica.slot = slot;
    this.#slots[slot] = replica;
    this.#replicas.set(replica.group, replica);
    this.noteDeadline(replica);
  }

  noteDeadline(replica: Replica): void {
    const deadlineMs = replica.nextDeadlineMs;
    this.#deadlines[replica.slot] = deadlineMs;
    if (deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs;
  }

  /** When `tickDue` must be called at the latest. */
  get earliestMs(): number {
    return this.#earliestMs;
  }

  /**
   * Ticks every replica whose deadline has come: one pass over a flat table. Deadlines move later by themselves as peers are heard of, so
   * those in the table are mostly too early; all that would come within `aheadMs` are put right together, else some would every few ms.
   */
  tickDue(nowMs: number, aheadMs: number): void {
    if (nowMs < this.#earliestMs) return;
    this.#earliestMs = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < this.#slots.length; slot++) {
      const replica = this.#slots[slot];
      if ((this.#deadlines[slot] as number) <= nowMs + aheadMs && replica !== undefined) {
        if (replica.nextDeadlineMs <= nowMs) replica.tick();
        this.noteDeadline(replica);
      } else {
        this.#earliestMs = Math.min(this.#earliestMs, this.#deadlines[slot] as number);
      }
    }
  }

  markDirty(replica: Replica): void {
    if (replica.isDirty) return;
    replica.isDirty = true;
    this.#dirty.push(replica);
  }

  get hasDirty(): boolean {
    return this.#dirty.length > 0;
  }

  /** The replicas with work, each once; they may be marked again meanwhile. */
  takeDirty(): Replica[] {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const replica of dirty) replica.isDirty = false;
    return dirty;
  }
}
