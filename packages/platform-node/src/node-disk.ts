import {
  close,
  closeSync,
  constants,
  fstatSync,
  fsync,
  fsyncSync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  rename,
  renameSync,
  unlink,
  unlinkSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { type Disk, type DiskDone, DiskFault, type DiskFile } from '@quorate/base';
import { DirectWrites } from './direct-writes.js';
import { LOCK_FILE, lockDirectory } from './directory-lock.js';
import { attempt, diskFault } from './disk-faults.js';
import { NodeFile } from './node-file.js';
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
  /** Tried with the first write that it is for: who only reads a folder leaves nothing in it. */
  readonly #direct = (): DirectWrites | null => {
    if (this.#directWrites === undefined) this.#directWrites = DirectWrites.on(this.root);
    return this.#directWrites ?? null;
  };
  /** Undefined until it was tried. */
  #directWrites: DirectWrites | null | undefined;

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
      return new NodeFile(fd, path, this.#direct);
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
        if (fstatSync(fd).isFile()) return done(null, new NodeFile(fd, path, this.#direct));
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
