export { Catalogue, type CatalogueOutcome } from './catalogue/catalogue.js';
export { type CatalogueCommand, type RegisteredNode, decodeCommand, encodeCommand } from './catalogue/commands.js';
export { type LeaderWaiter, LeaderWaiters } from './clients/leader-waiters.js';
export { PendingProposals, ProposalBudget, type Proposer } from './groups/pending-proposals.js';
export { CommittedBatches } from './groups/committed-batches.js';
export { type PendingRead, PendingReads } from './groups/pending-reads.js';
export { Replica, type ReplicaNode } from './groups/replica.js';
export type { ApplyOutcome, View } from './groups/view.js';
export { LocalNetwork } from './local/local-network.js';
export { type StateNote, NOTE_EVERY_ENTRIES, StateNotes, isNoted } from './groups/state-notes.js';
export { startHost } from './host.js';
export {
  type AppliedState,
  type ConfiguredMember,
  DEFAULT_SETTINGS,
  type Host,
  type HostEvents,
  type HostOptions,
  type HostSettings,
  type LookedAtReplica,
  settingsWith,
} from './host-options.js';
export { AcknowledgementGatherer } from './sessions/acknowledgement-gatherer.js';
export { AwakeClock } from './sessions/awake-clock.js';
export { type Due, DueHeap } from './sessions/due-heap.js';
export { type OverLimits, type SessionContact, SessionKeeper } from './sessions/session-keeper.js';
export { LogKeeping } from './snapshots/log-keeping.js';
export { SlicedWork } from './snapshots/slices.js';
export { SnapshotSending } from './snapshots/snapshot-sending.js';
export { SnapshotQueue } from './snapshots/snapshot-queue.js';
export { SnapshotTaking } from './snapshots/snapshot-taking.js';
