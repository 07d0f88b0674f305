import { type Checksum, type Disk, DiskFault, type DiskFile, type QuorateError, invariant } from '@quorate/base';
import {
  CHUNK_HEAD_BYTES,
  SNAPSHOT_CHUNK_BYTES,
  SnapshotCodec,
  type SnapshotShape,
  chunkOffset,
  snapshotDamage,
  snapshotFileBytes,
} from './snapshot-format.js';
import type { Damage, SnapshotFile } from './types.js';

/** Most bytes that one read gives: it is synchronous, and others wait. */
export const SNAPSHOT_READ_BYTES_MAX = 1_048_576;

/** What a snapshot file needs of its storage. */
export interface SnapshotFileHost {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly journalId: string;
  reportDamage(damage: Damage): void;
  /** Its last user let it go. */
  released(file: StoredSnapshot): void;
}

/** A complete snapshot on disk. It stays readable while somebody retains it, also once a newer one has taken its place. */
export class StoredSnapshot implements SnapshotFile {
  readonly shape: SnapshotShape;
  /** No longer needed: removed once nobody retains it. */
  isVoid = false;
  readonly #host: SnapshotFileHost;
  readonly #codec: SnapshotCodec;
  #handle: DiskFile | null = null;
  #users = 0;

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
    return this.#users > 0;
  }

  read(offset: number, maxBytes: number): Uint8Array {
    invariant(offset >= 0 && offset <= this.length, '0 <= offset <= length', { offset, length: this.length });
    const end = Math.min(this.length, offset + Math.min(maxBytes, SNAPSHOT_READ_BYTES_MAX));
    if (offset >= end) return new Uint8Array(0);
    const first = Math.floor(offset / SNAPSHOT_CHUNK_BYTES);
    const last = Math.floor((end - 1) / SNAPSHOT_CHUNK_BYTES);
    const content = this.#content(first, last);
    const start = first * SNAPSHOT_CHUNK_BYTES;
    return content.subarray(offset - start, end - start);
  }

  retain(): () => void {
    this.#users++;
    let isMine = true;
    return () => {
      if (!isMine) return;
      isMine = false;
      this.#users--;
      if (this.#users > 0) return;
      this.close();
      this.#host.released(this);
    };
  }

  /** Reads all of it. Throws like `read`. */
  verify(): void {
    let sum = 0;
    for (let chunk = 0; chunk < this.shape.chunks; chunk++) {
      const bytes = this.#bytes(chunk, chunk);
      this.#check(chunk, bytes);
      sum = this.#host.checksum(bytes.subarray(0, 4), sum);
    }
    if (sum !== this.shape.wholeChecksum) throw this.#damaged(snapshotFileBytes(this.length), 'its chunks are not those that were written');
  }

  /** Closes its handle; a later read opens it again. */
  close(): void {
    this.#handle?.close();
    this.#handle = null;
  }

  /** The content of these chunks, closed up in the array that they were read into. */
  #content(first: number, last: number): Uint8Array {
    const bytes = this.#bytes(first, last);
    const stride = CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
    for (let chunk = first; chunk <= last; chunk++) {
      const at = (chunk - first) * stride;
      this.#check(chunk, bytes.subarray(at, at + stride));
    }
    if (first === last) return bytes.subarray(CHUNK_HEAD_BYTES);
    for (let at = 0; at < bytes.length; at += stride)
      bytes.copyWithin((at / stride) * SNAPSHOT_CHUNK_BYTES, at + CHUNK_HEAD_BYTES, at + stride);
    return bytes;
  }

  #check(chunk: number, bytes: Uint8Array): void {
    const isWhole = bytes.length === CHUNK_HEAD_BYTES + Math.min(SNAPSHOT_CHUNK_BYTES, this.length - chunk * SNAPSHOT_CHUNK_BYTES);
    if (!isWhole || !this.#codec.isChunkSound(chunk, bytes))
      throw this.#damaged(chunkOffset(chunk), 'a piece of the snapshot does not match its checksum');
  }

  /** Chunks `first` to `last` as they stand in the file, without the trailer. */
  #bytes(first: number, last: number): Uint8Array {
    const { path } = this.shape;
    const start = chunkOffset(first);
    const end = Math.min(chunkOffset(last + 1), chunkOffset(0) + this.length + this.shape.chunks * CHUNK_HEAD_BYTES);
    try {
      this.#handle ??= this.#host.disk.open(path, 'read');
      return this.#handle.read(start, end - start);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      throw this.#damaged(start, `the snapshot cannot be read: ${thrown.message}`);
    } finally {
      // Thousands of groups must not hold a file open each.
      if (!this.isRetained) this.close();
    }
  }

  #damaged(offset: number, what: string): QuorateError {
    this.#host.reportDamage({ file: this.shape.path, offset, what, groups: [this.group] });
    return snapshotDamage(this.shape.path, offset, what);
  }
}
