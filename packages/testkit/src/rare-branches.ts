import type { HistoryEvent } from '@quorate/checkers';
import type { LookedAtReplica } from '@quorate/host';
import type { ObservedNode } from './cluster-invariants.js';

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
  'no space on the disk: writes are refused': 'diskFull',
  'space on the disk again': 'diskFullOver',
  failed: 'nodeFailed',
  'node failed': 'nodeFailed',
  'sessions expire': 'sessionExpired',
};

const ERRORS: Readonly<Record<string, RareBranch>> = {
  fenced: 'fencedRefused',
  lockTimeout: 'lockTimedOut',
  versionMismatch: 'versionMismatch',
};

/** Counts them, from what nodes log, what their replicas show and what clients saw: nothing in the product is there for it. */
export class RareBranches {
  readonly counts: Record<RareBranch, number> = Object.fromEntries(RARE_BRANCHES.map((name) => [name, 0])) as Record<RareBranch, number>;
  /** By node and group. */
  readonly #roles = new Map<number, Map<number, { readonly starts: number; role: string; isLearner: boolean; lastIndex: number }>>();

  reached(branch: RareBranch, times = 1): void {
    this.counts[branch] += times;
  }

  logged(event: string): void {
    const branch = LOGGED[event];
    if (branch !== undefined) this.reached(branch);
  }

  /** A replica had its turn. */
  observed({ nodeId, starts }: ObservedNode, { group, raft, log, stopError }: LookedAtReplica): void {
    const role = stopError === null ? raft.role : 'stopped';
    const { isLearner } = raft;
    const { lastIndex } = log;
    let groups = this.#roles.get(nodeId);
    if (groups === undefined) this.#roles.set(nodeId, (groups = new Map()));
    const before = groups.get(group);
    if (before === undefined || before.starts !== starts) {
      if (isLearner) this.reached('learnerSeen');
      groups.set(group, { starts, role, isLearner, lastIndex });
      return;
    }
    if (isLearner && !before.isLearner) this.reached('learnerSeen');
    if (!isLearner && before.isLearner) this.reached('learnerAdmitted');
    if (lastIndex < before.lastIndex) this.reached('tailCut');
    if (before.role === 'leader' && role !== 'leader') this.reached('leaderDeposed');
    if (before.role === 'candidate' && role === 'follower') this.reached('candidateYielded');
    before.role = role;
    before.isLearner = isLearner;
    before.lastIndex = lastIndex;
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
