import { type ClusterId, type GroupId, type Incarnation, type NodeId, QuorateError, asQuorateError } from '@quorate/base';
import type { PeerContacts } from '@quorate/raft';
import type { Storage } from '@quorate/storage';
import { FRAME_TYPES, type FrameConnection, type Member, type PeerFrame, type PeerHello, decodePeerFrame } from '@quorate/wire';
import type { HostOptions, HostSettings } from '../host-options.js';
import { helloMismatch } from './hello-mismatch.js';
import { PeerDials } from './peer-dials.js';
import { PeerLink } from './peer-link.js';
import { SeenSequences } from './seen-sequences.js';

/** Two ticks further apart mean that this process was stopped or stalled in between. */
const AWAKE_MS = 500;
/** A peer that was heard of within so many heartbeats is alive. */
const ALIVE_HEARTBEATS = 4;
/** A heartbeat that is so late waits behind something large. */
const LATE_HEARTBEATS = 2;
/** Faults in what a peer sent; any other that its frame brings about is this node's own. */
const FRAME_FAULTS: ReadonlySet<string> = new Set(['malformedFrame', 'frameTooLarge', 'versionUnsupported']);

export interface PeerEvents {
  /** `isReplaced`: the peer has another incarnation than before. */
  connected(hello: PeerHello, isReplaced: boolean): void;
  disconnected(peer: NodeId): void;
  /** The queue to a peer has room again: these groups had lost messages because it was full. */
  resumed(peer: NodeId, groups: readonly GroupId[]): void;
  frame(from: NodeId, frame: PeerFrame): void;
  /** A peer has seen this incarnation at a later sequence than this directory held when it was opened. */
  oldImage(incarnation: Incarnation): void;
  /** True if another incarnation was registered in place of this one. */
  isSuperseded(incarnation: Incarnation): boolean;
}

/** What a node says of itself to every peer alike. */
export type OwnHello = Omit<PeerHello, 'seenSequence' | 'seenIncarnation' | 'durableSequence'>;

/** One connection per pair of nodes: the lower node id dials and sends heartbeats, the higher accepts and answers them. */
export class PeerTable implements PeerContacts {
  readonly #options: HostOptions;
  readonly #settings: HostSettings;
  readonly #hello: () => OwnHello;
  readonly #storage: Storage;
  readonly #events: PeerEvents;
  readonly #seen: SeenSequences;
  readonly #links = new Map<NodeId, PeerLink>();
  /** The newest link to each peer, open or not. */
  readonly #newest = new Map<NodeId, PeerLink>();
  readonly #dials: PeerDials;
  /** Peers that took a hello of this process. */
  readonly #met = new Set<NodeId>();
  #messagesDropped = 0;
  #tickedAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;

  constructor(init: {
    options: HostOptions;
    settings: HostSettings;
    storage: Storage;
    hello: () => OwnHello;
    events: PeerEvents;
  }) {
    this.#options = init.options;
    this.#settings = init.settings;
    this.#hello = init.hello;
    this.#storage = init.storage;
    this.#events = init.events;
    this.#seen = new SeenSequences(init.storage);
    this.#dials = new PeerDials(init.options, this);
  }

  start(): void {
    this.#dials.start();
  }

  /** Nothing is sent or taken any more: the node failed or closes. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  heardAtMs(peer: NodeId): number | null {
    return this.#links.get(peer)?.heardAtMs ?? null;
  }

  lastHeardAtMs(peer: NodeId): number {
    return this.#newest.get(peer)?.heardAtMs ?? Number.NEGATIVE_INFINITY;
  }

  acknowledgedAtMs(peer: NodeId): number {
    return this.#newest.get(peer)?.acknowledgedAtMs ?? Number.NEGATIVE_INFINITY;
  }

  *hellos(): Iterable<PeerHello> {
    for (const link of this.#links.values()) yield link.hello;
  }

  helloOf(peer: NodeId): PeerHello | undefined {
    return this.#links.get(peer)?.hello;
  }

  /**
   * The sequence that this node tells a peer. To one that has not taken a hello of this process yet it is what the journal held at its
   * start: what was written since must not hide that something is missing before it, and what such a peer remembers cannot be of this life
   * of the process (T37).
   */
  #claim(peer: NodeId): number {
    return this.#met.has(peer) ? this.#storage.durableSequence : this.#storage.recoveredSequence;
  }

  /** What this node says of itself to a peer that it dials. */
  helloTo(peer: NodeId): PeerHello {
    const { nodeId, incarnation, clusterId, members } = this.#hello();
    return { nodeId, incarnation, clusterId, members, durableSequence: this.#claim(peer), ...this.#seen.of(peer) };
  }

  /** The reply to a peer whose hello is known: it speaks of the incarnation that said hello. */
  helloFor(hello: PeerHello): PeerHello {
    const seenSequence = this.#storage.peerSequence(hello.nodeId, hello.incarnation);
    return { ...this.helloTo(hello.nodeId), seenSequence, seenIncarnation: hello.incarnation };
  }

  /** False if this node stopped, or became another incarnation, since it said so in a hello: the other side must not go by that. */
  isAsSaid(hello: OwnHello): boolean {
    return !this.#isStopped && this.#hello().incarnation === hello.incarnation;
  }

  /** True if this node is of that cluster (null: of none) now. */
  isOfCluster(clusterId: ClusterId | null): boolean {
    return this.#hello().clusterId === clusterId;
  }

  /** A peer took a hello of this process. */
  met(peer: NodeId): void {
    this.#met.add(peer);
  }

  /** The peer told that it is formed now. */
  formed(peer: NodeId, clusterId: ClusterId): void {
    const link = this.#links.get(peer);
    if (link !== undefined) link.hello = { ...link.hello, clusterId };
  }

  /** Why a peer with this hello is not talked to; null if it is. */
  refusal(hello: PeerHello): QuorateError | null {
    const own = this.#hello();
    if (this.#isStopped) return new QuorateError('unavailable', `node ${own.nodeId} takes no part any more`, { node: own.nodeId });
    const mismatch = helloMismatch(hello, own, this.#options);
    if (mismatch !== null) return mismatch;
    if (this.#isTwice(hello)) {
      const message = `two nodes have the id ${hello.nodeId}, or an old directory of node ${hello.nodeId} is in use again`;
      return new QuorateError('formationConflict', message, { node: hello.nodeId, incarnation: hello.incarnation });
    }
    if (hello.seenIncarnation === own.incarnation && hello.seenSequence > this.#claim(hello.nodeId)) {
      this.#options.timers.defer(() => this.#events.oldImage(own.incarnation));
      return new QuorateError('dataDamaged', `node ${own.nodeId} found that its directory is an old image`, { node: own.nodeId });
    }
    return null;
  }

  /** T50: its place was given to another incarnation, or another one of it is here and alive. */
  #isTwice(hello: PeerHello): boolean {
    if (this.#events.isSuperseded(hello.incarnation)) return true;
    const link = this.#links.get(hello.nodeId);
    if (link === undefined || link.hello.incarnation === hello.incarnation) return false;
    return this.#options.clock.nowMs() - link.heardAtMs < ALIVE_HEARTBEATS * this.#settings.heartbeatMs;
  }

  /** The fault of a peer whose directory is older than what it had told before; null if it is not. From now on our hellos tell it. */
  oldImageOf(hello: PeerHello): QuorateError | null {
    if (!this.#seen.isOldImage(hello)) return null;
    this.#seen.hello(hello);
    return new QuorateError('dataDamaged', `the directory of node ${hello.nodeId} is an old image of itself`, { node: hello.nodeId });
  }

  /** A peer's hello was accepted on this connection: it replaces an older one of that peer. */
  established(hello: PeerHello, frames: FrameConnection): PeerLink {
    const old = this.#links.get(hello.nodeId);
    const link = new PeerLink({ hello, frames, clock: this.#options.clock, before: this.#newest.get(hello.nodeId) });
    this.#links.set(hello.nodeId, link);
    this.#newest.set(hello.nodeId, link);
    if (old !== undefined) {
      old.frames.destroy();
      this.#events.disconnected(hello.nodeId);
    }
    const isReplaced = this.#seen.hello(hello);
    this.#events.connected(hello, isReplaced);
    return link;
  }

  /**
   * Bytes have come, perhaps of a frame that takes long: a heartbeat waits behind it, but its sender is alive, and is to know that it is heard (T73). The side that
   * asks says so with its next heartbeat, the other at once if it was not asked for some time.
   */
  bytesArrived(link: PeerLink): void {
    if (this.#links.get(link.nodeId) !== link) return;
    link.heard();
    const { lastAnswer } = link;
    if (this.#asks(link) || lastAnswer === null) return;
    if (this.#options.clock.nowMs() - lastAnswer.atMs >= LATE_HEARTBEATS * this.#settings.heartbeatMs) this.#answer(link, lastAnswer.nonce);
  }

  frame(link: PeerLink, type: number, body: Uint8Array): void {
    if (this.#links.get(link.nodeId) !== link) return;
    this.#met.add(link.nodeId);
    try {
      // What a core keeps must not lie in the receive buffer.
      const frame = decodePeerFrame(type, type === FRAME_TYPES.raft ? body.slice() : body);
      if (frame.type === 'heartbeat' || frame.type === 'heartbeatAck') this.#seen.note(link.nodeId, frame.durableSequence);
      if (frame.type === 'heartbeat') this.#answer(link, frame.nonce);
      else if (frame.type === 'heartbeatAck') link.answered(frame.nonce);
      this.#events.frame(link.nodeId, frame);
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (!FRAME_FAULTS.has(error.code)) throw error;
      this.#options.logger.log('warn', 'bad frame of a peer', { peer: link.nodeId, code: error.code, message: error.message });
      link.frames.destroy();
    }
  }

  #answer(link: PeerLink, nonce: number): void {
    link.asked(nonce);
    link.answers(nonce);
    link.send({ type: 'heartbeatAck', nonce, durableSequence: this.#claim(link.nodeId) });
  }

  closed(link: PeerLink, error: QuorateError): void {
    if (this.#links.get(link.nodeId) !== link) return;
    this.#links.delete(link.nodeId);
    this.#options.logger.log('debug', 'peer connection closed', { peer: link.nodeId, code: error.code, message: error.message });
    this.#events.disconnected(link.nodeId);
  }

  sendAll(frame: PeerFrame): void {
    for (const link of this.#links.values()) link.send(frame);
  }

  send(to: NodeId, frame: PeerFrame): void {
    const link = this.#links.get(to);
    link?.send(frame);
    link?.frames.flush();
  }

  sendForm(to: NodeId, clusterId: ClusterId, members: readonly Member[]): void {
    this.send(to, { type: 'form', clusterId, members });
  }

  /** False if it will not arrive: there is no connection, or its queue is full (then `resumed` follows once there is room). */
  sendRaft(to: NodeId, group: GroupId, parts: readonly Uint8Array[]): boolean {
    const link = this.#links.get(to);
    if (link === undefined) return false;
    const isSent = link.sendRaft(group, parts);
    if (!isSent) this.#messagesDropped++;
    return isSent;
  }

  /** Messages between replicas that were dropped because the queue to a peer was full. */
  get messagesDropped(): number {
    return this.#messagesDropped;
  }

  /** What was queued to the peer is with the operating system. */
  drained(link: PeerLink): void {
    if (this.#links.get(link.nodeId) !== link) return;
    const groups = link.takeResumable();
    if (groups.length > 0) this.#events.resumed(link.nodeId, groups);
  }

  /** When `tick` must be called at the latest for the next heartbeat. */
  get heartbeatDueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const link of this.#links.values()) {
      if (this.#asks(link)) dueMs = Math.min(dueMs, link.heartbeatAtMs + this.#settings.heartbeatMs);
    }
    return dueMs;
  }

  /** One side asks and the other answers: a sign of life both ways with half the messages. */
  #asks(link: PeerLink): boolean {
    return link.nodeId > this.#options.nodeId;
  }

  tick(nowMs: number): void {
    // After a pause of this process its own ears were shut: silence then says nothing about the peers.
    const wasAwake = nowMs - this.#tickedAtMs < AWAKE_MS;
    this.#tickedAtMs = nowMs;
    for (const link of this.#links.values()) {
      if (wasAwake && nowMs - link.heardAtMs > this.#settings.peerSilenceMs) {
        link.frames.destroy(new QuorateError('connectionLost', `node ${link.nodeId} was silent for ${this.#settings.peerSilenceMs} ms`));
        continue;
      }
      if (this.#asks(link)) link.heartbeat(nowMs, this.#settings.heartbeatMs, this.#claim(link.nodeId));
      link.frames.flush();
      this.drained(link);
    }
  }

  flush(): void {
    for (const link of this.#links.values()) link.frames.flush();
  }

  /** Closes all links; they are dialed anew, with the hello of then. */
  disconnectAll(why: string): void {
    this.#options.logger.log('info', 'peer connections are renewed', { why });
    for (const link of [...this.#links.values()]) {
      this.#links.delete(link.nodeId);
      link.frames.destroy();
      this.#events.disconnected(link.nodeId);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#dials.stop();
    for (const link of this.#links.values()) link.frames.destroy();
    this.#links.clear();
  }
}
