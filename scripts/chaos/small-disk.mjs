// A small file system of its own for each node, which can be filled up and given space again.
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const MIB = 1_048_576;
const FILLER = 'filler';

function run(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${(error?.message ?? stderr).trim()}`);
}

/** An ext4 file system in a file, mounted. */
export class SmallDisk {
  /** Where it is mounted. */
  path;
  #image;

  /** Why this machine cannot do it; null if it can. */
  static impossible(directory) {
    if (process.platform !== 'linux') return 'needs Linux';
    if (process.getuid?.() !== 0) return 'needs root';
    try {
      const probe = new SmallDisk(directory, 'probe', 16);
      probe.remove();
      return null;
    } catch (error) {
      return error.message;
    }
  }

  constructor(directory, name, mebibytes) {
    this.#image = join(directory, `${name}.image`);
    this.path = join(directory, name);
    mkdirSync(this.path, { recursive: true });
    const fd = openSync(this.#image, 'w');
    ftruncateSync(fd, mebibytes * MIB);
    closeSync(fd);
    run('mkfs.ext4', '-q', '-F', '-m', '0', this.#image);
    run('mount', '-o', 'loop', this.#image, this.path);
  }

  /** Takes all space but `leaveBytes`. */
  fill(leaveBytes) {
    const { bavail, bsize } = statfsSync(this.path);
    let left = bavail * bsize - leaveBytes;
    if (left <= 0) return;
    const filler = join(this.path, FILLER);
    // At once, where the command is there.
    if (spawnSync('fallocate', ['-l', String(left), filler], { stdio: 'ignore' }).status === 0) return;
    const block = Buffer.alloc(MIB, 0xee);
    const fd = openSync(filler, 'w');
    try {
      while (left > 0) left -= writeSync(fd, block, 0, Math.min(left, MIB));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    } finally {
      closeSync(fd);
    }
  }

  /** Gives the space back. */
  free() {
    rmSync(join(this.path, FILLER), { force: true });
  }

  remove() {
    // The processes on it have ended; a busy one is detached when its last file is closed.
    if (spawnSync('umount', [this.path], { stdio: 'ignore' }).status !== 0) spawnSync('umount', ['-l', this.path], { stdio: 'ignore' });
    rmSync(this.#image, { force: true });
  }
}
