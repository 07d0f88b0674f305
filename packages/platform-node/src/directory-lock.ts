import { closeSync, constants, mkdirSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { QuorateError } from '@quorate/base';

/*
 * The lock of a data directory is an object of the operating system that goes when the process goes, however it ends:
 *
 *   Linux, Android  an abstract unix socket named after device and inode of the directory. It has no file and is freed when the last thread of
 *                   the process is gone, so after a SIGKILL not before a write that is still under way in the kernel has ended.
 *                   Abstract names belong to a network namespace: containers that share a directory but not the network do not see each
 *                   other's lock.
 *   Windows         a named pipe, named the same way
 *   macOS, BSD      a lock on the open file `.lock` (O_EXLOCK). The file stays; the lock does not.
 */

/** Name of the file that carries the lock on macOS and BSD; no listing shows it. */
export const LOCK_FILE = '.lock';

type LockDone = (error: Error | null, release: () => void) => void;

/** `open` flag of macOS and the BSDs that Node's constants lack: take an exclusive lock that lives as long as the open file. */
const O_EXLOCK = 0x20;
const FILE_LOCK_PLATFORMS: readonly string[] = ['darwin', 'freebsd', 'openbsd', 'netbsd'];

/** Takes the lock; creates the directory if it is missing. `done` is called once, later; a held lock gives `directoryInUse`. */
export function lockDirectory(root: string, done: LockDone): void {
  try {
    mkdirSync(root, { recursive: true });
    const { dev, ino } = statSync(root, { bigint: true });
    const name = `quorate-${dev.toString(16)}-${ino.toString(16)}`;
    if (process.platform === 'linux' || process.platform === 'android') lockBySocket(root, `\0${name}`, done);
    else if (process.platform === 'win32') lockBySocket(root, `\\\\.\\pipe\\${name}`, done);
    else if (FILE_LOCK_PLATFORMS.includes(process.platform)) lockByFile(root, done);
    else throw new Error(`no lock that dies with its process is known on ${process.platform}`);
  } catch (cause) {
    setImmediate(() => done(lockFault(root, cause), () => {}));
  }
}

function lockBySocket(root: string, path: string, done: LockDone): void {
  const server = createServer((socket) => socket.destroy());
  const failed = (cause: Error): void => done(lockFault(root, cause), () => {});
  server.once('error', failed);
  server.listen({ path, exclusive: true }, () => {
    server.removeListener('error', failed);
    // Whoever connects to it makes no difference, and neither does a failure to accept them.
    server.on('error', () => {});
    server.unref();
    done(null, () => server.close());
  });
}

function lockByFile(root: string, done: LockDone): void {
  const fd = openSync(
    join(root, LOCK_FILE),
    constants.O_RDWR | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW | O_EXLOCK,
    0o666,
  );
  let isHeld = true;
  setImmediate(() =>
    done(null, () => {
      if (isHeld) closeSync(fd);
      isHeld = false;
    }),
  );
}

function lockFault(root: string, cause: unknown): QuorateError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EADDRINUSE' || code === 'EAGAIN' || code === 'EWOULDBLOCK') {
    return new QuorateError('directoryInUse', `the directory ${root} is in use by another node`, { directory: root }, { cause });
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return new QuorateError('diskFailed', `cannot lock the directory ${root}: ${text}`, { directory: root }, { cause });
}
