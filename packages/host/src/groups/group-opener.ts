import { DEFAULT_GROUP, type GroupId, LIMITS, type NodeId, SYSTEM_GROUP, asQuorateError } from '@quorate/base';
import { type PeerContacts, Raft } from '@quorate/raft';
import type { GroupLog, Identity, Storage } from '@quorate/storage';
import type { NodeRoster } from '../catalogue/node-roster.js';
import type { Formation } from '../formation.js';
import type { HostOptions, HostSettings } from '../host-options.js';
import { logStart } from './log-start.js';
import { Replica, type ReplicaNode } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import { MachineGroup, type MachineGroupNode } from '../sessions/machine-group.js';
import type { MachineGroups } from '../sessions/machine-groups.js';
import { MachineView } from './machine-view.js';
import { CatalogueView, StreamView, type View } from './view.js';

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
      return this.#replica(log, name);
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'dataDamaged' || options.members.length === 1) throw error;
      options.logger.log('error', 'group is fetched anew from its leader', { group: log.group, message: error.message });
      return this.#replica(storage.resetGroup(log.group), name);
    }
  }

  #replica(log: GroupLog, name: string): Replica {
    const { options, settings, contacts, node, replicas, machines } = this.#init;
    const voters = this.#init.formation.identity.members.map((member): NodeId => member.nodeId);
    const raft = new Raft({
      options: {
        group: log.group,
        self: options.nodeId,
        electionTimeoutMinMs: settings.electionTimeoutMinMs,
        electionTimeoutMaxMs: settings.electionTimeoutMaxMs,
        heartbeatMs: settings.heartbeatMs,
        windowMessages: LIMITS.replicationWindowMessages,
        windowBytes: LIMITS.replicationWindowBytes,
        appendMessageBytes: LIMITS.appendMessageBytes,
      },
      start: logStart(log, voters),
      random: options.random,
      contacts,
      log,
      checksum: options.checksum,
      nowMs: options.clock.nowMs(),
    });
    const view = this.#view(log.group);
    const replica = new Replica({ name, log, raft, view, node });
    replicas.set(replica);
    if (view instanceof MachineView) machines.set(new MachineGroup({ replica, view, node }));
    return replica;
  }

  #view(group: GroupId): View {
    if (group === DEFAULT_GROUP) return new MachineView(group, this.#init.options.resources);
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
