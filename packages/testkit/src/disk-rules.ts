/** Every call that a disk or a file of it can get; to put a file in place is a `rename` and a `syncDirectory`. */
export type DiskOperation =
  | 'list'
  | 'makeDirectory'
  | 'open'
  | 'create'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'lock'
  | 'read'
  | 'write'
  | 'sync';

/** The operations that change something or make it durable: the points where a crash can matter. */
export const CHANGING_OPERATIONS: readonly DiskOperation[] = [
  'makeDirectory',
  'create',
  'rename',
  'remove',
  'syncDirectory',
  'write',
  'sync',
];

/** What happens to an operation that a rule catches. */
export type DiskEffect =
  /** It gives a fault, after `ms` more. A failing write leaves any part of itself; a failing sync loses track of what it had to sync. */
  | { readonly type: 'fail'; readonly kind: 'io' | 'full'; readonly ms?: number }
  /** The process dies before, after or (for a write) in the middle of it. */
  | { readonly type: 'crash'; readonly when: 'before' | 'midway' | 'after' }
  /** A write or sync that reports success and does nothing. */
  | { readonly type: 'lost' }
  /** A write that lands elsewhere, or a read that gives what is elsewhere, in the same file unless `path` is given. */
  | { readonly type: 'misdirect'; readonly path?: string; readonly position: number }
  /** It takes that much longer. */
  | { readonly type: 'slow'; readonly ms: number };

/** Which operations a fault hits. */
export interface DiskRule {
  readonly effect: DiskEffect;
  /** Default: all. */
  readonly operations?: readonly DiskOperation[];
  /** Default: any path. */
  readonly path?: RegExp;
  /** Matching operations let through first. Default 0. */
  readonly skip?: number;
  /** Matching operations hit after that. Default 1; Infinity: for ever. */
  readonly times?: number;
  /** Told of each operation that is hit. */
  readonly hit?: () => void;
}

/** A rule at work. */
export interface InjectedRule {
  /** Operations it has hit. A test whose rule was never hit has proved nothing. */
  readonly hits: number;
  remove(): void;
}

/** The rules of one disk and the count of its operations. */
export class DiskRules {
  /** All operations so far, and those that change something. */
  operations = 0;
  changes = 0;
  readonly #rules = new Set<ActiveRule>();

  inject(rule: DiskRule): InjectedRule {
    const active = new ActiveRule(rule, () => this.#rules.delete(active));
    this.#rules.add(active);
    return active;
  }

  /** Counts an operation and gives the effect of the first rule that catches it. */
  enter(operation: DiskOperation, path: string): DiskEffect | undefined {
    this.operations++;
    if (CHANGING_OPERATIONS.includes(operation)) this.changes++;
    for (const rule of this.#rules) if (rule.catches(operation, path)) return rule.effect;
    return undefined;
  }
}

class ActiveRule implements InjectedRule {
  readonly effect: DiskEffect;
  readonly #rule: DiskRule;
  readonly #drop: () => void;
  #skip: number;
  #left: number;
  #hits = 0;

  constructor(rule: DiskRule, drop: () => void) {
    this.effect = rule.effect;
    this.#rule = rule;
    this.#drop = drop;
    this.#skip = rule.skip ?? 0;
    this.#left = rule.times ?? 1;
  }

  get hits(): number {
    return this.#hits;
  }

  remove(): void {
    this.#drop();
  }

  catches(operation: DiskOperation, path: string): boolean {
    const { operations, path: pattern } = this.#rule;
    if (operations !== undefined && !operations.includes(operation)) return false;
    if (pattern !== undefined && !pattern.test(path)) return false;
    if (this.#skip > 0) {
      this.#skip--;
      return false;
    }
    if (this.#left <= 0) return false;
    this.#left--;
    this.#hits++;
    this.#rule.hit?.();
    if (this.#left === 0) this.#drop();
    return true;
  }
}
