import {
  type ClusterId,
  type Incarnation,
  type NodeId,
  QuorateError,
  clusterId,
  formatAddress,
  incarnation,
  randomHex16,
} from '@quorate/base';
import type { Identity, Storage } from '@quorate/storage';
import type { Member, PeerHello } from '@quorate/wire';
import type { HostOptions } from './host-options.js';

/*
 * A cluster is formed once. Before that every directory holds an identity without a cluster id but with its incarnation.
 *
 * - All members connected and all unformed: the lowest node id draws the cluster id, stores the formed identity, then sends `form` to all.
 * - A formed node that meets an unformed one whose incarnation it has on its list sends it `form`: a formation cut short is completed.
 * - A formed node's list names this node with another incarnation: this directory lost its data. It takes the cluster id over with its
 *   own new incarnation, and each of its replicas starts as a learner.
 * - Not all members connected and none formed: wait. An empty directory cannot rule out that a cluster exists.
 *
 * An unformed node has no groups: it cannot vote or acknowledge anything.
 *
 * A directory that proves to be an old image, or damaged beyond telling where, counts as wiped: it goes on as a new incarnation. Identity
 * and journal are different files, so this takes three steps, each durable before the next:
 *
 *   1. the identity with the new incarnation, which the list of members does not name yet
 *   2. every group starts anew as a learner
 *   3. the identity again, its incarnation now in the list
 *
 * A start that finds the first step without the third begins again: groups of the earlier incarnation may still be in the journal.
 */

/** Pause before an identity that found no space on the disk is stored again. */
const RETRY_MS = 1000;

export interface FormationPeers {
  /** The newest hello of each connected peer. */
  hellos(): Iterable<PeerHello>;
  sendForm(to: NodeId, cluster: ClusterId, members: readonly Member[]): void;
}

export class Formation {
  readonly #options: HostOptions;
  readonly #storage: Storage;
  readonly #peers: FormationPeers;
  readonly #onFormed: () => void;
  readonly #onRetry: (step: () => void) => void;
  #isStopped = false;

  constructor(init: {
    options: HostOptions;
    storage: Storage;
    peers: FormationPeers;
    onFormed: () => void;
    onRetry: (step: () => void) => void;
  }) {
    this.#onRetry = init.onRetry;
    this.#options = init.options;
    this.#storage = init.storage;
    this.#peers = init.peers;
    this.#onFormed = init.onFormed;
    if (init.storage.identity === null) init.storage.setIdentity(newIdentity(init.options));
  }

  get identity(): Identity {
    const identity = this.#storage.identity;
    if (identity === null) throw new QuorateError('invariantBroken', 'an open directory has an identity');
    return identity;
  }

  get isFormed(): boolean {
    return this.identity.clusterId !== null;
  }

  /** True between the steps of `reincarnate`: the groups in the journal are of an earlier incarnation, or may be. */
  get hasOldGroups(): boolean {
    const { isRejoined, incarnation: own, nodeId, members } = this.identity;
    return isRejoined && members.find((member) => member.nodeId === nodeId)?.incarnation !== own;
  }

  /** First step of becoming a new incarnation; the caller then resets all groups and calls `completeReincarnation` once that is durable. */
  reincarnate(why: string): void {
    const old = this.identity;
    const fresh = incarnation(randomHex16(() => this.#options.random.nextUint32()));
    this.#options.logger.log('error', 'this node counts as wiped and becomes a new incarnation', { why, old: old.incarnation, new: fresh });
    this.#storage.setIdentity({ ...old, incarnation: fresh, isRejoined: true, members: withOwn(old, null) });
  }

  /** The last step. */
  completeReincarnation(): void {
    const { incarnation: own } = this.identity;
    this.#orLater(() => {
      const { identity } = this;
      if (identity.incarnation === own) this.#storage.setIdentity({ ...identity, members: withOwn(identity, own) });
    });
  }

  /** Members that must be reached before the cluster can form; empty once formed. */
  waitingFor(): NodeId[] {
    if (this.isFormed) return [];
    const connected = new Set([...this.#peers.hellos()].map((hello) => hello.nodeId));
    return this.#options.members.map((member) => member.nodeId).filter((id) => id !== this.#options.nodeId && !connected.has(id));
  }

  /** A peer connected, or at the start (single member). Without space on the disk it is tried again later. */
  consider(): void {
    this.#orLater(() => this.#consider());
  }

  stop(): void {
    this.#isStopped = true;
  }

  #orLater(step: () => void): void {
    if (this.#isStopped) return;
    try {
      step();
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code !== 'diskFull') throw thrown;
      this.#options.logger.log('error', 'no space to store the identity: tried again later', { message: thrown.message });
      this.#options.timers.set(RETRY_MS, () => this.#onRetry(() => this.#orLater(step)));
    }
  }

  #consider(): void {
    if (this.isFormed) {
      for (const hello of this.#peers.hellos()) this.#completeFormationOf(hello);
      return;
    }
    const hellos = [...this.#peers.hellos()];
    const formed = hellos.find((hello) => hello.clusterId !== null);
    if (formed !== undefined) this.#joinFormed(formed);
    else if (this.waitingFor().length === 0) this.#coordinate(hellos);
  }

  #completeFormationOf(hello: PeerHello): void {
    const { clusterId: cluster, members } = this.identity;
    const listed = members.find((member) => member.nodeId === hello.nodeId);
    if (cluster === null || hello.clusterId !== null || listed?.incarnation !== hello.incarnation) return;
    this.#peers.sendForm(hello.nodeId, cluster, members);
  }

  #joinFormed(hello: PeerHello): void {
    const own = this.identity.incarnation;
    const listed = hello.members.find((member) => member.nodeId === this.#options.nodeId);
    if (hello.clusterId === null || listed === undefined || listed.incarnation === own) return;
    this.#options.logger.log('warn', 'this directory is empty but the cluster exists: joining as a new incarnation', {
      cluster: hello.clusterId,
    });
    const members = hello.members.map((member) => (member.nodeId === this.#options.nodeId ? { ...member, incarnation: own } : member));
    this.#store({ clusterId: hello.clusterId, members, isRejoined: true });
  }

  #coordinate(hellos: readonly PeerHello[]): void {
    const { nodeId, random } = this.#options;
    if (hellos.some((hello) => hello.nodeId < nodeId)) return;
    const cluster = this.#options.clusterId ?? clusterId(randomHex16(() => random.nextUint32()));
    const incarnations = new Map<NodeId, Incarnation>(hellos.map((hello) => [hello.nodeId, hello.incarnation]));
    incarnations.set(nodeId, this.identity.incarnation);
    const members = this.#options.members.map((member) => ({ ...member, incarnation: incarnations.get(member.nodeId) ?? null }));
    this.#store({ clusterId: cluster, members, isRejoined: false });
    for (const hello of hellos) this.#peers.sendForm(hello.nodeId, cluster, members);
  }

  /** A `form` frame; false if it does not speak of this node as it is. */
  form(cluster: ClusterId, members: readonly Member[]): boolean {
    const { clusterId: present, incarnation: own } = this.identity;
    if (present !== null) return present === cluster;
    if (this.#options.clusterId !== undefined && this.#options.clusterId !== cluster) return false;
    if (members.find((member) => member.nodeId === this.#options.nodeId)?.incarnation !== own) return false;
    this.#orLater(() => {
      if (!this.isFormed) this.#store({ clusterId: cluster, members, isRejoined: false });
    });
    return this.isFormed;
  }

  #store(change: { clusterId: ClusterId; members: readonly Member[]; isRejoined: boolean }): void {
    this.#storage.setIdentity({ ...this.identity, ...change });
    this.#options.logger.log('info', 'cluster formed', {
      cluster: change.clusterId,
      members: change.members.length,
      rejoined: change.isRejoined,
    });
    this.#onFormed();
  }
}

function withOwn(identity: Identity, own: Incarnation | null): Identity['members'] {
  return identity.members.map((member) => (member.nodeId === identity.nodeId ? { ...member, incarnation: own } : member));
}

function newIdentity(options: HostOptions): Identity {
  return {
    nodeId: options.nodeId,
    incarnation: incarnation(randomHex16(() => options.random.nextUint32())),
    clusterId: null,
    isRejoined: false,
    members: options.members.map((member) => ({ ...member, incarnation: null })),
  };
}

/** Throws `directoryForeign` if a directory with this identity is not that of the node that the options describe. */
export function checkIdentity(options: HostOptions, identity: Identity): void {
  if (identity.nodeId !== options.nodeId) {
    throw new QuorateError('directoryForeign', `this data directory belongs to node ${identity.nodeId}, not to node ${options.nodeId}`, {
      found: identity.nodeId,
      wanted: options.nodeId,
    });
  }
  if (options.clusterId !== undefined && identity.clusterId !== null && identity.clusterId !== options.clusterId) {
    throw new QuorateError(
      'directoryForeign',
      `this data directory belongs to cluster ${identity.clusterId}, not to ${options.clusterId}`,
      {
        found: identity.clusterId,
        wanted: options.clusterId,
      },
    );
  }
  const found = identity.members
    .map((member) => member.nodeId)
    .sort(ascending)
    .join(', ');
  const wanted = options.members
    .map((member) => member.nodeId)
    .sort(ascending)
    .join(', ');
  if (identity.clusterId !== null && found !== wanted) {
    throw new QuorateError('directoryForeign', `this data directory belongs to a cluster of nodes ${found}, not ${wanted}`, {
      found,
      wanted,
    });
  }
}

/** Checks what needs no directory: the list of members and the addresses. */
export function checkMembers(options: HostOptions): void {
  const ids = options.members.map((member) => member.nodeId);
  if (new Set(ids).size !== ids.length) throw new QuorateError('invalidArgument', `a node id is listed twice: ${ids.join(', ')}`);
  if (!ids.includes(options.nodeId)) {
    throw new QuorateError('invalidArgument', `the members (${ids.join(', ')}) do not list this node, ${options.nodeId}`);
  }
  const addresses = options.members.map((member) => member.address);
  if (new Set(addresses).size !== addresses.length) {
    throw new QuorateError('invalidArgument', `an address is listed twice: ${addresses.join(', ')}`);
  }
  if (!addresses.includes(formatAddress(options.advertise))) {
    throw new QuorateError(
      'invalidArgument',
      `the members (${addresses.join(', ')}) do not list this node's address ${formatAddress(options.advertise)}`,
    );
  }
}

function ascending(a: number, b: number): number {
  return a - b;
}
