import {
  type Disk,
  type DiskDone,
  DiskFault,
  type DiskFile,
  type Random,
  concatBytes,
  isZero,
  lengthOfParts,
  randomBetween,
} from '@quorate/base';
import { type DiskImage, DiskState, type FileState, type PowerCutOptions, parentOf } from './disk-state.js';
import { SimulatorError } from './faults.js';

/** One thing that happened on a recorded disk. `file` numbers files, which keep their number when they are renamed. */
export type RecordedOperation =
  | { readonly type: 'makeDirectory' | 'remove' | 'syncDirectory'; readonly path: string }
  | { readonly type: 'create' | 'open' | 'createOrEmpty'; readonly path: string; readonly file: number }
  | { readonly type: 'rename'; readonly path: string; readonly to: string }
  /** Null bytes: that many zeros. */
  | { readonly type: 'write'; readonly file: number; readonly position: number; readonly length: number; readonly bytes: Uint8Array | null }
  | { readonly type: 'sync' | 'syncFailed'; readonly file: number }
  | { readonly type: 'truncate'; readonly file: number; readonly length: number };

/** What a `RecordingDisk` records and where it begins. */
export interface RecordingDiskOptions {
  /** What the disk held when the recording began. Default: nothing. */
  readonly initial?: DiskImage;
  /** Bytes of writes that are kept, zeros not counted; the recording stops there. Default 512 MiB. */
  readonly recordedBytesMax?: number;
}

/** One state that a power cut could have left, and when. */
export interface CrashImage {
  readonly image: DiskImage;
  /** Operations that had happened. */
  readonly atOperation: number;
  /** Marks that had been set: the first so many of `RecordingDisk.marks`. */
  readonly marks: number;
}

/**
 * Any disk, with everything that is written to it recorded in order, so that the states can be made that a power cut at any moment could
 * have left. A write counts from the moment it was asked for (any part of it may be on the medium), a sync only once it has succeeded.
 */
export class RecordingDisk implements Disk {
  readonly #inner: Disk;
  readonly #initial: DiskImage;
  readonly #bytesMax: number;
  readonly #operations: RecordedOperation[] = [];
  readonly #marks: { readonly label: string; readonly atOperation: number }[] = [];
  readonly #fileNumbers = new Map<string, number>();
  #nextFile = 1;
  #bytes = 0;
  #isStopped = false;

  constructor(inner: Disk, options: RecordingDiskOptions = {}) {
    this.#inner = inner;
    this.#initial = options.initial ?? { directories: [], files: new Map() };
    this.#bytesMax = options.recordedBytesMax ?? 536_870_912;
  }

  get operations(): readonly RecordedOperation[] {
    return this.#operations;
  }
  /** Labels in the order they were set. */
  get marks(): readonly { readonly label: string; readonly atOperation: number }[] {
    return this.#marks;
  }
  /** Bytes kept. */
  get recordedBytes(): number {
    return this.#bytes;
  }
  /** True once the bound on recorded bytes was met: later operations are not in the recording, nor later marks. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Notes a moment, say "record 17 acknowledged": every crash image after it must hold what the label promises. */
  mark(label: string): void {
    if (!this.#isStopped) this.#marks.push({ label, atOperation: this.#operations.length });
  }

  list(directory: string): string[] {
    return this.#inner.list(directory);
  }

  makeDirectory(directory: string): void {
    this.#inner.makeDirectory(directory);
    this.record({ type: 'makeDirectory', path: directory });
  }

  open(path: string, mode: 'create' | 'open' | 'read'): DiskFile {
    const inner = this.#inner.open(path, mode);
    if (mode === 'read') return inner;
    const file = mode === 'open' ? this.#fileNumbers.get(path) : undefined;
    return new RecordingFile(this, inner, file ?? this.#numbered(mode, path));
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to);
    this.#renamed(from, to);
  }

  removeNow(path: string): void {
    this.#inner.removeNow(path);
    this.#removed(path);
  }

  get isFreeing(): boolean {
    return this.#inner.isFreeing;
  }

  create(path: string, done: (fault: DiskFault | null, file: DiskFile | null) => void): void {
    this.#inner.create(path, (fault, inner) => {
      if (inner === null) return done(fault, null);
      const known = this.#fileNumbers.get(path);
      if (known !== undefined) this.record({ type: 'truncate', file: known, length: 0 });
      done(null, new RecordingFile(this, inner, known ?? this.#numbered('createOrEmpty', path)));
    });
  }

  /** Recorded as two operations when it is done: a power cut in between may find either name. */
  putInPlace(from: string, to: string, done: DiskDone): void {
    this.#inner.putInPlace(from, to, (fault) => {
      if (fault === null || fault.operation === 'syncDirectory') this.#renamed(from, to);
      if (fault === null) this.record({ type: 'syncDirectory', path: parentOf(to) });
      done(fault);
    });
  }

  remove(path: string, done: DiskDone): void {
    this.#inner.remove(path, (fault) => {
      if (fault === null) this.#removed(path);
      done(fault);
    });
  }

  syncDirectory(directory: string): void {
    this.#inner.syncDirectory(directory);
    this.record({ type: 'syncDirectory', path: directory });
  }

  lock(done: (error: Error | null, release: () => void) => void): void {
    this.#inner.lock(done);
  }

  /** Adds to the recording; for the files of this disk. */
  record(operation: RecordedOperation): void {
    if (this.#isStopped) return;
    this.#operations.push(operation);
    if (operation.type === 'write' && operation.bytes !== null) this.#bytes += operation.bytes.length;
    this.#isStopped = this.#bytes > this.#bytesMax;
  }

  /** The state that a power cut after the first `atOperation` operations (default: a random number) could have left. */
  crashImage(options: { readonly random: Random; readonly atOperation?: number } & PowerCutOptions): CrashImage {
    const { random, atOperation = randomBetween(random, 0, this.#operations.length), ...power } = options;
    const replay = new Replay(this.#initial, this.#operations);
    replay.advance(atOperation);
    return { image: replay.state.powerCutImage(random, power), atOperation, marks: this.#marksBefore(atOperation) };
  }

  /** `count` such states at random moments in order of time, in one pass over the recording. */
  *crashImages(options: { readonly random: Random; readonly count: number } & PowerCutOptions): IterableIterator<CrashImage> {
    const { random, count, ...power } = options;
    const moments = Array.from({ length: count }, () => randomBetween(random, 0, this.#operations.length)).sort((a, b) => a - b);
    const replay = new Replay(this.#initial, this.#operations);
    for (const atOperation of moments) {
      replay.advance(atOperation);
      yield { image: replay.state.powerCutImage(random, power), atOperation, marks: this.#marksBefore(atOperation) };
    }
  }

  #numbered(type: 'create' | 'open' | 'createOrEmpty', path: string): number {
    const file = this.#nextFile++;
    this.#fileNumbers.set(path, file);
    this.record({ type, path, file });
    return file;
  }

  #renamed(from: string, to: string): void {
    this.record({ type: 'rename', path: from, to });
    const file = this.#fileNumbers.get(from);
    this.#fileNumbers.delete(from);
    if (file === undefined) this.#fileNumbers.delete(to);
    else this.#fileNumbers.set(to, file);
  }

  #removed(path: string): void {
    this.record({ type: 'remove', path });
    this.#fileNumbers.delete(path);
  }

  #marksBefore(atOperation: number): number {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.atOperation ?? 0) <= atOperation) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

class RecordingFile implements DiskFile {
  readonly #disk: RecordingDisk;
  readonly #inner: DiskFile;
  readonly #file: number;

  constructor(disk: RecordingDisk, inner: DiskFile, file: number) {
    this.#disk = disk;
    this.#inner = inner;
    this.#file = file;
  }

  size(): number {
    return this.#inner.size();
  }
  readNow(position: number, length: number): Uint8Array {
    return this.#inner.readNow(position, length);
  }
  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void {
    this.#inner.read(position, into, done);
  }
  close(): void {
    this.#inner.close();
  }

  writeNow(position: number, parts: readonly Uint8Array[]): void {
    this.#recordWrite(position, parts);
    try {
      this.#inner.writeNow(position, parts);
    } catch (thrown) {
      this.#recordWhatIsThere(position, parts);
      throw thrown;
    }
  }

  syncNow(): void {
    try {
      this.#inner.syncNow();
    } catch (thrown) {
      this.#disk.record({ type: 'syncFailed', file: this.#file });
      throw thrown;
    }
    this.#disk.record({ type: 'sync', file: this.#file });
  }

  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void {
    this.#recordWrite(position, parts);
    this.#inner.write(position, parts, (error) => {
      if (error !== null) this.#recordWhatIsThere(position, parts);
      done(error);
    });
  }

  sync(done: DiskDone): void {
    this.#inner.sync((error) => {
      this.#disk.record({ type: error === null ? 'sync' : 'syncFailed', file: this.#file });
      done(error);
    });
  }

  #recordWrite(position: number, parts: readonly Uint8Array[]): void {
    const length = lengthOfParts(parts);
    if (length === 0 || this.#disk.isStopped) return;
    // A copy: the caller may use the parts again once the write completed.
    const bytes = parts.every(isZero) ? null : concatBytes(parts).slice();
    this.#disk.record({ type: 'write', file: this.#file, position, length, bytes });
  }

  /** After a failed write only a part of it is there, and a later sync covers that part. */
  #recordWhatIsThere(position: number, parts: readonly Uint8Array[]): void {
    const length = lengthOfParts(parts);
    try {
      const bytes = this.#inner.readNow(position, length);
      if (bytes.length > 0) this.#disk.record({ type: 'write', file: this.#file, position, length: bytes.length, bytes });
      this.#disk.record({ type: 'truncate', file: this.#file, length: this.#inner.size() });
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
    }
  }
}

/** Does the recorded operations over again, on a disk that knows what is durable. */
class Replay {
  readonly state: DiskState;
  readonly #operations: readonly RecordedOperation[];
  readonly #files = new Map<number, FileState>();
  #at = 0;
  #zeros = new Uint8Array(0);

  constructor(initial: DiskImage, operations: readonly RecordedOperation[]) {
    this.state = DiskState.fromImage(initial);
    this.#operations = operations;
  }

  advance(atOperation: number): void {
    for (; this.#at < Math.min(atOperation, this.#operations.length); this.#at++)
      this.#perform(this.#operations[this.#at] as RecordedOperation);
  }

  #perform(operation: RecordedOperation): void {
    switch (operation.type) {
      case 'makeDirectory':
        return this.state.makeDirectory(operation.path);
      case 'remove':
        return this.state.remove(operation.path);
      case 'syncDirectory':
        return this.state.syncDirectory(operation.path);
      case 'rename':
        return this.state.rename(operation.path, operation.to);
      case 'create':
        this.#files.set(operation.file, this.state.create(operation.path));
        return;
      case 'open':
        this.#files.set(operation.file, this.state.find(operation.path));
        return;
      case 'createOrEmpty':
        this.#files.set(operation.file, this.state.createOrEmpty(operation.path));
        return;
      case 'write':
        return this.#file(operation.file).write(operation.position, operation.bytes ?? this.#zerosOf(operation.length));
      case 'sync':
        return this.#file(operation.file).sync();
      case 'syncFailed':
        return this.#file(operation.file).failSync();
      case 'truncate':
        return this.#file(operation.file).truncate(operation.length);
    }
  }

  #zerosOf(length: number): Uint8Array {
    if (this.#zeros.length < length) this.#zeros = new Uint8Array(length);
    return this.#zeros.subarray(0, length);
  }

  #file(file: number): FileState {
    const state = this.#files.get(file);
    if (state === undefined) throw new SimulatorError(`recording is broken: file ${file} was never opened`);
    return state;
  }
}
