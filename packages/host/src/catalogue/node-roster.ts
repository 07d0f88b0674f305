import { type Checksum, type Incarnation, type LogIndex, type NodeId, QuorateError, SYSTEM_GROUP } from '@quorate/base';
import type { Identity } from '@quorate/storage';
import type { Member, PeerHello } from '@quorate/wire';
import type { Replica } from '../groups/replica.js';
import { CatalogueView } from '../groups/view.js';
import type { Catalogue } from './catalogue.js';
import { type RegisteredNode, encodeCommand } from './commands.js';

/** What the roster needs of its node. */
export interface RosterNode {
  readonly checksum: Checksum;
  /** This directory's identity as it is now. */
  readonly identity: () => Identity;
  /** The replica of the system group, once it is open. */
  systemReplica(): Replica | undefined;
  addressOf(node: NodeId): string | undefined;
  /** The newest hello of a connected peer. */
  helloOf(peer: NodeId): PeerHello | undefined;
}

/** The nodes as the system group knows them: which incarnation of each counts. What is read here is as new as this node has applied. */
export class NodeRoster {
  readonly #node: RosterNode;

  constructor(node: RosterNode) {
    this.#node = node;
  }

  get #catalogue(): Catalogue | undefined {
    const view = this.#node.systemReplica()?.view;
    return view instanceof CatalogueView ? view.catalogue : undefined;
  }

  /** True for an incarnation in whose place another was registered. */
  isSuperseded(incarnation: Incarnation): boolean {
    return this.#catalogue?.isSuperseded(incarnation) === true;
  }

  /** T50: why this directory must not act for its node any more: another took its place; null if none did. */
  ownSupersession(): QuorateError | null {
    const { incarnation, nodeId } = this.#node.identity();
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
    const { isRejoined, incarnation, nodeId } = this.#node.identity();
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
      this.#node
        .identity()
        .members.flatMap(({ nodeId, incarnation, address }) => (incarnation === null ? [] : [{ nodeId, incarnation, address }])),
    );
  }

  /** The barrier that lets a learner in again: in the system group its registration, else an entry of no meaning. Null: ask again. */
  proposeBarrier(replica: Replica, learner: NodeId): LogIndex | null {
    if (replica.group !== SYSTEM_GROUP) return replica.proposeNoop();
    const hello = this.#node.helloOf(learner);
    const address = this.#node.addressOf(learner);
    if (hello === undefined || address === undefined) return null;
    return this.#propose(replica, [{ nodeId: learner, incarnation: hello.incarnation, address }]);
  }

  #propose(system: Replica, nodes: readonly RegisteredNode[]): LogIndex | null {
    const payload = encodeCommand({ type: 'registerNodes', nodes });
    const before = system.raft.lastIndex;
    system.propose({ payload, payloadChecksum: this.#node.checksum(payload), count: 1 }, { applied: () => {}, failed: () => {} }, 0);
    return system.raft.lastIndex > before ? system.raft.lastIndex : null;
  }
}
