import type { Checksum, GroupId, QuorateError } from '@quorate/base';
import type { MachineLoader } from '@quorate/machine';
import type { SnapshotFacts, SnapshotFile, Storage } from '@quorate/storage';
import { GroupSnapshots, type GroupSnapshotsInit } from './group-snapshots.js';
import { loadMachine } from './load-machine.js';
import type { SlicePorts } from './slices.js';
import { SnapshotQueue } from './snapshot-queue.js';

/** What came of loading the snapshot of a group when the node starts. */
export interface Loaded {
  readonly facts: SnapshotFacts;
  /** Full, if there is no error. */
  readonly loader: MachineLoader;
  /** `dataDamaged`, or `formatUnsupported`. */
  readonly error: QuorateError | null;
}

/** The snapshots of a node: loaded before it listens, written one at a time. */
export class NodeSnapshots {
  readonly queue: SnapshotQueue = new SnapshotQueue();
  readonly #loaded = new Map<GroupId, Loaded>();
  readonly #groups = new Map<GroupId, GroupSnapshots>();

  /** Loads the snapshot in force of every group, one after the other, in slices; then `done`, later. */
  loadAll(ports: SlicePorts & { readonly checksum: Checksum }, storage: Storage, done: () => void): void {
    const files: SnapshotFile[] = [];
    for (const { group } of storage.groups()) {
      const file = storage.snapshot(group);
      if (file !== null) files.push(file);
    }
    const next = (): void => {
      const file = files.shift();
      if (file === undefined) return done();
      loadMachine(ports, file, (error, loader) => {
        this.queue.metrics.inForce(file);
        this.#loaded.set(file.group, { facts: file, loader, error });
        next();
      });
    };
    ports.timers.defer(next);
  }

  /** What was loaded for a group, given away once; null: it has no snapshot. */
  take(group: GroupId): Loaded | null {
    const loaded = this.#loaded.get(group) ?? null;
    this.#loaded.delete(group);
    return loaded;
  }

  /** A replica with a machine runs here, in place of an earlier one of its group: it takes and installs snapshots from now on. */
  add(init: Omit<GroupSnapshotsInit, 'queue'>): void {
    const snapshots = new GroupSnapshots({ ...init, queue: this.queue });
    this.#groups.set(init.replica.group, snapshots);
    init.replica.snapshots = snapshots;
  }

  /** Bytes of the snapshots that leaders are sending, which are in memory before long. */
  get receivingBytes(): number {
    let bytes = 0;
    for (const snapshots of this.#groups.values()) bytes += snapshots.receivingBytes;
    return bytes;
  }

  /** Figures for `status`. */
  metrics(): Readonly<Record<string, number>> {
    const { taken, failed, installed, lastIndex, lastBytes, lastMs, taking } = this.queue.metrics;
    let receiving = 0;
    for (const snapshots of this.#groups.values()) if (snapshots.isReceiving) receiving++;
    return {
      snapshotsTaken: taken,
      snapshotsFailed: failed,
      snapshotsInstalled: installed,
      snapshotsTaking: taking,
      snapshotsReceiving: receiving,
      snapshotReceivingBytes: this.receivingBytes,
      snapshotIndex: lastIndex,
      snapshotBytes: lastBytes,
      snapshotMs: Math.round(lastMs),
    };
  }
}
