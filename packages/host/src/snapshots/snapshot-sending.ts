import type { GroupId, QuorateError } from '@quorate/base';
import type { Raft, SnapshotHead, SnapshotReadFact, SnapshotReader, SnapshotSource } from '@quorate/raft';
import type { SnapshotFile, SnapshotFileReader, Storage } from '@quorate/storage';
import { Pace } from './pace.js';
import type { SlicePorts } from './slices.js';

/**
 * Longest rest after a piece of 256 KiB in ms: a snapshot of 1 GiB rests for a minute at most. Peers that get one would else be kept busy by it as
 * fast as they can, and this node with it.
 */
const REST_MAX_MS = 15;

/** If the same piece is wanted for so long, in ms, a transfer does not get on: its peer may have stopped, or have no space. */
const STUCK_MS = 5000;

/** Runs a step on the core of the group. */
type Step = (step: (raft: Raft, nowMs: number) => void) => void;

/**
 * The stored snapshots of a group, as its leader sends them: each piece is read from the disk ahead of its time, and given to the core when the peer
 * has stored the one before and a rest is over. A file that is damaged cannot be read; the storage tells of that by itself.
 */
export class SnapshotSending implements SnapshotSource {
  readonly #storage: Storage;
  readonly #group: GroupId;
  readonly #ports: SlicePorts;
  readonly #open = new Set<OutgoingSnapshot>();

  constructor(storage: Storage, group: GroupId, ports: SlicePorts) {
    this.#storage = storage;
    this.#group = group;
    this.#ports = ports;
  }

  /** A peer is being sent one, and gets on with it. */
  get isMoving(): boolean {
    for (const outgoing of this.#open) if (outgoing.isMoving) return true;
    return false;
  }

  open(): SnapshotReader | null {
    const file = this.#storage.snapshot(this.#group);
    if (file === null) return null;
    const outgoing: OutgoingSnapshot = new OutgoingSnapshot(file, this.#ports, () => this.#open.delete(outgoing));
    this.#open.add(outgoing);
    return outgoing;
  }

  /** Reads what the core asks for. */
  read(facts: readonly SnapshotReadFact[], step: Step): void {
    for (const fact of facts) for (const outgoing of this.#open) if (outgoing === fact.reader) outgoing.wanted(fact, step);
  }
}

/** A snapshot on its way to one peer. */
class OutgoingSnapshot implements SnapshotReader {
  readonly index: number;
  readonly term: number;
  readonly head: SnapshotHead;
  readonly #ports: SlicePorts;
  readonly #reader: SnapshotFileReader;
  readonly #pace: Pace;
  readonly #closed: () => void;
  #wanted: { readonly fact: SnapshotReadFact; readonly step: Step } | null = null;
  /** The piece that was wanted last, and when it was another one than before. */
  #lastOffset = -1;
  #movedMs: number;
  #isReading = false;
  #isResting = false;
  #isClosed = false;

  constructor(file: SnapshotFile, ports: SlicePorts, closed: () => void) {
    const { index, term, length, voters, loggedTimeMs } = file;
    this.index = index;
    this.term = term;
    this.head = { length, configuration: { voters }, loggedTimeMs };
    this.#ports = ports;
    this.#movedMs = ports.clock.nowMs();
    this.#pace = new Pace(ports, { restMaxMs: REST_MAX_MS });
    this.#reader = file.open();
    this.#closed = closed;
  }

  close(): void {
    this.#isClosed = true;
    this.#pace.cancel();
    this.#reader.close();
    this.#closed();
  }

  /** Another piece was wanted a moment ago than before. */
  get isMoving(): boolean {
    return this.#ports.clock.nowMs() - this.#movedMs < STUCK_MS;
  }

  /** A later wish replaces an earlier one. */
  wanted(fact: SnapshotReadFact, step: Step): void {
    if (fact.offset !== this.#lastOffset) {
      this.#lastOffset = fact.offset;
      this.#movedMs = this.#ports.clock.nowMs();
    }
    this.#wanted = { fact, step };
    this.#next();
  }

  #next(): void {
    const wanted = this.#wanted;
    if (wanted === null || this.#isReading || this.#isResting || this.#isClosed) return;
    this.#isReading = true;
    const { offset, maxBytes } = wanted.fact;
    this.#reader.read(offset, maxBytes, (error, bytes) => {
      this.#isReading = false;
      // The peer said something else meanwhile.
      if (this.#wanted !== wanted) return this.#next();
      this.#wanted = null;
      this.#give(wanted.fact, wanted.step, error, bytes);
    });
  }

  #give(fact: SnapshotReadFact, step: Step, error: QuorateError | null, bytes: Uint8Array): void {
    const { clock } = this.#ports;
    const sinceMs = clock.nowMs();
    // A copy: what is sent stays as it is until it is sent, and the memory that was read into is used again.
    step((raft, nowMs) => raft.snapshotRead(fact, error === null ? bytes.slice() : null, nowMs));
    if (this.#isClosed) return;
    this.#isResting = true;
    this.#pace.rest(clock.nowMs() - sinceMs, () => {
      this.#isResting = false;
      this.#next();
    });
  }
}
