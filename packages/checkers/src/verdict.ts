/** Something wrong in a history, or something that could not be judged, which counts as wrong. */
export interface Problem {
  readonly type: 'violation' | 'undecided';
  /** The rule that found it. */
  readonly rule: string;
  readonly object: string;
  /** Line of the history (the header is line 1) where it showed. */
  readonly line: number;
  /** In words, with the evidence; may have several lines. */
  readonly text: string;
}

/** What the checkers say of a history. */
export interface Verdict {
  /** True if nothing is wrong and everything was judged. */
  readonly ok: boolean;
  /** The first ones of each rule and object. */
  readonly problems: readonly Problem[];
  /** All of them. */
  readonly problemCount: number;
  /** How many of these are of the type `undecided`. */
  readonly undecidedCount: number;
  /** What was looked at: events, calls, and for each rule how much it judged. A rule that judged nothing has proved nothing. */
  readonly stats: Readonly<Record<string, number>>;
}

const PER_RULE_AND_OBJECT_MAX = 5;
const SHOWN_MAX = 100;

/** Collects what the rules find. */
export class Findings {
  readonly #shown: Problem[] = [];
  readonly #counts = new Map<string, number>();
  readonly #stats = new Map<string, number>();
  #problems = 0;
  #undecided = 0;

  add(problem: Problem): void {
    this.#problems++;
    if (problem.type === 'undecided') this.#undecided++;
    const key = `${problem.rule} ${problem.object}`;
    const before = this.#counts.get(key) ?? 0;
    this.#counts.set(key, before + 1);
    if (before < PER_RULE_AND_OBJECT_MAX && this.#shown.length < SHOWN_MAX) this.#shown.push(problem);
  }

  /** Adds to a number of the statistics. */
  count(name: string, by = 1): void {
    this.#stats.set(name, (this.#stats.get(name) ?? 0) + by);
  }

  get problems(): readonly Problem[] {
    return this.#shown;
  }
  get problemCount(): number {
    return this.#problems;
  }

  verdict(): Verdict {
    return {
      ok: this.#problems === 0,
      problems: this.#shown,
      problemCount: this.#problems,
      undecidedCount: this.#undecided,
      stats: Object.fromEntries([...this.#stats].sort(([a], [b]) => (a < b ? -1 : 1))),
    };
  }
}
