import { type Incarnation, type LogIndex, type NodeId, QuorateError, SYSTEM_GROUP } from '@quorate/base';
import type { Member } from '@quorate/wire';
import type { Formation } from '../formation.js';
import type { Replica } from '../groups/replica.js';
import type { ReplicaSet } from '../groups/replica-set.js';
import { CatalogueView } from '../groups/view.js';
import type { HostOptions } from '../host-options.js';
import type { PeerTable } from '../peers/peer-table.js';
import type { Catalogue } from './catalogue.js';
import { type RegisteredNode, encodeCommand } from './commands.js';

/** Where a roster finds what it speaks of. */
export interface NodeRosterInit {
  readonly options: HostOptions;
  readonly formation: Formation;
  readonly replicas: ReplicaSet;
  readonly peers: PeerTable;
}

/** The nodes as the system group knows them: which incarnation of each counts. What is read here is as new as this node has applied. */
export class NodeRoster {
  readonly #init: NodeRosterInit;

  constructor(init: NodeRosterInit) {
    this.#init = init;
  }

  get #catalogue(): Catalogue | undefined {
    const view = this.#init.replicas.get(SYSTEM_GROUP)?.view;
    return view instanceof CatalogueView ? view.catalogue : undefined;
  }

  /** True for an incarnation in whose place another was registered. */
  isSuperseded(incarnation: Incarnation): boolean {
    return this.#catalogue?.isSuperseded(incarnation) === true;
  }

  /** T50: why this directory must not act for its node any more: another took its place; null if none did. */
  ownSupersession(): QuorateError | null {
    const { incarnation, nodeId } = this.#init.formation.identity;
    if (!this.isSuperseded(incarnation)) return null;
    return new QuorateError('formationConflict', `another directory took the place of this one as node ${nodeId}`, {
      node: nodeId,
      incarnation,
    });
  }

  /**
   * Whether a group that this node has nothing of may have been here before. It cannot if its creation follows, in the log of the system
   * group, the registration of this incarnation: an earlier one was gone by then. Without this, whoever was let in again would be a learner
   * of each new group, and a group whose voters are mostly such nodes could never elect a leader.
   */
  mayHaveLostGroups(): boolean {
    const { isRejoined, incarnation, nodeId } = this.#init.formation.identity;
    return isRejoined && this.#catalogue?.nodes.get(nodeId)?.incarnation !== incarnation;
  }

  /** The incarnation that the system group holds, which may be newer than the one at formation. */
  incarnationOf(member: Member): Member['incarnation'] {
    return this.#catalogue?.nodes.get(member.nodeId)?.incarnation ?? member.incarnation;
  }

  /** On the first leader of the system group: writes down the nodes as they were formed. */
  registerMembers(system: Replica): void {
    if (!system.isLeader || this.#catalogue?.nodes.size !== 0) return;
    this.#propose(
      system,
      this.#init.formation.identity.members.flatMap(({ nodeId, incarnation, address }) =>
        incarnation === null ? [] : [{ nodeId, incarnation, address }],
      ),
    );
  }

  /**
   * The barrier that lets a learner in again: in the system group its registration, else an entry of no meaning. Null: ask again. Other
   * groups wait for the registration: while it is not known, the directory that the learner's took the place of is not refused yet (T50).
   */
  proposeBarrier(replica: Replica, learner: NodeId): LogIndex | null {
    const hello = this.#init.peers.helloOf(learner);
    if (replica.group !== SYSTEM_GROUP) {
      const isRegistered = hello !== undefined && this.#catalogue?.nodes.get(learner)?.incarnation === hello.incarnation;
      return isRegistered ? replica.proposeNoop() : null;
    }
    const address = this.#init.options.members.find((member) => member.nodeId === learner)?.address;
    if (hello === undefined || address === undefined) return null;
    return this.#propose(replica, [{ nodeId: learner, incarnation: hello.incarnation, address }]);
  }

  #propose(system: Replica, nodes: readonly RegisteredNode[]): LogIndex | null {
    const payload = encodeCommand({ type: 'registerNodes', nodes });
    const before = system.raft.lastIndex;
    system.propose(
      { payload, payloadChecksum: this.#init.options.checksum(payload), count: 1 },
      { applied: () => {}, failed: () => {} },
      0,
      'node',
    );
    return system.raft.lastIndex > before ? system.raft.lastIndex : null;
  }
}
