import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { DiskFault, type DiskFaultKind, fromUtf8, utf8 } from '@quorate/base';
import { NodeDisk } from '@quorate/platform-node';
import { diskCompliance } from '@quorate/storage';

const folders: string[] = [];

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-disk-'));
  folders.push(folder);
  return folder;
}

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function isFault(kind: DiskFaultKind, pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof DiskFault && error.kind === kind && pattern.test(error.message);
}

for (const diskCase of diskCompliance()) {
  test(`node disk: ${diskCase.title}`, async () => {
    await new Promise<void>((resolve, reject) =>
      diskCase.run(new NodeDisk(freshFolder()), (error) => (error === null ? resolve() : reject(error))),
    );
  });
}

test('node disk: paths that lead elsewhere → refused by every call, nothing touched', () => {
  const folder = freshFolder();
  const disk = new NodeDisk(join(folder, 'root'));
  disk.makeDirectory('');
  writeFileSync(join(folder, 'outside'), 'x');
  for (const path of ['../outside', 'a/../../outside', '/etc/passwd', './x', 'a//b', 'a/', '..', 'x\0y', 'a\\b']) {
    for (const act of [
      () => disk.open(path, 'open'),
      () => disk.removeNow(path),
      () => disk.rename(path, 'x'),
      () => disk.rename('x', path),
      () => disk.list(path),
      () => disk.makeDirectory(path),
      () => disk.syncDirectory(path),
    ]) {
      assert.throws(act, isFault('io', /not a path below the root/), path);
    }
  }
  assert.equal(readFileSync(join(folder, 'outside'), 'utf8'), 'x');
});

test('node disk: paths that lead elsewhere, in calls that complete by callback → told by the callback, nothing touched', async () => {
  const folder = freshFolder();
  const disk = new NodeDisk(join(folder, 'root'));
  disk.makeDirectory('');
  writeFileSync(join(folder, 'outside'), 'x');
  writeFileSync(join(folder, 'root', 'x'), 'y');
  for (const path of ['../outside', '/etc/passwd', './x', 'a//b', '..', 'x\0y']) {
    const calls: ((done: (fault: DiskFault | null) => void) => void)[] = [
      (done) => disk.create(path, done),
      (done) => disk.remove(path, done),
      (done) => disk.putInPlace(path, 'x', done),
      (done) => disk.putInPlace('x', path, done),
    ];
    for (const call of calls) {
      let isWithin = true;
      const fault = await new Promise<DiskFault | null>((resolve, reject) => {
        call((told) => (isWithin ? reject(new Error('within the call')) : resolve(told)));
        isWithin = false;
      });
      assert.ok(isFault('io', /not a path below the root/)(fault), path);
    }
  }
  assert.deepEqual([readFileSync(join(folder, 'outside'), 'utf8'), readdirSync(join(folder, 'root'))], ['x', ['x']]);
});

const removed = (disk: NodeDisk, path: string): Promise<DiskFault | null> => new Promise((resolve) => disk.remove(path, resolve));

test('node disk: a link, or a folder, in the place of a file to remove → the link goes, its target stays; the folder is a fault', async () => {
  const folder = freshFolder();
  const disk = new NodeDisk(folder);
  writeFileSync(join(folder, 'real'), 'x');
  symlinkSync('real', join(folder, 'link'));
  mkdirSync(join(folder, 'folder'));
  assert.equal(await removed(disk, 'link'), null);
  assert.equal((await removed(disk, 'folder'))?.kind, 'io');
  assert.deepEqual(readdirSync(folder).sort(), ['folder', 'real']);
});

test('node disk: a symbolic link, a folder, a named pipe in place of a file → io fault, no hang', async () => {
  const folder = freshFolder();
  const disk = new NodeDisk(folder);
  writeFileSync(join(folder, 'real'), 'x');
  symlinkSync('real', join(folder, 'link'));
  mkdirSync(join(folder, 'folder'));
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  assert.throws(() => disk.open('link', 'open'), isFault('io', /open link: io .*ELOOP/));
  assert.throws(() => disk.open('folder', 'read'), isFault('io', /not a regular file/));
  assert.throws(() => disk.open('pipe', 'read'), isFault('io', /not a regular file/));
  for (const [path, why] of [
    ['link', /ELOOP/],
    ['folder', /EISDIR/],
    ['pipe', /not a regular file/],
  ] as const) {
    assert.ok(isFault('io', why)(await new Promise((resolve) => disk.create(path, resolve))), path);
  }
});

test('node disk: no space → fault of kind full, by both forms of write', { skip: process.platform !== 'linux' }, async () => {
  // /dev/full refuses every write with ENOSPC. The disk opens regular files only, so its descriptor is put in the place of an open file's.
  const folder = freshFolder();
  const script = `
    import { NodeDisk } from ${JSON.stringify(import.meta.resolve('@quorate/platform-node'))};
    import { closeSync, openSync } from 'node:fs';
    const file = new NodeDisk(${JSON.stringify(folder)}).open('f', 'create');
    const before = openSync('/dev/full', 'r+');
    closeSync(before);
    const fd = before - 1;
    closeSync(fd);
    if (openSync('/dev/full', 'r+') !== fd) throw new Error('descriptor ' + fd + ' was not free');
    try { file.writeNow(0, [new Uint8Array(10)]); } catch (fault) { console.log(fault.kind); }
    file.write(0, [new Uint8Array(10)], (fault) => console.log(fault.kind));
  `;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(printed, 'full\nfull\n');
});

test('node disk: more parts than one writev of the system takes → all written', () => {
  const disk = new NodeDisk(freshFolder());
  const file = disk.open('f', 'create');
  const parts = Array.from({ length: 5000 }, (_, i) => utf8(`${i},`));
  file.writeNow(3, parts);
  const expected = Buffer.concat(parts);
  assert.ok(Buffer.from(file.readNow(3, 1_000_000)).equals(expected));
  file.close();
});

test('node disk: more parts than one writev takes, by callback → all written', async () => {
  const disk = new NodeDisk(freshFolder());
  const file = disk.open('f', 'create');
  const parts = Array.from({ length: 5000 }, (_, i) => utf8(`${i},`));
  await new Promise<void>((resolve, reject) => file.write(0, parts, (fault) => (fault === null ? resolve() : reject(fault))));
  assert.ok(Buffer.from(file.readNow(0, 1_000_000)).equals(Buffer.concat(parts)));
  file.close();
});

test('node disk: a huge length asked for → no more reserved than the file has', () => {
  const disk = new NodeDisk(freshFolder());
  const file = disk.open('f', 'create');
  file.writeNow(0, [utf8('abc')]);
  assert.equal(file.readNow(1, Number.MAX_SAFE_INTEGER).length, 2);
  assert.equal(file.readNow(100, 5).length, 0);
  file.close();
});

test('node disk: closed while a write is under way → the write completes, then the file is closed', async () => {
  const folder = freshFolder();
  const disk = new NodeDisk(folder);
  const file = disk.open('f', 'create');
  const fault = await new Promise<DiskFault | null>((resolve) => {
    file.write(0, [new Uint8Array(1_000_000).fill(1)], resolve);
    file.close();
  });
  assert.equal(fault, null);
  assert.equal(readFileSync(join(folder, 'f')).length, 1_000_000);
  assert.throws(() => file.size(), isFault('io', /size f/));
  const late = await new Promise<DiskFault | null>((resolve) => file.sync(resolve));
  assert.equal(late?.kind, 'io');
});

test('node disk: the system gives less than was asked for → read on to the end, by callback', async (t) => {
  const disk = new NodeDisk(freshFolder());
  const file = disk.open('f', 'create');
  file.writeNow(0, [utf8('abcdefghij')]);
  const { read } = fs;
  const lengths: number[] = [];
  const short = (fd: number, into: Uint8Array, at: number, length: number, position: number, done: () => void): void => {
    lengths.push(length);
    read(fd, into, at, Math.min(length, 3), position, done);
  };
  fs.read = short as unknown as typeof read;
  syncBuiltinESMExports();
  t.after(() => {
    fs.read = read;
    syncBuiltinESMExports();
  });
  const into = new Uint8Array(20);
  const bytes = await new Promise<number>((resolve, reject) =>
    file.read(2, into, (fault, count) => (fault === null ? resolve(count) : reject(fault))),
  );
  assert.deepEqual([bytes, fromUtf8(into.subarray(0, bytes)), lengths], [8, 'cdefghij', [20, 17, 14, 12]]);
  file.close();
});

test('node disk: two calls at once to a file, a read and another → a broken invariant, told at once', async () => {
  const disk = new NodeDisk(freshFolder());
  const file = disk.open('f', 'create');
  const done = new Promise<void>((resolve) => file.read(0, new Uint8Array(1), () => resolve()));
  assert.throws(() => file.sync(() => {}), { code: 'invariantBroken' });
  await done;
  const synced = new Promise<void>((resolve) => file.sync(() => resolve()));
  assert.throws(() => file.read(0, new Uint8Array(1), () => {}), { code: 'invariantBroken' });
  await synced;
  file.close();
});

test('node disk: two writes at once to a file → a broken invariant, told at once', async () => {
  const file = new NodeDisk(freshFolder()).open('f', 'create');
  const first = new Promise<DiskFault | null>((resolve) => file.write(0, [utf8('a')], resolve));
  assert.throws(() => file.sync(() => {}), { code: 'invariantBroken' });
  assert.equal(await first, null);
  file.close();
});
