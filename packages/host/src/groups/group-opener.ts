import { DEFAULT_GROUP, type GroupId, LIMITS, type NodeId, type QuorateError, SYSTEM_GROUP, asQuorateError } from '@quorate/base';
import type { MachineLoader } from '@quorate/machine';
import { type PeerContacts, Raft } from '@quorate/raft';
import type { GroupLog, Identity, Storage } from '@quorate/storage';
import type { NodeRoster } from '../catalogue/node-roster.js';
import type { Formation } from '../formation.js';
import type { HostOptions, HostSettings } from '../host-options.js';
import type { GroupSnapshotsInit } from '../snapshots/group-snapshots.js';
import type { Loaded, NodeSnapshots } from '../snapshots/node-snapshots.js';
import { SnapshotSending } from '../snapshots/snapshot-sending.js';
import { logStart } from './log-start.js';
import { Replica, type ReplicaNode } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import { MachineGroup, type MachineGroupNode } from '../sessions/machine-group.js';
import type { MachineGroups } from '../sessions/machine-groups.js';
import { MachineView } from './machine-view.js';
import { CatalogueView, StreamView, type View } from './view.js';

/**
 * Followers learn of a commit with the entries that come next, or after so long: whoever writes one thing after another has sent the next one by
 * then, and a follower whose clients read what they wrote, or wait for events, is hardly later.
 */
const COMMIT_TELL_MS = 2;

/** What opening a group needs. */
export interface GroupOpenerInit {
  readonly options: HostOptions;
  readonly settings: HostSettings;
  readonly storage: Storage;
  readonly replicas: ReplicaSet;
  readonly roster: NodeRoster;
  readonly contacts: PeerContacts;
  readonly formation: Formation;
  /** The node that the replicas run on. */
  readonly node: ReplicaNode & MachineGroupNode;
  /** The groups with sessions, to which this adds. */
  readonly machines: MachineGroups;
  readonly snapshots: NodeSnapshots;
  /** The system group applied a registration of nodes. */
  readonly registered: () => void;
}

/** Opens the groups of a node: those of its journal at the start, later ones as the catalogue names them. */
export class GroupOpener {
  readonly #init: GroupOpenerInit;

  constructor(init: GroupOpenerInit) {
    this.#init = init;
  }

  /** The system group, which names the others as it is applied, the default space, and all that the journal holds. */
  openAll(): void {
    const { storage, replicas } = this.#init;
    this.open(SYSTEM_GROUP, 'system');
    this.#campaignIfNew(this.open(DEFAULT_GROUP, 'default'));
    for (const log of [...storage.groups()]) {
      if (replicas.get(log.group) === undefined) this.open(log.group, `group ${log.group}`);
    }
  }

  /** Opens a group, in place of an earlier replica of it if there is one. Throws `dataDamaged` if it cannot be read and nobody else has it. */
  open(group: GroupId, name: string): Replica {
    const { storage, roster, contacts, node } = this.#init;
    const replica = this.#readable(storage.group(group) ?? storage.createGroup(group, roster.mayHaveLostGroups()), name);
    for (const { nodeId } of this.#others) {
      if (contacts.heardAtMs(nodeId) === null) replica.peerDisconnected(nodeId);
      else replica.peerConnected(nodeId);
    }
    node.markDirty(replica);
    return replica;
  }

  get #others(): Identity['members'] {
    return this.#init.formation.identity.members.filter(({ nodeId }) => nodeId !== this.#init.options.nodeId);
  }

  /** A log whose configuration cannot be read starts anew, if others have it. */
  #readable(log: GroupLog, name: string): Replica {
    const { options, storage } = this.#init;
    try {
      return this.#replica(log, name, this.#init.snapshots.take(log.group));
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'dataDamaged' || options.members.length === 1) throw error;
      options.logger.log('error', 'group is fetched anew from its leader', { group: log.group, message: error.message });
      return this.#replica(storage.resetGroup(log.group), name, null);
    }
  }

  #replica(log: GroupLog, name: string, loaded: Loaded | null): Replica {
    const { options, settings, contacts, node, replicas, storage } = this.#init;
    const voters = this.#init.formation.identity.members.map((member): NodeId => member.nodeId);
    const sending = new SnapshotSending(storage, log.group, options);
    const raft = new Raft({
      options: {
        group: log.group,
        self: options.nodeId,
        electionTimeoutMinMs: settings.electionTimeoutMinMs,
        electionTimeoutMaxMs: settings.electionTimeoutMaxMs,
        leaseMs: settings.leases ? settings.leaseMs : 0,
        heartbeatMs: settings.heartbeatMs,
        windowMessages: LIMITS.replicationWindowMessages,
        windowBytes: LIMITS.replicationWindowBytes,
        appendMessageBytes: LIMITS.appendMessageBytes,
        // What the catalogue says must be known everywhere at once: a new stream waits for it on every node.
        commitTellMs: log.group === SYSTEM_GROUP ? 0 : COMMIT_TELL_MS,
      },
      start: logStart(log, voters, loaded?.facts ?? null),
      random: options.random,
      contacts,
      log,
      snapshots: sending,
      checksum: options.checksum,
      nowMs: options.clock.nowMs(),
    });
    const { view, unknown } = this.#viewFrom(log.group, loaded);
    const appliedIndex = unknown === null ? loaded?.facts.index : 0;
    const replica = new Replica({ name, log, raft, view, node, ...(appliedIndex === undefined ? {} : { appliedIndex }) });
    replicas.set(replica);
    if (view instanceof MachineView) this.#addMachine({ replica, view, sending, initialVoters: voters });
    if (unknown !== null) replica.stop(unknown);
    return replica;
  }

  #addMachine(parts: Pick<GroupSnapshotsInit, 'replica' | 'view' | 'sending' | 'initialVoters'>): void {
    const { machines, node, snapshots } = this.#init;
    machines.set(new MachineGroup({ ...parts, node }));
    snapshots.add({ ...this.#init, ...parts });
  }

  /** The view of a group, from its snapshot if there is one. What this node does not know stops the group, as it does in a log, not the node. */
  #viewFrom(group: GroupId, loaded: Loaded | null): { readonly view: View; readonly unknown: QuorateError | null } {
    if (loaded === null) return { view: this.#view(group, null), unknown: null };
    try {
      if (loaded.error !== null) throw loaded.error;
      return { view: this.#view(group, loaded.loader), unknown: null };
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'resourceUnsupported' && error.code !== 'formatUnsupported') throw error;
      return { view: this.#view(group, null), unknown: error };
    }
  }

  #view(group: GroupId, loader: MachineLoader | null): View {
    if (group === DEFAULT_GROUP) return new MachineView(group, this.#init.options.resources, loader);
    if (group !== SYSTEM_GROUP) return new StreamView();
    return new CatalogueView({ created: (created, name) => this.#created(created, name), registered: this.#init.registered });
  }

  /** The catalogue names a group: open it, or learn its name. */
  #created(group: GroupId, name: string): void {
    const { replicas } = this.#init;
    const existing = replicas.get(group);
    if (existing !== undefined) {
      existing.name = name;
      return;
    }
    this.#campaignIfNew(this.open(group, name));
  }

  /** One member, another for each group, starts the first election at once. */
  #campaignIfNew(replica: Replica): void {
    const { members } = this.#init.formation.identity;
    const first = members[replica.group % members.length]?.nodeId;
    if (replica.log.lastIndex === 0 && first === this.#init.options.nodeId) replica.campaign();
  }
}
