import type { Checksum, Disk, QuorateError, Timers } from '@quorate/base';
import type { DiskPace } from './disk-pace.js';
import { CHUNK_HEAD_BYTES, SNAPSHOT_CHUNK_BYTES, SnapshotCodec, type SnapshotShape, snapshotDamage } from './snapshot-format.js';
import { StoredSnapshotReader } from './snapshot-reader.js';
import type { Damage, SnapshotFile, SnapshotFileReader } from './types.js';

/** What a snapshot file needs of its storage. */
export interface SnapshotFileHost {
  readonly disk: Disk;
  readonly pace: DiskPace;
  readonly timers: Timers;
  readonly checksum: Checksum;
  readonly journalId: string;
  reportDamage(damage: Damage): void;
  /** Its last reader is closed. */
  released(file: StoredSnapshot): void;
}

/** A complete snapshot on disk. It stays readable while it has a reader, also once a newer one has taken its place. */
export class StoredSnapshot implements SnapshotFile {
  readonly shape: SnapshotShape;
  /** No longer needed: removed once it has no reader. */
  isVoid = false;
  readonly #host: SnapshotFileHost;
  readonly #codec: SnapshotCodec;
  readonly #readers = new Set<StoredSnapshotReader>();

  constructor(shape: SnapshotShape, host: SnapshotFileHost) {
    this.shape = shape;
    this.#host = host;
    this.#codec = new SnapshotCodec(host.journalId, shape, host.checksum);
  }

  get group(): SnapshotShape['group'] {
    return this.shape.group;
  }
  get index(): SnapshotShape['index'] {
    return this.shape.index;
  }
  get term(): SnapshotShape['term'] {
    return this.shape.term;
  }
  get voters(): SnapshotShape['voters'] {
    return this.shape.voters;
  }
  get loggedTimeMs(): number {
    return this.shape.loggedTimeMs;
  }
  get length(): number {
    return this.shape.length;
  }
  get isRetained(): boolean {
    return this.#readers.size > 0;
  }

  open(): SnapshotFileReader {
    const reader = new StoredSnapshotReader(this, this.#host);
    this.#readers.add(reader);
    return reader;
  }

  /** For its readers: this one is closed, and no call for it is under way. */
  closed(reader: StoredSnapshotReader): void {
    if (this.#readers.delete(reader) && this.#readers.size === 0) this.#host.released(this);
  }

  /** True if these bytes are a chunk of it, whole. */
  isChunkSound(chunk: number, bytes: Uint8Array): boolean {
    const length = CHUNK_HEAD_BYTES + Math.min(SNAPSHOT_CHUNK_BYTES, this.length - chunk * SNAPSHOT_CHUNK_BYTES);
    return bytes.length === length && this.#codec.isChunkSound(chunk, bytes);
  }

  /** Tells of damage; the error for who reads. */
  damaged(offset: number, what: string): QuorateError {
    this.#host.reportDamage({ file: this.shape.path, offset, what, groups: [this.group] });
    return snapshotDamage(this.shape.path, offset, what);
  }

  /** Closes all its readers. */
  close(): void {
    for (const reader of this.#readers) reader.close();
  }
}
