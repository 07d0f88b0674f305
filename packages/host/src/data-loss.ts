import { type GroupId, type Incarnation, type LogIndex, QuorateError } from '@quorate/base';
import type { Damage, GroupDurable, Storage } from '@quorate/storage';
import type { Formation } from './formation.js';
import type { GroupOpener } from './groups/group-opener.js';
import type { Replica } from './groups/replica.js';
import type { ReplicaSet } from './groups/replica-set.js';
import type { HostOptions } from './host-options.js';

/** Notes of damage kept for `status`. */
const NOTES_MAX = 100;

/** What a node needs to go on without data that it lost. */
export interface DataLossInit {
  readonly options: HostOptions;
  readonly storage: Storage;
  readonly formation: Formation;
  readonly replicas: ReplicaSet;
  readonly groups: GroupOpener;
  /** Closes all connections to peers; they are dialed anew, and leaders then ask each replica how far it is. */
  readonly reconnect: (why: string) => void;
  /** Runs a step after this turn, unless the node has ended by then; what it throws ends the node. */
  readonly later: (step: () => void) => void;
}

/**
 * What becomes of data that is damaged, unreadable, or of an older state than others remember. The replica concerned forgets what it has,
 * starts anew as a learner and is fed by its leader; if it cannot be told which, the whole directory becomes a new incarnation. A node
 * without others to be fed from ends, or stops the group.
 */
export class DataLoss {
  readonly #init: DataLossInit;
  readonly #notes: string[] = [];
  /** Groups met as unreadable that start anew after this turn. */
  readonly #unreadable = new Set<GroupId>();
  /** Groups whose new start as part of a new incarnation is not durable yet. */
  readonly #startingAnew = new Set<GroupId>();

  constructor(init: DataLossInit) {
    this.#init = init;
  }

  /** Damage met so far, for people: "file at offset: what". */
  get notes(): readonly string[] {
    return this.#notes;
  }

  /** What storage found when it opened the directory; before any group is opened. Throws `dataDamaged` if there is nobody to repair from. */
  atOpen(): void {
    const { options, storage, formation } = this.#init;
    for (const damage of storage.damage) this.#note(damage);
    if (formation.hasOldGroups) {
      this.#startAnew('it ended while it became a new incarnation');
      return;
    }
    if (storage.damage.length === 0) return;
    if (options.members.length === 1) {
      throw new QuorateError('dataDamaged', `damage with no other node to repair from: ${this.#notes.join('; ')}`);
    }
    const groups = storage.damage.map((damage) => damage.groups);
    if (groups.some((list) => list === null)) this.#startAnew('damage whose groups cannot be told');
    else for (const group of new Set(groups.flatMap((list) => list ?? []))) storage.resetGroup(group);
  }

  /** A stored batch was read and is damaged: the groups it touches start anew. */
  damaged(damage: Damage): void {
    this.#note(damage);
    for (const group of damage.groups ?? [...this.#init.storage.groups()].map((log) => log.group)) this.#refetch(group);
  }

  /** A committed batch that must be there cannot be read. */
  unreadable(replica: Replica, index: LogIndex): void {
    const { group } = replica;
    this.#init.options.logger.log('error', 'a committed batch cannot be read', { group, index });
    if (this.#unreadable.has(group)) return;
    this.#unreadable.add(group);
    this.#init.later(() => {
      if (this.#unreadable.delete(group) && this.#init.replicas.get(group) === replica) this.#refetch(group);
    });
  }

  /** A peer has seen this incarnation further than this directory was when it was opened: it is an old image. */
  oldImage(incarnation: Incarnation): void {
    const { formation, replicas, groups, reconnect } = this.#init;
    if (!formation.isFormed || formation.identity.incarnation !== incarnation) return;
    const open = [...replicas.all()];
    for (const replica of open) replica.stop(new QuorateError('dataDamaged', 'this directory is an old image'));
    this.#startAnew('this directory is an old image of itself');
    reconnect('new incarnation');
    for (const { group, name } of open) groups.open(group, name);
  }

  /** Facts of these groups became durable. */
  durable(groups: readonly GroupDurable[]): void {
    if (this.#startingAnew.size === 0) return;
    // Whatever is told of a reset log comes after the record of its reset in the journal.
    for (const { group } of groups) this.#startingAnew.delete(group);
    if (this.#startingAnew.size === 0) this.#init.formation.completeReincarnation();
  }

  /** All that this directory holds counts as lost (see `formation.ts`). The replicas are stopped or not open yet. */
  #startAnew(why: string): void {
    const { storage, formation } = this.#init;
    formation.reincarnate(why);
    this.#startingAnew.clear();
    for (const log of storage.groups()) this.#startingAnew.add(log.group);
    for (const damage of storage.damage) for (const group of damage.groups ?? []) this.#startingAnew.add(group);
    for (const group of this.#startingAnew) storage.resetGroup(group);
    if (this.#startingAnew.size === 0) formation.completeReincarnation();
  }

  #refetch(group: GroupId): void {
    const { options, storage, replicas, groups, reconnect } = this.#init;
    const replica = replicas.get(group);
    if (replica === undefined || replica.stopError !== null) return;
    this.#unreadable.delete(group);
    replica.stop(new QuorateError('dataDamaged', `group ${group} has damaged batches here`, { group }));
    if (options.members.length === 1) return;
    options.logger.log('warn', 'group is fetched anew from its leader', { group });
    reconnect('a group starts anew');
    storage.resetGroup(group);
    groups.open(group, replica.name);
  }

  #note(damage: Damage): void {
    const text = `${damage.file} at ${damage.offset}: ${damage.what}`;
    if (this.#notes.length < NOTES_MAX) this.#notes.push(text);
    this.#init.options.logger.log('error', 'damage', { file: damage.file, offset: damage.offset, what: damage.what });
  }
}
