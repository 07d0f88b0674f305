import {
  type BatchHeader,
  type LogIndex,
  type NodeId,
  type QuorateError,
  type TimerHandle,
  asQuorateError,
  batchLastIndex,
  invariant,
} from '@quorate/base';
import type { Ready } from '@quorate/raft';
import type { GroupLog, SnapshotFile, Storage } from '@quorate/storage';
import type { MachineView } from '../groups/machine-view.js';
import type { Replica } from '../groups/replica.js';
import type { ReplicaSnapshots } from '../groups/replica-snapshots.js';
import type { HostOptions, HostSettings } from '../host-options.js';
import { votersAt } from './configuration-at.js';
import { headStart } from './head-start.js';
import { LogKeeping } from './log-keeping.js';
import { SnapshotIntake } from './snapshot-intake.js';
import type { SnapshotQueue, SnapshotTaker } from './snapshot-queue.js';
import type { SnapshotSending } from './snapshot-sending.js';
import { SnapshotTaking } from './snapshot-taking.js';

/** The part of the log before a snapshot that stays for followers a little behind, of `snapshotLogBytes`. */
const KEPT_PART = 1 / 4;
/** Times the bytes between two snapshots to which the log may grow because a connected follower is slow. */
const LOG_CAP_TIMES = 4;
/** Times the bytes between two snapshots for which a new one waits while the last one is being sent: both at once are much for a node. */
const SENDING_TIMES = 2;
/** Pause before a snapshot that failed is tried again. */
const RETRY_MS = 5000;
/** Pause before a log that a follower holds up, or a snapshot that waits for one that is sent, is looked at again. */
const HELD_MS = 1000;

/** What the snapshots of a group need. */
export interface GroupSnapshotsInit {
  readonly replica: Replica;
  readonly view: MachineView;
  readonly storage: Storage;
  readonly options: HostOptions;
  readonly settings: Pick<HostSettings, 'snapshotLogBytes'>;
  readonly queue: SnapshotQueue;
  /** What its leader sends of them. */
  readonly sending: SnapshotSending;
  /** In force before the first configuration of the log. */
  readonly initialVoters: readonly NodeId[];
  readonly node: { readonly isDiskFull: boolean };
}

/**
 * When a group writes a snapshot of its machine, and how much of its log goes then. One is due when the batches applied since the last come to
 * `snapshotLogBytes`, and to as much as the last one holds, so that a large state is not written again for a small change. The log is cut
 * behind it, but for a tail, and not before connected followers have what is cut, unless they hold up too much.
 */
export class GroupSnapshots implements ReplicaSnapshots, SnapshotTaker {
  readonly #init: GroupSnapshotsInit;
  readonly #intake: SnapshotIntake;
  #log: LogKeeping;
  /** Bytes of batches applied since the last snapshot; more at first, so that replicas take turns. */
  #bytes = 0;
  /** The batch applied last. */
  #last: BatchHeader | null = null;
  #taking: SnapshotTaking | null = null;
  #isQueued = false;
  #timer: TimerHandle | null = null;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(init: GroupSnapshotsInit) {
    this.#init = init;
    this.#log = new LogKeeping(init.replica.appliedIndex);
    this.#intake = new SnapshotIntake({
      replica: init.replica,
      view: init.view,
      storage: init.storage,
      ports: init.options,
      installed: (file) => this.#installed(file),
    });
    if (init.storage.snapshot(init.replica.group) === null) this.#bytes = this.#headStart(0, this.#dueBytes);
  }

  /** Bytes of batches from one snapshot to the next. */
  get #dueBytes(): number {
    const { storage, settings, replica } = this.#init;
    return Math.max(settings.snapshotLogBytes, storage.snapshot(replica.group)?.length ?? 0);
  }

  /** Bytes that count as applied at first: this replica's place among those that have what `from` has. */
  #headStart(from: NodeId | 0, dueBytes: number): number {
    const { replica, options } = this.#init;
    return Math.floor(dueBytes * headStart(replica.raft.configuration.voters, options.nodeId, from));
  }

  applied(header: BatchHeader, bytes: number): void {
    this.#last = header;
    this.#bytes += bytes;
    this.#log.applied(batchLastIndex(header), bytes);
    this.#want();
  }

  ready(ready: Ready): void {
    this.#intake.ready(ready);
    const { sending, replica } = this.#init;
    if (ready.snapshotReads.length > 0) sending.read(ready.snapshotReads, (step) => replica.step(step));
  }

  /** True while a snapshot of the leader is being stored or loaded. */
  get isReceiving(): boolean {
    return this.#intake.isActive;
  }

  /** Bytes of that snapshot. */
  get receivingBytes(): number {
    return this.#intake.bytes;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) this.#init.options.timers.clear(this.#timer);
    this.#timer = null;
    this.#init.queue.remove(this);
    this.#taking?.abort();
    this.#intake.abort();
  }

  // ---- taking

  #want(): void {
    const { queue, options, sending, node } = this.#init;
    if (this.#isQueued || this.#isClosed || this.#bytes < this.#dueBytes || options.clock.nowMs() < this.#restUntilMs) return;
    if (sending.isMoving && !node.isDiskFull && this.#bytes < SENDING_TIMES * this.#dueBytes) return this.#wake(HELD_MS);
    this.#isQueued = true;
    // Not among the batches of a turn.
    options.timers.defer(() => {
      if (!this.#isClosed) queue.add(this);
    });
  }

  take(done: () => void): void {
    const taking = this.#begin((error, file) => {
      this.#taking = null;
      this.#isQueued = false;
      if (file !== null) this.#taken(file);
      else if (error !== null && error.code !== 'aborted') this.#failed(error);
      done();
    });
    if (taking === null) {
      this.#isQueued = false;
      done();
      return;
    }
    this.#taking = taking;
    taking.start();
  }

  #begin(done: (error: QuorateError | null, file: SnapshotFile | null) => void): SnapshotTaking | null {
    const { replica, view, storage, options, initialVoters } = this.#init;
    const last = this.#last;
    const before = storage.snapshot(replica.group);
    if (this.#isClosed || last === null || this.#intake.isActive) return null;
    const index = batchLastIndex(last);
    try {
      const voters = votersAt(replica.log, before, initialVoters, index);
      const facts = { group: replica.group, index, term: last.term, voters, loggedTimeMs: last.loggedTimeMs };
      invariant(view.machine.appliedIndex === index, 'a snapshot is of what was applied last', { group: replica.group, index });
      options.logger.log('info', 'snapshot begun', { group: replica.group, index });
      const writer = storage.createSnapshot(facts);
      const bytes = this.#bytes;
      const sinceMs = options.clock.nowMs();
      return new SnapshotTaking({
        state: view.machine.snapshot(options.checksum),
        writer,
        ports: options,
        appliedBytes: () => this.#bytes - bytes,
        done: (error, file) => {
          if (file !== null) this.#count(file, bytes, options.clock.nowMs() - sinceMs);
          done(error, file);
        },
      });
    } catch (thrown) {
      this.#failed(asQuorateError(thrown));
      return null;
    }
  }

  #count(file: SnapshotFile, bytes: number, ms: number): void {
    const { metrics } = this.#init.queue;
    this.#bytes = Math.max(0, this.#bytes - bytes);
    metrics.taken++;
    metrics.inForce(file);
    metrics.lastMs = ms;
  }

  #taken(file: SnapshotFile): void {
    const { options, replica, queue } = this.#init;
    const { index, length: bytes } = file;
    options.logger.log('info', 'snapshot taken', { group: replica.group, index, bytes, ms: Math.round(queue.metrics.lastMs) });
    this.#cut();
  }

  #failed(error: QuorateError): void {
    const { options, replica, queue } = this.#init;
    const { code, message } = error;
    if (this.#isClosed) return;
    queue.metrics.failed++;
    options.logger.log('warn', 'snapshot failed', { group: replica.group, code, message });
    if (code === 'invariantBroken') {
      replica.stop(error);
      return;
    }
    this.#restUntilMs = options.clock.nowMs() + RETRY_MS;
    this.#wake(RETRY_MS);
  }

  // ---- installing

  #installed(file: SnapshotFile): void {
    const { options, replica, queue, settings } = this.#init;
    queue.metrics.installed++;
    queue.metrics.inForce(file);
    options.logger.log('info', 'snapshot installed', { group: replica.group, index: file.index, bytes: file.length });
    // Of an older state than that which is here now.
    this.#taking?.abort();
    this.#last = null;
    this.#bytes = this.#headStart(replica.raft.leader, Math.max(settings.snapshotLogBytes, file.length));
    this.#log = new LogKeeping(file.index);
  }

  // ---- cutting the log

  /** Drops of the log what the snapshot in force covers and nobody who is connected needs, but for a tail. */
  #cut(): void {
    const { replica, storage, settings, node } = this.#init;
    const file = storage.snapshot(replica.group);
    if (file === null || this.#isClosed) return;
    replica.step((raft) => {
      const { log } = replica;
      const isPressed = node.isDiskFull || this.#log.bytesAfter(log.firstIndex - 1) > LOG_CAP_TIMES * this.#dueBytes;
      const wanted = isPressed ? file.index : Math.min(file.index, this.#log.indexBefore(settings.snapshotLogBytes * KEPT_PART) ?? 0);
      const index = border(log, Math.min(wanted, isPressed ? Math.min(raft.commitIndex, raft.durableIndex) : raft.compactableIndex));
      if (index >= log.firstIndex) {
        raft.compacted(index);
        log.truncatePrefix(index);
        this.#log.dropped(index);
      }
      if (index < wanted) this.#wake(HELD_MS);
    });
  }

  #wake(afterMs: number): void {
    if (this.#timer !== null) return;
    this.#timer = this.#init.options.timers.set(afterMs, () => {
      this.#timer = null;
      this.#want();
      this.#cut();
      // It was set for something that came earlier.
      const restMs = this.#restUntilMs - this.#init.options.clock.nowMs();
      if (restMs > 0 && !this.#isClosed) this.#wake(restMs);
    });
  }
}

/** The last end of a batch up to an index. */
function border(log: GroupLog, index: LogIndex): LogIndex {
  if (index < log.firstIndex || index >= log.lastIndex || log.batchBaseOf(index + 1) === index + 1) return index;
  return log.batchBaseOf(index) - 1;
}
