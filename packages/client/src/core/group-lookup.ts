import type { GroupId, QuorateError } from '@quorate/base';
import type { StreamEntry } from '@quorate/wire';

/** What the nodes that were asked said last, by address. */
export type Causes = ReadonlyMap<string, QuorateError>;

/** Looks a name up once; the answer comes later. What it gives tells meanwhile why it takes so long. */
export type Resolve = (name: string, done: (error: QuorateError | null, entry: StreamEntry | null) => void) => { readonly causes: Causes };

const NO_CAUSES: Causes = new Map();

/** Finds the group of a stream, and remembers it. */
export class GroupLookup {
  readonly #name: string;
  readonly #resolve: Resolve;
  #group: GroupId | null = null;
  #running: { readonly causes: Causes } | null = null;
  /** What kept it from being found the last time: the next look may not have heard from anybody when a deadline comes. */
  #earlierCauses: Causes = NO_CAUSES;

  constructor(name: string, resolve: Resolve) {
    this.#name = name;
    this.#resolve = resolve;
  }

  /** Null until it is found. */
  get group(): GroupId | null {
    return this.#group;
  }
  get isRunning(): boolean {
    return this.#running !== null;
  }
  /** Why it is not found yet. */
  get causes(): Causes {
    const causes = this.#running?.causes ?? NO_CAUSES;
    return causes.size > 0 ? causes : this.#earlierCauses;
  }

  /** Starts to look, unless it does; `done` with what was wrong, or null once the group is known. */
  start(done: (error: QuorateError | null) => void): void {
    if (this.#running !== null) return;
    this.#running = this.#resolve(this.#name, (error, entry) => {
      this.#earlierCauses = (entry === null ? this.#running?.causes : null) ?? NO_CAUSES;
      this.#running = null;
      if (entry !== null) this.#group = entry.group;
      done(error);
    });
  }
}
