import type { SnapshotFile } from '@quorate/storage';

/** Whoever wants to write a snapshot. */
export interface SnapshotTaker {
  /** Writes it, or finds that there is nothing to write; `done` once, now or later, however it ends. */
  take(done: () => void): void;
}

/** Figures of the snapshots of a node, for `status`. */
export class SnapshotMetrics {
  /** Written by this node of its own state. */
  taken = 0;
  /** Attempts that came to nothing: no space, or a newer one came in between. */
  failed = 0;
  /** Received from leaders and in force. */
  installed = 0;
  /** Of the one that came in force last: taken, received, or found at the start. */
  lastIndex = 0;
  lastBytes = 0;
  /** What taking the last one took. */
  lastMs = 0;
  /** 1 while one is being written. */
  taking = 0;

  inForce({ index, length }: Pick<SnapshotFile, 'index' | 'length'>): void {
    this.lastIndex = index;
    this.lastBytes = length;
  }
}

/** Groups that want to write a snapshot: one at a time on a node, in the order in which they asked. */
export class SnapshotQueue {
  readonly metrics: SnapshotMetrics = new SnapshotMetrics();
  readonly #waiting: SnapshotTaker[] = [];
  #isBusy = false;

  /** Calls `take` of it when its turn has come, perhaps now. */
  add(taker: SnapshotTaker): void {
    this.#waiting.push(taker);
    this.#next();
  }

  /** It wants no snapshot any more; one that it is writing it must end by itself. */
  remove(taker: SnapshotTaker): void {
    const at = this.#waiting.indexOf(taker);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  #next(): void {
    const next = this.#isBusy ? undefined : this.#waiting.shift();
    if (next === undefined) return;
    this.#isBusy = true;
    this.metrics.taking = 1;
    let isDone = false;
    next.take(() => {
      if (isDone) return;
      isDone = true;
      this.#isBusy = false;
      this.metrics.taking = 0;
      this.#next();
    });
  }
}
