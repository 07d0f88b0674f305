import type { LogIndex } from '@quorate/base';

/** Entries between two notes. */
export const NOTE_EVERY_ENTRIES = 1024;
/** Notes kept, and notes of the leader that this replica has not reached. */
const NOTES_MAX = 16;

/** What a view was at an index. */
export interface StateNote {
  readonly index: LogIndex;
  readonly hash: number;
}

/** True if a batch is the first that ends at or beyond a multiple of `NOTE_EVERY_ENTRIES`: batches are the same on all replicas, so all note there. */
export function isNoted(baseIndex: LogIndex, lastIndex: LogIndex): boolean {
  return Math.floor(lastIndex / NOTE_EVERY_ENTRIES) > Math.floor((baseIndex - 1) / NOTE_EVERY_ENTRIES);
}

/** The notes of a replica, and those of its leader, either of which may be ahead (T19). */
export class StateNotes {
  readonly #own: StateNote[] = [];
  readonly #leaders: StateNote[] = [];

  /** This replica is at a noted index. The leader's note if it differs. */
  noted(note: StateNote): StateNote | null {
    keep(this.#own, note);
    return differing(this.#leaders, note);
  }

  /** What the leader was at an index. The own note if it differs. */
  told(note: StateNote): StateNote | null {
    keep(this.#leaders, note);
    return differing(this.#own, note);
  }
}

function keep(notes: StateNote[], note: StateNote): void {
  notes.push(note);
  if (notes.length > NOTES_MAX) notes.shift();
}

function differing(notes: readonly StateNote[], { index, hash }: StateNote): StateNote | null {
  return notes.find((note) => note.index === index && note.hash !== hash) ?? null;
}
