import type { HistoryEvent } from '@quorate/checkers';

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

/** What a replica shows of itself. */
export interface ReplicaSeen {
  readonly group: number;
  readonly role: string;
  readonly isLearner: boolean;
  readonly lastIndex: number;
}

/** What a node has been through, over all its lives. */
interface NodeStory {
  /** Of its replicas in this life. */
  readonly groups: Map<number, { role: string; isLearner: boolean; lastIndex: number }>;
  life: number;
  learners: number;
  isFull: boolean;
  /** Groups of which damage was found, and that wait to be let in again. */
  readonly damaged: Set<number>;
  isDamaged: boolean;
  /** It has become a new incarnation and is not yet let in everywhere. */
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

/** What clients watch, by client. */
interface WatchStory {
  readonly watches: Set<string>;
  /** Those that were there when a session was lost, and were told nothing since. */
  readonly waiting: Set<string>;
  /** Objects of which a watch ended because changes were forgotten. */
  readonly compacted: Set<string>;
}

/** Counts them, from what nodes log, what their replicas show and what clients saw: nothing in the product is there for it. */
export class RareBranches {
  readonly counts: Record<RareBranch, number> = Object.fromEntries(RARE_BRANCHES.map((name) => [name, 0])) as Record<RareBranch, number>;
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
    else if (branch === 'newIncarnation') this.#storyOf(who).isNew = true;
  }

  /** A process begins on a node. `isTorn`: its journal ends in what is left of a frame. */
  started(node: string, isTorn: boolean): void {
    const story = this.#storyOf(node);
    story.isTorn = isTorn;
    story.leading.clear();
    for (const group of story.arriving.keys()) this.#cutOff(story, group);
  }

  /** A replica as it is now, on a node in the life of that number; the first of a life is seen when its journal was recovered. */
  observed(node: string, life: number, { group, role, isLearner, lastIndex }: ReplicaSeen): void {
    const story = this.#storyOf(node);
    if (story.life !== life) this.#begin(story, life);
    const before = story.groups.get(group);
    if (before === undefined) {
      if (isLearner) this.#learns(story, group);
      story.groups.set(group, { role, isLearner, lastIndex });
      return;
    }
    if (isLearner && !before.isLearner) this.#learns(story, group);
    if (!isLearner && before.isLearner) this.#admitted(story, group);
    if (lastIndex < before.lastIndex) this.reached('tailCut');
    if (before.role === 'leader' && role !== 'leader') this.reached('leaderDeposed');
    if (before.role === 'candidate' && role === 'follower') this.reached('candidateYielded');
    before.role = role;
    before.isLearner = isLearner;
    before.lastIndex = lastIndex;
  }

  /** The disk of a node is full for it, or is not. */
  fullness(node: string, isFull: boolean): void {
    const story = this.#storyOf(node);
    if (isFull === story.isFull) return;
    story.isFull = isFull;
    this.reached(isFull ? 'diskFull' : 'diskFullOver');
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

  #begin(story: NodeStory, life: number): void {
    story.life = life;
    story.groups.clear();
    story.learners = 0;
    if (story.isTorn) this.reached('tornTailCut');
    story.isTorn = false;
  }

  #learns(story: NodeStory, group: number): void {
    story.learners++;
    this.reached('learnerSeen');
    if (story.isDamaged) story.damaged.add(group);
  }

  #admitted(story: NodeStory, group: number): void {
    story.learners--;
    this.reached('learnerAdmitted');
    if (story.damaged.delete(group)) this.reached('damageRepaired');
    if (!story.isNew || story.learners > 0) return;
    story.isNew = false;
    this.reached('incarnationAdmitted');
  }

  #storyOf(node: string): NodeStory {
    let story = this.#nodes.get(node);
    if (story === undefined) {
      const sets = { damaged: new Set<number>(), arriving: new Map<number, boolean>(), cutOff: new Set<number>() };
      const flags = { life: 0, learners: 0, isFull: false, isDamaged: false, isNew: false, isTorn: false };
      story = { ...flags, groups: new Map(), leading: new Map(), ...sets };
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
