import type { HistoryEvent } from '@quorate/checkers';
import type { LookedAtReplica } from '@quorate/host';
import type { NodeStatus } from '@quorate/wire';
import type { ObservedNode } from './cluster-invariants.js';

/** What seldom happens and must happen in any long exploration; a run that never reached it has not tested it. */
export const RARE_BRANCHES = [
  'snapshotTaken',
  'snapshotInstalled',
  'snapshotInterrupted',
  'snapshotResumed',
  'learnerSeen',
  'learnerAdmitted',
  'tailCut',
  'tornTailCut',
  'leaderDeposed',
  'quorumLost',
  'candidateYielded',
  'damageFound',
  'damageRepaired',
  'fetchedAnew',
  'newIncarnation',
  'incarnationAdmitted',
  'nodeFailed',
  'diskFull',
  'diskFullRefused',
  'diskFullOver',
  'sessionExpired',
  'sessionLost',
  'sessionDoubted',
  'sessionResumed',
  'watchEnded',
  'watchCompacted',
  'watchBegunAnew',
  'watchResumed',
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
  diskFull: 'diskFullRefused',
};

/** What a node has been through, over all its lives. */
interface NodeStory {
  incarnation: string;
  /** Groups of which damage was found, and that wait to be let in again. */
  readonly damaged: Set<number>;
  isDamaged: boolean;
  /** It has another incarnation than before and is not yet let in everywhere. */
  isNew: boolean;
  /** The journal ended in a torn frame when it was started. */
  isTorn: boolean;
  /** Snapshots on their way in, by group; true: of a group of which an earlier one was cut off. */
  readonly arriving: Map<number, boolean>;
  /** Groups of which a snapshot was cut off on its way in. */
  readonly cutOff: Set<number>;
  /** Term in which it leads, by group. */
  readonly leading: Map<number, number>;
}

/** A replica as it was after its last turn. */
interface GroupSeen {
  readonly starts: number;
  role: string;
  isLearner: boolean;
  lastIndex: number;
}

/** What clients watch, by client. */
interface WatchStory {
  readonly watches: Set<string>;
  /** Those that were there when a session was lost, and were told nothing since. */
  readonly waiting: Set<string>;
  /** Objects of which a watch ended because changes were forgotten. */
  readonly compacted: Set<string>;
}

/** Counts them, from what nodes log, what their replicas and status show and what clients saw: nothing in the product is there for it. */
export class RareBranches {
  readonly counts: Record<RareBranch, number> = Object.fromEntries(RARE_BRANCHES.map((name) => [name, 0])) as Record<RareBranch, number>;
  /** By node and group. */
  readonly #groups = new Map<string, Map<number, GroupSeen>>();
  readonly #nodes = new Map<string, NodeStory>();
  readonly #watches = new Map<string, WatchStory>();

  reached(branch: RareBranch, times = 1): void {
    this.counts[branch] += times;
  }

  /** A node or client logged something. */
  logged(who: string, event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const branch = LOGGED[event];
    if (branch !== undefined) this.reached(branch);
    if (event === 'leadership') this.#leadership(who, fields);
    else if (event === 'snapshot arriving' || event === 'snapshot installed') this.#arrival(who, event, Number(fields['group']));
    else if (branch === 'damageFound') this.#storyOf(who).isDamaged = true;
  }

  /** A process begins on a node. `isTorn`: its journal ends in what is left of a frame. */
  started(node: string, isTorn: boolean): void {
    const story = this.#storyOf(node);
    story.isTorn = isTorn;
    story.leading.clear();
    for (const group of story.arriving.keys()) this.#cutOff(story, group);
  }

  /** A replica had its turn. */
  turned({ name, starts }: ObservedNode, { group, raft, log, stopError }: LookedAtReplica): void {
    const { isLearner } = raft;
    const role = stopError === null ? raft.role : 'stopped';
    const { lastIndex } = log;
    let groups = this.#groups.get(name);
    if (groups === undefined) this.#groups.set(name, (groups = new Map()));
    const before = groups.get(group);
    if (before === undefined || before.starts !== starts) {
      if (isLearner) this.#learnerSeen(name, group);
      groups.set(group, { starts, role, isLearner, lastIndex });
      return;
    }
    if (isLearner && !before.isLearner) this.#learnerSeen(name, group);
    if (!isLearner && before.isLearner) {
      this.reached('learnerAdmitted');
      if (this.#storyOf(name).damaged.delete(group)) this.reached('damageRepaired');
    }
    if (lastIndex < before.lastIndex) this.reached('tailCut');
    if (before.role === 'leader' && role !== 'leader') this.reached('leaderDeposed');
    if (before.role === 'candidate' && role === 'follower') this.reached('candidateYielded');
    before.role = role;
    before.isLearner = isLearner;
    before.lastIndex = lastIndex;
  }

  #learnerSeen(node: string, group: number): void {
    this.reached('learnerSeen');
    const story = this.#storyOf(node);
    if (story.isDamaged) story.damaged.add(group);
  }

  /** What only the status of a node shows; asked for now and then. */
  observed(node: string, status: NodeStatus): void {
    const story = this.#storyOf(node);
    if (story.isTorn && status.state === 'serving') {
      story.isTorn = false;
      this.reached('tornTailCut');
    }
    for (const { group, isLearner } of status.groups) if (isLearner && story.isDamaged) story.damaged.add(group);
    this.#incarnation(story, status);
  }

  seen(event: HistoryEvent): void {
    if (event.type === 'info') this.reached('outcomeUnknown');
    else if (event.type === 'fail') {
      const branch = ERRORS[event.error];
      if (branch !== undefined) this.reached(branch);
    } else if (event.type === 'session' && event.state === 'lost') {
      this.reached('sessionLost');
      const story = this.#watchesOf(event.client);
      for (const watch of story.watches) story.waiting.add(watch);
    } else if (event.type === 'told') this.#told(event.client, event.object, event.event, event.fields);
  }

  #told(client: string, object: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    if (event !== 'changed' && event !== 'ended') return;
    const story = this.#watchesOf(client);
    const watch = String(fields['watch']);
    if (event === 'ended') {
      this.reached('watchEnded');
      story.watches.delete(watch);
      story.waiting.delete(watch);
      if (fields['error'] !== 'watchCompacted') return;
      this.reached('watchCompacted');
      story.compacted.add(object);
      return;
    }
    if (story.waiting.delete(watch)) this.reached('watchResumed');
    if (!story.watches.has(watch) && story.compacted.delete(object)) this.reached('watchBegunAnew');
    story.watches.add(watch);
  }

  /** A leader that steps down in its own term with no leader to follow has lost the contact with a majority. */
  #leadership(node: string, fields: Readonly<Record<string, unknown>>): void {
    const { leading } = this.#storyOf(node);
    const group = Number(fields['group']);
    const term = Number(fields['term']);
    if (fields['role'] === 'leader') leading.set(group, term);
    else if (leading.get(group) === term && fields['leader'] === 0) {
      leading.delete(group);
      this.reached('quorumLost');
    } else leading.delete(group);
  }

  #arrival(node: string, event: string, group: number): void {
    const story = this.#storyOf(node);
    if (event === 'snapshot arriving') {
      if (story.arriving.has(group)) this.#cutOff(story, group);
      story.arriving.set(group, story.cutOff.has(group));
    } else {
      if (story.arriving.get(group) === true) this.reached('snapshotResumed');
      story.arriving.delete(group);
      story.cutOff.delete(group);
    }
  }

  #cutOff(story: NodeStory, group: number): void {
    story.arriving.delete(group);
    story.cutOff.add(group);
    this.reached('snapshotInterrupted');
  }

  #incarnation(story: NodeStory, { incarnation, groups }: NodeStatus): void {
    if (story.incarnation !== '' && story.incarnation !== incarnation) story.isNew = true;
    story.incarnation = incarnation;
    if (!story.isNew || groups.length === 0 || groups.some(({ isLearner }) => isLearner)) return;
    story.isNew = false;
    this.reached('incarnationAdmitted');
  }

  #storyOf(node: string): NodeStory {
    let story = this.#nodes.get(node);
    if (story === undefined) {
      const sets = { damaged: new Set<number>(), arriving: new Map<number, boolean>(), cutOff: new Set<number>() };
      story = { incarnation: '', isDamaged: false, isNew: false, isTorn: false, leading: new Map(), ...sets };
      this.#nodes.set(node, story);
    }
    return story;
  }

  #watchesOf(client: string): WatchStory {
    let story = this.#watches.get(client);
    if (story === undefined) {
      story = { watches: new Set(), waiting: new Set(), compacted: new Set() };
      this.#watches.set(client, story);
    }
    return story;
  }
}
