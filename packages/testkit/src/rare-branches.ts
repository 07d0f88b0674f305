import type { HistoryEvent } from '@quorate/checkers';
import type { NodeStatus } from '@quorate/wire';

/** What seldom happens and must happen in any long exploration; a run that never reached it has not tested it. */
export const RARE_BRANCHES = [
  'snapshotTaken',
  'snapshotInstalled',
  'learnerSeen',
  'learnerAdmitted',
  'tailCut',
  'leaderDeposed',
  'candidateYielded',
  'damageFound',
  'fetchedAnew',
  'newIncarnation',
  'nodeFailed',
  'diskFull',
  'diskFullOver',
  'sessionExpired',
  'sessionLost',
  'sessionResumed',
  'watchEnded',
  'fencedRefused',
  'lockTimedOut',
  'versionMismatch',
  'outcomeUnknown',
  'minorityAway',
] as const;
/** The name of one of them. */
export type RareBranch = (typeof RARE_BRANCHES)[number];

const LOGGED: Readonly<Record<string, RareBranch>> = {
  'snapshot taken': 'snapshotTaken',
  'snapshot installed': 'snapshotInstalled',
  damage: 'damageFound',
  journalDamaged: 'damageFound',
  journalHeadDamaged: 'damageFound',
  snapshotDamaged: 'damageFound',
  storedDataDamaged: 'damageFound',
  'group is fetched anew from its leader': 'fetchedAnew',
  'this node counts as wiped and becomes a new incarnation': 'newIncarnation',
  'this directory is empty but the cluster exists: joining as a new incarnation': 'newIncarnation',
  failed: 'nodeFailed',
  'node failed': 'nodeFailed',
  'sessions expire': 'sessionExpired',
};

const ERRORS: Readonly<Record<string, RareBranch>> = {
  fenced: 'fencedRefused',
  lockTimeout: 'lockTimedOut',
  versionMismatch: 'versionMismatch',
};

/** Counts them, from what nodes log, what their status shows and what clients saw: nothing in the product is there for it. */
export class RareBranches {
  readonly counts: Record<RareBranch, number> = Object.fromEntries(RARE_BRANCHES.map((name) => [name, 0])) as Record<RareBranch, number>;
  readonly #roles = new Map<
    string,
    { readonly role: string; readonly term: number; readonly isLearner: boolean; readonly lastIndex: number }
  >();
  readonly #full = new Set<string>();

  reached(branch: RareBranch, times = 1): void {
    this.counts[branch] += times;
  }

  logged(event: string): void {
    const branch = LOGGED[event];
    if (branch !== undefined) this.reached(branch);
  }

  /** `life`: of the node and its process. */
  observed(life: string, status: NodeStatus): void {
    const isFull = status.metrics['diskFull'] === 1;
    if (isFull && !this.#full.has(life)) this.reached('diskFull');
    if (!isFull && this.#full.has(life)) this.reached('diskFullOver');
    if (isFull) this.#full.add(life);
    else this.#full.delete(life);
    for (const { group, role, term, isLearner, lastIndex } of status.groups) {
      const key = `${life}/${group}`;
      const before = this.#roles.get(key);
      if (isLearner && before?.isLearner !== true) this.reached('learnerSeen');
      if (!isLearner && before?.isLearner === true) this.reached('learnerAdmitted');
      if (before !== undefined && lastIndex < before.lastIndex) this.reached('tailCut');
      if (before?.role === 'leader' && role !== 'leader') this.reached('leaderDeposed');
      if (before?.role === 'candidate' && role === 'follower') this.reached('candidateYielded');
      this.#roles.set(key, { role, term, isLearner, lastIndex });
    }
  }

  seen(event: HistoryEvent): void {
    if (event.type === 'info') this.reached('outcomeUnknown');
    else if (event.type === 'told' && event.event === 'ended') this.reached('watchEnded');
    else if (event.type === 'session' && event.state === 'lost') this.reached('sessionLost');
    else if (event.type === 'fail') {
      const branch = ERRORS[event.error];
      if (branch !== undefined) this.reached(branch);
    }
  }
}
