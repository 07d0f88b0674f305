import { type Disk, type DiskDone, DiskFault, type DiskFile, QuorateError } from '@quorate/base';

interface Content {
  bytes: Uint8Array;
  length: number;
}

/** How a memory disk calls back: at the end of the turn, in order of calls. `Timers.defer` fits. */
export interface MemoryDiskOptions {
  readonly defer: (callback: () => void) => void;
}

/**
 * A disk in memory. What is written is durable at once, nothing ever fails, and several storages may be opened on it one after another.
 * For programs that want no files, and for tests that inject no faults.
 */
export class MemoryDisk implements Disk {
  readonly isFreeing = false;
  readonly #files = new Map<string, Content>();
  readonly #directories = new Set<string>(['']);
  readonly #defer: (callback: () => void) => void;
  #isLocked = false;

  constructor(options: MemoryDiskOptions) {
    this.#defer = options.defer;
  }

  list(directory: string): string[] {
    const names = new Set<string>();
    const prefix = directory === '' ? '' : `${directory}/`;
    for (const path of [...this.#files.keys(), ...this.#directories]) {
      if (path === '' || !path.startsWith(prefix) || path === directory) continue;
      const rest = path.slice(prefix.length);
      if (!rest.includes('/')) names.add(rest);
    }
    return [...names].sort();
  }

  makeDirectory(directory: string): void {
    let path = '';
    for (const part of directory.split('/')) {
      path = path === '' ? part : `${path}/${part}`;
      if (this.#files.has(path)) throw new DiskFault('exists', 'makeDirectory', path);
      this.#directories.add(path);
    }
  }

  open(path: string, mode: 'create' | 'open' | 'read'): DiskFile {
    let content = this.#files.get(path);
    if (mode === 'create') {
      if (content !== undefined || this.#directories.has(path)) throw new DiskFault('exists', 'open', path);
      if (!this.#directories.has(folderOf(path))) throw new DiskFault('missing', 'open', path);
      content = { bytes: new Uint8Array(0), length: 0 };
      this.#files.set(path, content);
    }
    if (content === undefined) throw new DiskFault('missing', 'open', path);
    return new MemoryFile(path, content, mode !== 'read', this.#defer);
  }

  rename(from: string, to: string): void {
    const content = this.#files.get(from);
    if (content === undefined || !this.#directories.has(folderOf(to))) throw new DiskFault('missing', 'rename', from);
    this.#files.delete(from);
    this.#files.set(to, content);
  }

  removeNow(path: string): void {
    if (!this.#files.delete(path)) throw new DiskFault('missing', 'remove', path);
  }

  create(path: string, done: (fault: DiskFault | null, file: DiskFile | null) => void): void {
    let file: DiskFile | null = null;
    completeLater(
      this.#defer,
      () => {
        const content = this.#files.get(path);
        if (content !== undefined) Object.assign(content, { bytes: new Uint8Array(0), length: 0 });
        file = this.open(path, content === undefined ? 'create' : 'open');
      },
      (fault) => done(fault, file),
    );
  }

  putInPlace(from: string, to: string, done: DiskDone): void {
    completeLater(this.#defer, () => this.rename(from, to), done);
  }

  remove(path: string, done: DiskDone): void {
    completeLater(this.#defer, () => this.removeNow(path), done);
  }

  syncDirectory(directory: string): void {
    if (!this.#directories.has(directory)) throw new DiskFault('missing', 'syncDirectory', directory);
  }

  lock(done: (error: Error | null, release: () => void) => void): void {
    if (this.#isLocked) {
      this.#defer(() => done(new QuorateError('directoryInUse', 'the memory disk is in use'), () => {}));
      return;
    }
    this.#isLocked = true;
    let isMine = true;
    this.#defer(() =>
      done(null, () => {
        if (isMine) this.#isLocked = false;
        isMine = false;
      }),
    );
  }
}

class MemoryFile implements DiskFile {
  readonly #path: string;
  readonly #content: Content;
  readonly #isWritable: boolean;
  readonly #defer: (callback: () => void) => void;
  #isOpen = true;

  constructor(path: string, content: Content, isWritable: boolean, defer: (callback: () => void) => void) {
    this.#path = path;
    this.#content = content;
    this.#isWritable = isWritable;
    this.#defer = defer;
  }

  size(): number {
    return this.#content.length;
  }

  readNow(position: number, length: number): Uint8Array {
    this.#check('read', false);
    return this.#content.bytes.slice(position, Math.min(this.#content.length, position + length));
  }

  writeNow(position: number, parts: readonly Uint8Array[]): void {
    this.#check('write', true);
    let at = position;
    for (const part of parts) {
      this.#grow(at + part.length);
      this.#content.bytes.set(part, at);
      at += part.length;
    }
  }

  syncNow(): void {
    this.#check('sync', true);
  }

  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void {
    completeLater(this.#defer, () => this.writeNow(position, parts), done);
  }

  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void {
    let bytes = 0;
    const fill = (): void => {
      const content = this.readNow(position, into.length);
      into.set(content);
      bytes = content.length;
    };
    completeLater(this.#defer, fill, (fault) => done(fault, bytes));
  }

  sync(done: DiskDone): void {
    completeLater(this.#defer, () => this.syncNow(), done);
  }

  close(): void {
    this.#isOpen = false;
  }

  #check(operation: string, isWrite: boolean): void {
    if (!this.#isOpen || (isWrite && !this.#isWritable)) {
      const why = this.#isOpen ? 'the file is open for reading only' : 'the file is closed';
      throw new DiskFault('io', operation, this.#path, { cause: new Error(why) });
    }
  }

  #grow(length: number): void {
    const content = this.#content;
    if (length <= content.length) return;
    if (length > content.bytes.length) {
      const grown = new Uint8Array(Math.max(length, content.bytes.length * 2));
      grown.set(content.bytes.subarray(0, content.length));
      content.bytes = grown;
    }
    content.length = length;
  }
}

/** Does the work at once and tells of it later. */
function completeLater(defer: (callback: () => void) => void, work: () => void, done: DiskDone): void {
  let fault: DiskFault | null = null;
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof DiskFault)) throw thrown;
    fault = thrown;
  }
  defer(() => done(fault));
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}
