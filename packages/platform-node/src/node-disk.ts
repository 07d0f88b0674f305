import {
  close,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  read,
  readSync,
  readdirSync,
  rename,
  renameSync,
  unlink,
  unlinkSync,
  writev,
  writevSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type Disk, type DiskDone, DiskFault, type DiskFaultKind, type DiskFile, invariant } from '@quorate/base';
import { LOCK_FILE, lockDirectory } from './directory-lock.js';
import { SpaceReturn } from './space-return.js';

const OPEN_FLAGS = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  open: constants.O_RDWR,
  read: constants.O_RDONLY,
} as const;
const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC;
// Undefined on Windows. O_NONBLOCK: a named pipe in place of a file must not hang the process; regular files do not know it.
const SAFE_FLAGS = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * A directory of the local file system. Files are opened without following a symbolic link in their last part, and no path leads out of the
 * root by its own text. Folders and files are made readable and writable for their owner, and otherwise as the process's umask says.
 */
export class NodeDisk implements Disk {
  /** Absolute path of the root folder. It need not exist yet: `makeDirectory` and `lock` create it. */
  readonly root: string;
  readonly #space: SpaceReturn;

  constructor(root: string) {
    this.root = resolve(root);
    this.#space = new SpaceReturn(this.root);
  }

  list(directory: string): string[] {
    const path = this.#path('list', directory);
    try {
      return readdirSync(path)
        .filter((name) => directory !== '' || name !== LOCK_FILE)
        .sort();
    } catch (cause) {
      const fault = diskFault('list', directory, cause);
      if (fault.kind === 'missing') return [];
      throw fault;
    }
  }

  makeDirectory(directory: string): void {
    attempt('makeDirectory', directory, () => mkdirSync(this.#path('makeDirectory', directory), { recursive: true }));
  }

  open(path: string, mode: 'create' | 'open' | 'read'): DiskFile {
    return attempt('open', path, () => {
      const fd = openSync(this.#path('open', path), OPEN_FLAGS[mode] | SAFE_FLAGS, 0o666);
      if (!fstatSync(fd).isFile()) {
        closeSync(fd);
        throw new Error('not a regular file');
      }
      return new NodeFile(fd, path);
    });
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => renameSync(this.#path('rename', from), this.#path('rename', to)));
  }

  removeNow(path: string): void {
    attempt('remove', path, () => unlinkSync(this.#path('remove', path)));
  }

  syncDirectory(directory: string): void {
    const path = this.#path('syncDirectory', directory);
    // Windows cannot open a folder to sync it; its file system journals names by itself.
    if (process.platform === 'win32') return;
    attempt('syncDirectory', directory, () => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }

  create(path: string, done: (fault: DiskFault | null, file: DiskFile | null) => void): void {
    const failed = (cause: unknown): void => done(diskFault('create', path, cause), null);
    refusedLater(failed, () =>
      open(this.#path('create', path), CREATE_FLAGS | SAFE_FLAGS, 0o666, (cause, fd) => {
        if (cause !== null) return failed(cause);
        if (fstatSync(fd).isFile()) return done(null, new NodeFile(fd, path));
        return close(fd, () => failed(new Error('not a regular file')));
      }),
    );
  }

  putInPlace(from: string, to: string, done: DiskDone): void {
    const folder = to.slice(0, Math.max(0, to.lastIndexOf('/')));
    refusedLater(
      (cause) => done(diskFault('rename', from, cause)),
      () => {
        const folderPath = this.#path('syncDirectory', folder);
        rename(this.#path('rename', from), this.#path('rename', to), (cause) => {
          if (cause !== null) return done(diskFault('rename', from, cause));
          // Not even "no space" is tried again: after a failed sync nobody knows what is durable.
          return syncFolder(folderPath, (syncCause) =>
            done(syncCause === null ? null : new DiskFault('io', 'syncDirectory', folder === '' ? '.' : folder, { cause: syncCause })),
          );
        });
      },
    );
  }

  remove(path: string, done: DiskDone): void {
    const ended = (cause: unknown): void => done(cause === null ? null : diskFault('remove', path, cause));
    refusedLater(ended, () => {
      const name = this.#path('remove', path);
      // Held open, the file keeps its blocks: the name alone is gone at once. What cannot be opened is no file of ours, or goes as a whole.
      open(name, OPEN_FLAGS.open | SAFE_FLAGS, (openCause, fd) =>
        unlink(name, (cause) => {
          if (openCause === null) this.#space.take(fd);
          ended(cause);
        }),
      );
    });
  }

  get isFreeing(): boolean {
    return this.#space.isAtWork;
  }

  lock(done: (error: Error | null, release: () => void) => void): void {
    lockDirectory(this.root, done);
  }

  #path(operation: string, path: string): string {
    if (path === '') return this.root;
    if (path.split('/').some((part) => part === '' || part === '.' || part === '..' || part.includes('\\') || part.includes('\0'))) {
      throw new DiskFault('io', operation, path, { cause: new Error('not a path below the root') });
    }
    return join(this.root, path);
  }
}

class NodeFile implements DiskFile {
  readonly #path: string;
  /** -1 once closed: every later call then fails. */
  #fd: number;
  #isBusy = false;
  #isCloseWanted = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  size(): number {
    return attempt('size', this.#path, () => fstatSync(this.#fd).size);
  }

  readNow(position: number, length: number): Uint8Array {
    return attempt('read', this.#path, () => {
      // Never reserves more than there is to read.
      const available = Math.max(0, Math.min(length, fstatSync(this.#fd).size - position));
      const bytes = new Uint8Array(available);
      let at = 0;
      while (at < available) {
        const count = readSync(this.#fd, bytes, at, available - at, position + at);
        if (count === 0) return bytes.slice(0, at);
        at += count;
      }
      return bytes;
    });
  }

  writeNow(position: number, parts: readonly Uint8Array[]): void {
    attempt('write', this.#path, () => {
      let rest = withoutEmpty(parts);
      let at = position;
      while (rest.length > 0) {
        const count = writevSync(this.#fd, rest, at);
        if (count === 0) throw new Error('the system wrote nothing');
        at += count;
        rest = dropBytes(rest, count);
      }
    });
  }

  syncNow(): void {
    attempt('sync', this.#path, () => fdatasyncSync(this.#fd));
  }

  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void {
    this.#begin('write');
    this.#writeRest(position, withoutEmpty(parts), done);
  }

  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void {
    this.#begin('read');
    this.#readRest(position, into, 0, done);
  }

  sync(done: DiskDone): void {
    this.#begin('sync');
    this.#try('sync', done, () => fdatasync(this.#fd, (cause) => this.#end('sync', cause, done)));
  }

  /**
   * While a call is under way the file is closed after it: the number of a closed file may already name another one. The last close
   * of a file whose name is gone gives its space back, which takes its time: never in this thread.
   */
  close(): void {
    if (this.#isBusy) {
      this.#isCloseWanted = true;
      return;
    }
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0) close(fd, () => {});
  }

  #readRest(position: number, into: Uint8Array, from: number, done: (fault: DiskFault | null, bytes: number) => void): void {
    const ended: DiskDone = (fault) => done(fault, fault === null ? from : 0);
    if (from === into.length) {
      setImmediate(() => this.#end('read', null, ended));
      return;
    }
    this.#try('read', ended, () =>
      read(this.#fd, into, from, into.length - from, position + from, (cause, count) => {
        if (cause !== null) return this.#end('read', cause, ended);
        const at = from + count;
        if (count > 0 && at < into.length) return this.#readRest(position, into, at, done);
        return this.#end('read', null, () => done(null, at));
      }),
    );
  }

  #writeRest(position: number, rest: readonly Uint8Array[], done: DiskDone): void {
    if (rest.length === 0) {
      setImmediate(() => this.#end('write', null, done));
      return;
    }
    this.#try('write', done, () =>
      writev(this.#fd, rest as Uint8Array[], position, (cause, count) => {
        if (cause !== null) return this.#end('write', cause, done);
        if (count === 0) return this.#end('write', new Error('the system wrote nothing'), done);
        const left = dropBytes(rest, count);
        if (left.length === 0) return this.#end('write', null, done);
        return this.#writeRest(position + count, left, done);
      }),
    );
  }

  #begin(operation: string): void {
    invariant(!this.#isBusy, 'one read, write or sync at a time per file', { operation, file: this.#path });
    this.#isBusy = true;
  }

  /** Node refuses some calls at once (a closed file): told by the callback like everything else. */
  #try(operation: string, done: DiskDone, start: () => void): void {
    try {
      start();
    } catch (thrown) {
      setImmediate(() => this.#end(operation, thrown, done));
    }
  }

  #end(operation: string, cause: unknown, done: DiskDone): void {
    this.#isBusy = false;
    if (this.#isCloseWanted) {
      this.#isCloseWanted = false;
      this.close();
    }
    done(cause === null ? null : diskFault(operation, this.#path, cause));
  }
}

/** A call that Node or the check of a path refuses at once: told later, like everything else. */
function refusedLater(refused: (cause: unknown) => void, start: () => void): void {
  try {
    start();
  } catch (thrown) {
    setImmediate(() => refused(thrown));
  }
}

function syncFolder(path: string, done: (cause: unknown) => void): void {
  // Windows cannot open a folder to sync it; its file system journals names by itself.
  if (process.platform === 'win32') return done(null);
  open(path, constants.O_RDONLY | constants.O_DIRECTORY, (openCause, fd) => {
    if (openCause !== null) return done(openCause);
    fsync(fd, (cause) => close(fd, () => done(cause)));
  });
}

function withoutEmpty(parts: readonly Uint8Array[]): Uint8Array[] {
  return parts.filter((part) => part.length > 0);
}

/** What is left of `parts` after their first `count` bytes. */
function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as Uint8Array;
    if (left < part.length) return [part.subarray(left), ...parts.slice(i + 1)];
    left -= part.length;
  }
  return [];
}

const FAULT_KINDS: Readonly<Record<string, DiskFaultKind>> = { ENOSPC: 'full', EDQUOT: 'full', ENOENT: 'missing', EEXIST: 'exists' };

function diskFault(operation: string, path: string, cause: unknown): DiskFault {
  if (cause instanceof DiskFault) return cause;
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? '';
  return new DiskFault(FAULT_KINDS[code] ?? 'io', operation, path === '' ? '.' : path, { cause });
}

function attempt<T>(operation: string, path: string, act: () => T): T {
  try {
    return act();
  } catch (thrown) {
    throw diskFault(operation, path, thrown);
  }
}
