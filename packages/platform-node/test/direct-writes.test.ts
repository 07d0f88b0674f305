import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DiskFault, DiskFile } from '@quorate/base';
import { DirectFile, DirectWrites, NodeDisk } from '@quorate/platform-node';

const MIB = 1_048_576;

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-direct-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 9) + seed) & 0xff);
}

function cut(whole: Uint8Array, ...at: number[]): Uint8Array[] {
  return [0, ...at].map((from, i) => whole.subarray(from, at[i] ?? whole.length));
}

function written(file: DiskFile, position: number, parts: readonly Uint8Array[]): Promise<DiskFault | null> {
  return new Promise((resolve) => file.write(position, parts, resolve));
}

/** Writes in parts, at positions and of lengths that are multiples of a sector, and that are not. */
const WRITES: readonly (readonly [position: number, parts: readonly Uint8Array[]])[] = [
  [0, cut(bytes(4 * MIB, 1), 3, 512, 1_000_000, 1_500_000, 2 * MIB, 2 * MIB)],
  [512, cut(bytes(1024, 2), 1, 1000)],
  [1536, [bytes(512, 3)]],
  [3 * MIB - 512, cut(bytes(2 * MIB + 512, 4), 100_001)],
  [700, [bytes(512, 5)]],
  [4096, [bytes(700, 6)]],
  [9 * 512, [new Uint8Array(0), bytes(MIB, 7), new Uint8Array(0)]],
];

for (const isLater of [false, true]) {
  test(`disk: writes of every shape ${isLater ? 'by callback' : 'at once'} → what was written last is read, by other handles too, and after the file has another name`, async (t) => {
    const disk = new NodeDisk(folderOf(t));
    disk.makeDirectory('');
    const file = disk.open('a', 'create');
    const expected = new Uint8Array(5 * MIB);
    let end = 0;
    for (const [position, parts] of WRITES) {
      if (isLater) assert.equal(await written(file, position, parts), null);
      else file.writeNow(position, parts);
      const whole = Buffer.concat(parts);
      expected.set(whole, position);
      end = Math.max(end, position + whole.length);
      assert.ok(Buffer.from(file.readNow(position, whole.length)).equals(whole));
      if (position === 512) disk.rename('a', 'b');
    }
    file.syncNow();
    file.close();
    assert.ok(readFileSync(join(disk.root, 'b')).equals(Buffer.from(expected.subarray(0, end))));
    assert.deepEqual(readdirSync(disk.root), ['b']);
  });
}

test('disk: more large writes at a time than there is memory for → all of them arrive', async (t) => {
  const disk = new NodeDisk(folderOf(t));
  disk.makeDirectory('');
  const files = Array.from({ length: 9 }, (_, i) => disk.open(`f${i}`, 'create'));
  for (let round = 0; round < 2; round++) {
    const faults = await Promise.all(files.map((file, i) => written(file, 0, cut(bytes(2 * MIB, i + round), 5))));
    assert.ok(faults.every((fault) => fault === null));
  }
  for (const [i, file] of files.entries()) {
    assert.ok(Buffer.from(file.readNow(0, 2 * MIB)).equals(bytes(2 * MIB, i + 1)));
    file.close();
  }
});

/** A handle whose memory comes from `take`. */
function directFile(t: TestContext, writes: DirectWrites): { readonly file: DirectFile; readonly path: string } {
  const path = join(folderOf(t), 'f');
  const fd = openSync(path, 'w+');
  t.after(() => closeSync(fd));
  const file = DirectFile.of(fd, writes);
  assert.ok(file !== null);
  t.after(() => file.close());
  return { file, path };
}

test('direct writes: where the system has them → whole sectors are taken, at once and by callback; nothing else is said to fit', async (t) => {
  const writes = DirectWrites.on(folderOf(t));
  // Elsewhere there are none, and what is written takes the usual way, as the tests above show.
  assert.notEqual(writes, undefined);
  assert.ok(writes || process.platform !== 'linux' || !isOrdinary(tmpdir()));
  if (!writes) return;
  const { file, path } = directFile(t, writes);
  const content = bytes(3 * MIB, 9);
  assert.equal(file.writeNow(0, cut(content, 77), content.length), content.length);
  const shapes = [
    [0, content.length],
    [512, 512],
    [0, 100],
    [100, 512],
    [0, 0],
  ] as const;
  assert.deepEqual(
    shapes.map(([position, length]) => DirectWrites.fits(position, length)),
    [true, true, false, false, false],
  );
  const outcome = await new Promise((resolve) => {
    assert.equal(
      file.write(512, [content], content.length, (cause, count) => resolve([cause, count])),
      true,
    );
  });
  assert.deepEqual(outcome, [null, content.length]);
  assert.ok(readFileSync(path).subarray(512).equals(content));
});

test('direct writes: the system does not take this memory → nothing was written, it is not tried again, and all memory is given back', async (t) => {
  const given: Uint8Array[] = [];
  // No device reads from an odd address.
  const slot = new Uint8Array(new ArrayBuffer(65_536), 1, 32_768);
  const writes = { take: () => slot, giveBack: (back: Uint8Array) => given.push(back) } as unknown as DirectWrites;
  if (!DirectWrites.on(tmpdir())) return;
  for (const isLater of [false, true]) {
    given.length = 0;
    const { file, path } = directFile(t, writes);
    if (isLater) {
      const outcome = await new Promise((resolve) => file.write(0, [bytes(16_384, 1)], 16_384, (cause, count) => resolve([cause, count])));
      assert.deepEqual(outcome, [null, 0]);
    } else {
      assert.equal(file.writeNow(0, [bytes(16_384, 1)], 16_384), 0);
    }
    assert.deepEqual(given, [slot]);
    assert.equal(file.writeNow(0, [bytes(16_384, 1)], 16_384), 0);
    assert.equal(
      file.write(0, [bytes(16_384, 1)], 16_384, () => assert.fail('nothing was begun')),
      false,
    );
    assert.equal(given.length, 1);
    assert.equal(readFileSync(path).length, 0);
  }
});

test('direct writes: a file that is only read, or written in other shapes → no other handle of it is opened', (t) => {
  const disk = new NodeDisk(folderOf(t));
  disk.makeDirectory('');
  const file = disk.open('a', 'create');
  file.writeNow(0, [bytes(100, 1)]);
  const handles = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
  const before = handles();
  const reader = disk.open('a', 'read');
  reader.readNow(0, 100);
  file.writeNow(512, [bytes(100, 2)]);
  assert.ok(handles() <= before + 1);
  reader.close();
  file.close();
});

/** Of these every Linux of today writes directly. */
function isOrdinary(folder: string): boolean {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at]) => at !== undefined && `${folder}/`.startsWith(at === '/' ? '/' : `${at}/`))
    .sort(([, a = ''], [, b = '']) => b.length - a.length);
  return ['ext4', 'xfs'].includes(mounts[0]?.[2] ?? '');
}
