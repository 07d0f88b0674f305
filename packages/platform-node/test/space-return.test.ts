import assert from 'node:assert/strict';
import fs, {
  closeSync,
  existsSync,
  fstatSync,
  linkSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { NodeDisk } from '@quorate/platform-node';

const folders: string[] = [];

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A disk with a file `big` of so many bytes, and a descriptor that sees what is left of it once it has no name. */
function diskWith(bytes: number): { folder: string; disk: NodeDisk; fd: number } {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-space-'));
  folders.push(folder);
  writeFileSync(join(folder, 'big'), '');
  truncateSync(join(folder, 'big'), bytes);
  return { folder, disk: new NodeDisk(folder), fd: openSync(join(folder, 'big'), 'r') };
}

const remove = (disk: NodeDisk, path: string): Promise<void> =>
  new Promise((resolve, reject) => disk.remove(path, (fault) => (fault === null ? resolve() : reject(fault))));

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** Waits until no more is left than what goes with the descriptor. */
async function untilGiven(fd: number): Promise<number> {
  const sinceMs = performance.now();
  let least = fstatSync(fd).size;
  while (least > 4_194_304) {
    await turn();
    const { size } = fstatSync(fd);
    assert.ok(least - size <= 33_554_432, 'never much at a time');
    least = size;
  }
  closeSync(fd);
  return performance.now() - sinceMs;
}

test('space of a large removed file: its name is gone at once → its space comes back in slices with pauses', async () => {
  const { folder, disk, fd } = diskWith(64_000_000);
  await remove(disk, 'big');
  assert.ok(!existsSync(join(folder, 'big')));
  assert.ok(fstatSync(fd).size > 32_000_000, 'not as a whole');
  writeFileSync(join(folder, 'small'), 'x');
  await remove(disk, 'small');
  const ms = await untilGiven(fd);
  assert.ok(ms > 600, `${ms} ms: syncs of others, and a host that gets the memory, have time`);
});

test('space of a large removed file: the file system has less room than what waits → no pauses', async () => {
  const { statfs } = fs;
  try {
    Object.assign(fs, {
      statfs: (path: string, done: (cause: Error | null, room: object) => void) =>
        statfs(path, (cause, room) => done(cause, { bsize: room.bsize, bavail: 1 })),
    });
    syncBuiltinESMExports();
    const { disk, fd } = diskWith(800_000_000);
    await remove(disk, 'big');
    const ms = await untilGiven(fd);
    assert.ok(ms < 8000, `${ms} ms; with pauses 12 s`);
  } finally {
    Object.assign(fs, { statfs });
    syncBuiltinESMExports();
  }
});

test('space of a removed file that has another name, a copy made by linking → the copy keeps its content', async () => {
  const { folder, disk, fd } = diskWith(40_000_000);
  linkSync(join(folder, 'big'), join(folder, 'copy'));
  await remove(disk, 'big');
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(statSync(join(folder, 'copy')).size, 40_000_000);
  closeSync(fd);
});

test('space of very many removed files at once → all descriptors are closed in the end', {
  skip: process.platform !== 'linux',
}, async () => {
  const { folder, disk, fd } = diskWith(1);
  const names = Array.from({ length: 400 }, (_, at) => `file${at}`);
  for (const name of names) {
    writeFileSync(join(folder, name), '');
    truncateSync(join(folder, name), 65_536);
  }
  await Promise.all(names.map((name) => remove(disk, name)));
  const open = (): number => fs.readdirSync('/proc/self/fd').filter((name) => isIn(folder, name)).length;
  while (open() > 1) await turn();
  closeSync(fd);
});

function isIn(folder: string, descriptor: string): boolean {
  try {
    return fs.readlinkSync(`/proc/self/fd/${descriptor}`).startsWith(folder);
  } catch {
    return false;
  }
}
