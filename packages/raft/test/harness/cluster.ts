import assert from 'node:assert/strict';
import {
  type LogIndex,
  type NodeId,
  type Random,
  SeededRandom,
  type Term,
  concatBytes,
  crc32c,
  groupId,
  nodeId,
  utf8,
} from '@quorate/base';
import { Raft, type Ready, decodeMessage, encodeMessage } from '@quorate/raft';
import type { ClusterOptions, Flight } from './cluster-options.js';
import { PlainDisk } from './disk.js';
import { Invariants } from './invariants.js';
import { PlainMachine } from './machine.js';
import { contactsOf, exchangeHeartbeats } from './node-contacts.js';
import { Promises } from './promises.js';
import { openSnapshot, readSnapshots, receiveSnapshot, takeSnapshot } from './snapshot-work.js';
import { type Member, type Proposal, newMember } from './member.js';
import { describe, describeBatch, describeMember } from './trace-lines.js';

export const GROUP = groupId(7);
export const HEARTBEAT_MS = 30;
export const LEASE_MS = 90;

export type { ClusterOptions, Flight };

/**
 * Several replicas, a network and disks in virtual time. Every message goes through the codec; after every step of a replica its Ready is
 * carried out and the invariants are checked.
 */
export class Cluster {
  nowMs = 1000;
  flights: Flight[] = [];
  readonly members: Member[];
  readonly random: Random;
  readonly #invariants: Invariants;
  readonly #promises: Promises;
  readonly proposals: Proposal[] = [];
  readonly blocked = new Set<string>();
  readonly options: ClusterOptions;
  readonly voters: readonly NodeId[];
  /** Called for every message about to be queued; false drops it. */
  filter: (flight: Flight) => boolean = () => true;
  faults: string[] = [];
  #nextFlight = 1;
  #nextHeartbeatMs = 1000;

  constructor(options: ClusterOptions) {
    this.options = options;
    this.random = new SeededRandom(options.seed ?? 1);
    this.voters = Array.from({ length: options.nodes }, (_, at) => nodeId(at + 1));
    this.members = this.voters.map((id) =>
      newMember(id, new PlainDisk(this.voters, options.learners?.includes(id) ?? false), options.diskMs),
    );
    this.#invariants = new Invariants(this.members, this.proposals);
    this.#promises = new Promises(options.raft?.leaseMs ?? LEASE_MS);
    for (const member of this.members) this.start(member.id);
  }

  /** The leader of each term that had one. */
  get leaders(): ReadonlyMap<Term, NodeId> {
    return this.#invariants.leaders;
  }

  member(id: number): Member {
    const member = this.members[id - 1];
    assert.ok(member, `node ${id}`);
    return member;
  }
  raft(id: number): Raft {
    const { raft } = this.member(id);
    assert.ok(raft, `node ${id} runs`);
    return raft;
  }
  get leader(): number {
    let best = 0;
    for (const member of this.members) {
      if (member.raft?.role === 'leader' && (best === 0 || member.raft.term > this.raft(best).term)) best = member.id;
    }
    return best;
  }
  trace(line: string): void {
    this.options.trace?.(line);
  }

  // --- life of nodes ---

  start(id: number): void {
    const member = this.member(id);
    assert.equal(member.raft, null);
    member.heard.clear();
    member.acknowledged.clear();
    const { snapshot } = member.disk.origin;
    member.machine = snapshot === null ? new PlainMachine() : PlainMachine.from(snapshot);
    member.commitIndex = member.machine.appliedIndex;
    member.raft = new Raft({
      options: {
        group: GROUP,
        self: member.id,
        electionTimeoutMinMs: 150,
        electionTimeoutMaxMs: 300,
        heartbeatMs: HEARTBEAT_MS,
        leaseMs: LEASE_MS,
        windowMessages: 16,
        windowBytes: 65_536,
        appendMessageBytes: 4096,
        snapshotPieceBytes: 64,
        ...this.options.raft,
      },
      start: member.disk.start(),
      random: this.random,
      contacts: contactsOf(member),
      log: member.disk,
      snapshots: { open: () => openSnapshot(member) },
      checksum: crc32c,
      nowMs: this.nowMs,
    });
    this.trace(`${id} starts in term ${member.raft.term} with log to ${member.raft.lastIndex}`);
    for (const other of this.members) if (other !== member && other.raft !== null) this.#connection(member, other, true);
  }

  /** Ends a process: what is not durable is gone, and so is what is on its way from and to it. */
  crash(id: number): void {
    const member = this.member(id);
    member.raft = null;
    member.disk.crash();
    this.#promises.crashed(member);
    member.jobs = [];
    member.receiver.abandon();
    member.openReaders = 0;
    this.trace(`${id} crashes`);
    this.flights = this.flights.filter((flight) => flight.from !== id && flight.to !== id);
    for (const other of this.members) if (other !== member) this.#connection(member, other, false);
  }

  restart(id: number): void {
    this.start(id);
  }

  /** The data directory is gone; the replica starts as a learner. */
  wipe(id: number): void {
    if (this.member(id).raft !== null) this.crash(id);
    this.member(id).disk.wipe();
  }

  isLinked(from: number, to: number): boolean {
    return !this.blocked.has(`${from}>${to}`);
  }
  cut(a: number, b: number): void {
    this.blocked.add(`${a}>${b}`).add(`${b}>${a}`);
    this.flights = this.flights.filter((flight) => this.isLinked(flight.from, flight.to));
    this.#connection(this.member(a), this.member(b), false);
  }
  isolate(id: number): void {
    for (const other of this.members) if (other.id !== id) this.cut(id, other.id);
  }
  heal(): void {
    const healed = [...this.blocked];
    this.blocked.clear();
    for (const link of healed) {
      const [a, b] = link.split('>').map(Number) as [number, number];
      if (a < b) this.#connection(this.member(a), this.member(b), true);
    }
  }

  #connection(a: Member, b: Member, isOpen: boolean): void {
    if (isOpen && (!this.isLinked(a.id, b.id) || !this.isLinked(b.id, a.id))) return;
    for (const [self, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      if (isOpen && (this.options.hasContacts ?? true)) self.heard.set(peer.id, this.nowMs);
      if (self.raft === null || this.options.tellsConnections === false) continue;
      if (isOpen) self.raft.connectionOpened(peer.id, this.nowMs);
      else self.raft.connectionLost(peer.id, this.nowMs);
      this.pump(self.id);
    }
  }

  // --- steps ---

  /** As `takeSnapshot` says. */
  compact(id: number, options: { index?: LogIndex; bytes?: number } = {}): LogIndex {
    const index = takeSnapshot(this, this.member(id), options);
    this.pump(id);
    return index;
  }

  reached(member: Member): void {
    this.#invariants.checkMachine(member);
  }

  /** The next step of a node on a snapshot. */
  runJob(id: number): boolean {
    const job = this.member(id).jobs.shift();
    job?.run();
    if (job !== undefined) this.pump(id);
    return job !== undefined;
  }

  act(id: number, action: (raft: Raft) => void): void {
    action(this.raft(id));
    this.pump(id);
  }

  propose(id: number, text: string): Proposal | null {
    const payload = utf8(text);
    const raft = this.raft(id);
    const proposed = raft.propose({ payload, payloadChecksum: crc32c(payload), count: 1, loggedTimeMs: this.nowMs }, this.nowMs);
    if (proposed === 'notLeader') return null;
    const proposal = { text, node: nodeId(id), index: proposed.index, term: proposed.term, isAcked: false };
    this.proposals.push(proposal);
    this.pump(id);
    return proposal;
  }

  deliver(flight: Flight): void {
    this.flights = this.flights.filter((other) => other !== flight);
    const { raft } = this.member(flight.to);
    if (raft === null || !this.isLinked(flight.from, flight.to)) return;
    raft.step(flight.from, decodeMessage(flight.bytes, crc32c), this.nowMs);
    this.#promises.delivered(this.member(flight.to), flight, this.nowMs);
    this.pump(flight.to);
  }

  /** Completes the oldest frame of a node. */
  sync(id: number): boolean {
    const member = this.member(id);
    const done = member.disk.completeOne();
    if (done === null) return false;
    member.raft?.onDurable(done.version, done.index, this.nowMs);
    this.pump(id);
    return true;
  }

  syncAll(id: number): void {
    while (this.sync(id));
  }

  tick(id: number): void {
    const { raft } = this.member(id);
    if (raft === null) return;
    raft.tick(this.nowMs);
    this.pump(id);
  }

  /** Delivers and syncs, in order and without time passing, until nothing is under way. */
  settle(): void {
    for (let steps = 0; steps < 100_000; steps++) {
      const flight = this.flights[0];
      if (flight !== undefined) {
        this.deliver(flight);
        continue;
      }
      const working = this.members.find((member) => member.jobs.length > 0 && !member.isDiskHeld);
      if (working !== undefined) {
        this.runJob(working.id);
        continue;
      }
      const busy = this.members.find((member) => member.disk.frames.length > 0 && !member.isDiskHeld && member.raft !== null);
      if (busy === undefined) return;
      this.sync(busy.id);
    }
    assert.fail('the cluster does not come to rest');
  }

  /** Lets virtual time pass: messages, syncs, deadlines and node heartbeats in the order of their times. */
  run(forMs: number, until: () => boolean = () => false): void {
    const endMs = this.nowMs + forMs;
    while (!until()) {
      const next = this.#next();
      if (next.atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.act();
    }
    if (!until()) this.nowMs = endMs;
  }

  #next(): { atMs: number; act: () => void } {
    let atMs = this.#nextHeartbeatMs;
    let act = (): void => this.#heartbeat();
    for (const flight of this.flights) {
      if (flight.dueMs < atMs) [atMs, act] = [flight.dueMs, () => this.deliver(flight)];
    }
    for (const member of this.members) {
      const dueMs = member.isDiskHeld || member.raft === null ? undefined : member.disk.frames[0]?.dueMs;
      if (dueMs !== undefined && dueMs < atMs) [atMs, act] = [dueMs, () => void this.sync(member.id)];
      const jobMs = member.isDiskHeld ? undefined : member.jobs[0]?.dueMs;
      if (jobMs !== undefined && jobMs < atMs) [atMs, act] = [jobMs, () => void this.runJob(member.id)];
      const deadlineMs = member.raft?.nextDeadlineMs ?? Number.POSITIVE_INFINITY;
      if (deadlineMs < atMs) [atMs, act] = [deadlineMs, () => this.tick(member.id)];
    }
    return { atMs, act };
  }

  #heartbeat(): void {
    this.#nextHeartbeatMs = Math.max(this.#nextHeartbeatMs, this.nowMs) + HEARTBEAT_MS;
    if (this.options.hasContacts === false) return;
    exchangeHeartbeats(
      this.members,
      this.nowMs,
      (from, to) => this.isLinked(from, to),
      (to, from) => this.#promises.heard(to, from.id, this.nowMs),
    );
  }

  // --- facts ---

  /** Carries out what a replica asks for. */
  pump(id: number): void {
    const member = this.member(id);
    for (let turns = 0; member.raft?.hasReady() === true; turns++) {
      assert.ok(turns < 100, `node ${id} has a Ready for ever`);
      this.#carryOut(member, member.raft.ready());
    }
  }

  #carryOut(member: Member, ready: Ready): void {
    const before = member.disk.lastIndex;
    this.#promises.check(member, ready, this.nowMs);
    receiveSnapshot(this, member, ready);
    readSnapshots(this, member, ready);
    member.disk.write(ready, Math.max(this.nowMs + member.diskMs, member.disk.frames.at(-1)?.dueMs ?? 0));
    if (ready.restart !== null) this.trace(`${member.id} starts its log anew after ${ready.restart.index}`);
    if (ready.truncateAfter !== null) this.trace(`${member.id} cuts its log from ${before} to ${ready.truncateAfter}`);
    for (const fact of ready.appends) this.trace(`${member.id} appends ${describeBatch(fact.batch)}`);
    if (ready.role === 'leader' && this.#invariants.checkLeader(member, ready)) this.trace(`${member.id} leads term ${ready.term}`);
    for (const outgoing of ready.sendNow) {
      const bytes = concatBytes(encodeMessage(outgoing.message).map((part) => part.slice()));
      this.trace(`${member.id} -> ${outgoing.to} ${describe(outgoing.message)}`);
      const flight: Flight = {
        id: this.#nextFlight++,
        from: member.id,
        to: outgoing.to,
        dueMs: this.nowMs + (this.options.latencyMs ?? 1),
        bytes,
        message: outgoing.message,
      };
      if (this.isLinked(flight.from, flight.to) && this.filter(flight)) this.flights.push(flight);
    }
    if (ready.commitIndex !== member.commitIndex) {
      this.trace(`${member.id} commits ${ready.commitIndex}`);
      this.#invariants.checkCommit(member, ready);
      this.#committed(member, ready.commitIndex);
    }
    for (const read of ready.reads) this.trace(`${member.id} confirms read ${read.id} at ${read.index}`);
    for (const read of ready.readsFailed) this.trace(`${member.id} fails read ${read}`);
    for (const fault of ready.faults) this.faults.push(`${member.id}: ${fault.from} ${fault.what}`);
    member.learnersWaiting = ready.learnersWaiting;
    member.reads.push(...ready.reads);
    member.readsFailed.push(...ready.readsFailed);
  }

  #committed(member: Member, commitIndex: LogIndex): void {
    member.commitIndex = commitIndex;
    for (const batch of member.disk.batches) {
      if (batch.lastIndex <= member.machine.appliedIndex || batch.lastIndex > commitIndex) continue;
      member.machine.apply(batch);
      this.#invariants.checkMachine(member);
    }
    for (const proposal of this.proposals) {
      if (proposal.isAcked || proposal.node !== member.id) continue;
      if (this.#invariants.committedAt(proposal.index)?.term === proposal.term) proposal.isAcked = true;
    }
  }

  checkLogMatching(): void {
    this.#invariants.checkLogMatching();
  }
  checkConverged(): void {
    this.#invariants.checkConverged();
  }

  status(): string[] {
    return this.members.map(describeMember);
  }
}

/** Runs until there is an established leader; its number. */
export function electLeader(cluster: Cluster, withinMs = 5000): number {
  cluster.run(withinMs, () => cluster.leader !== 0 && cluster.raft(cluster.leader).isEstablished);
  assert.ok(
    cluster.leader !== 0 && cluster.raft(cluster.leader).isEstablished,
    `no leader within ${withinMs} ms:\n${cluster.status().join('\n')}`,
  );
  return cluster.leader;
}

/** The numbers of all nodes but one. */
export function others(id: number, nodes = 3): number[] {
  return Array.from({ length: nodes }, (_, at) => at + 1).filter((other) => other !== id);
}
