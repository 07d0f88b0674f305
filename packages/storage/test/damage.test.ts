import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, QuorateError, crc32c } from '@quorate/base';
import { type Storage, formatInspect } from '@quorate/storage';
import type { DiskImage } from '@quorate/testkit';
import { type Contents, checkHonest, contentsOf, soundDirectory } from './honest-opening.js';
import { G1, G2, Rig, appendMany, batch, contentOf, logOf } from './rig.js';

test('T27: storage: one bit flipped in each sector that holds a frame → the damage is named with file and offset, no log is silently shorter', () => {
  const { image, contents } = soundDirectory();
  let named = 0;
  for (const [path, content] of image.files) {
    if (!path.endsWith('.q')) continue;
    for (let sector = 1; sector * 512 < content.size; sector++) {
      const rig = new Rig();
      rig.restore(image);
      rig.disk.flipBit(path, sector * 512 + (sector % 60), sector % 8);
      const outcome = checkHonest(rig, contents, `${path} sector ${sector}`);
      if (outcome !== 'named') continue;
      named++;
      const { damage } = rig.life.storage as Storage;
      // A first frame without a sound header may as well have been the last one of the file before.
      const before = `journal/${String(Number(path.slice(8, 18)) - 1).padStart(10, '0')}.q`;
      const isFirst = sector < 8;
      assert.ok(
        damage.some(({ file }) => file === path || (isFirst && file === before)),
        `${path} sector ${sector}: ${JSON.stringify(damage)}`,
      );
    }
  }
  assert.ok(named > 20, `${named} flips were damage`);
});

test('T27: storage: the last frame torn, by a process killed in the middle of it → cut, no damage, the same after another crash', () => {
  for (let cut = 0; cut < 3; cut++) {
    const rig = new Rig({ storage: { syncMode: 'async' } });
    const log = rig.start().createGroup(G1, false);
    appendMany(log, 3);
    rig.settle(8);
    const expected = contentOf(log);
    appendMany(log, 2, { bytes: 1000 });
    rig.settle(8);
    assert.equal(log.durableIndex, 5);
    rig.kill();
    const end = rig.inspect().files[0]?.endOffset ?? 0;
    rig.disk.corrupt('journal/0000000001.q', end - 512 * (cut + 1), new Uint8Array(512));
    const again = rig.open();
    assert.deepEqual(again.damage, []);
    assert.deepEqual(contentOf(logOf(again)), expected);
    rig.kill();
    assert.deepEqual(contentOf(logOf(rig.open())), expected);
  }
});

test('T27: storage: the same tear with a marker after the frame → damage of its groups only, not a tear', () => {
  for (const offset of [0, 700]) {
    const rig = new Rig();
    const storage = rig.start();
    const one = storage.createGroup(G1, false);
    appendMany(one, 3);
    appendMany(storage.createGroup(G2, false), 3);
    rig.settle(8);
    const at = rig.inspect().files[0]?.endOffset ?? 0;
    appendMany(one, 2, { bytes: 1000 });
    rig.settle(200);
    rig.kill();
    rig.disk.flipBit('journal/0000000001.q', at + 100 + offset, 1);
    rig.disk.flipBit('journal/0000000001.q', at + 20 + offset, 1);
    const again = rig.open();
    assert.equal(again.damage.length, 1);
    assert.deepEqual([again.damage[0]?.file, again.damage[0]?.offset, again.damage[0]?.groups], ['journal/0000000001.q', at, [G1]]);
    assert.equal(contentOf(logOf(again)).length, 3, 'what came before stays readable');
    assert.throws(
      () => appendMany(logOf(again), 1),
      (error: unknown) => error instanceof QuorateError && error.code === 'dataDamaged',
    );
    appendMany(logOf(again, G2), 2);
    const fresh = again.resetGroup(G1);
    appendMany(fresh, 1, { term: 9 });
    rig.settle(200);
    rig.kill();
    const healed = rig.open();
    assert.deepEqual(healed.damage, [], 'history once all its groups were reset');
    assert.deepEqual(contentOf(logOf(healed)), ['1@9:1']);
    assert.equal(contentOf(logOf(healed, G2)).length, 5);
    assert.equal(rig.inspect().groups.length, 2);
  }
});

test('T27: storage: closed at once after an append, then a bit of that frame flipped → damage: the closing marker vouches for it', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  rig.settle(8);
  const at = rig.inspect().files[0]?.endOffset ?? 0;
  appendMany(log, 3);
  rig.close();
  rig.disk.flipBit('journal/0000000001.q', at + 200, 3);
  const { damage } = rig.open();
  assert.deepEqual(
    damage.map(({ file, offset, groups }) => ({ file, offset, groups })),
    [{ file: 'journal/0000000001.q', offset: at, groups: [G1] }],
  );
});

test('T29: storage: identity, checkpoints and heads damaged → refused, or intact by other means; never read as empty, never deleted', () => {
  const { image, contents } = soundDirectory();
  const outcomes = new Map<string, Set<string>>();
  for (const [path, content] of image.files) {
    const isJournal = path.endsWith('.q');
    for (let offset = 0; offset < Math.min(content.size, isJournal ? 48 : 4096); offset++) {
      const rig = new Rig();
      rig.restore(image);
      rig.disk.flipBit(path, offset, offset % 8);
      const outcome = checkHonest(rig, contents, `${path} offset ${offset}`);
      const kind = isJournal ? 'head' : path;
      outcomes.set(kind, (outcomes.get(kind) ?? new Set()).add(outcome));
    }
  }
  assert.deepEqual([...(outcomes.get('identity') ?? [])], ['refused']);
  assert.deepEqual([...(outcomes.get('head') ?? [])], ['intact']);
  for (const path of ['checkpoint-a', 'checkpoint-b']) assert.ok(outcomes.has(path), `${path} was flipped`);
});

test('T29: storage: the head of a file is damaged, in use or ready for use → named, written anew, and no gap of files later', () => {
  const { image, contents } = soundDirectory();
  for (const path of image.files.keys()) {
    if (!path.endsWith('.q')) continue;
    const rig = new Rig();
    rig.restore(image);
    rig.disk.flipBit(path, 9, 0);
    const told: string[] = [];
    const logger: Logger = { log: (level, event, fields) => told.push(`${level} ${event} ${fields?.['file']} ${fields?.['offset']}`) };
    const storage = rig.open({ logger });
    assert.deepEqual(told, [`warn journalHeadDamaged ${path} 0`]);
    assert.deepEqual(contentsOf(storage), contents, path);
    // The file is filled, dies and is freed.
    const log = logOf(storage, G1);
    for (let round = 0; round < 24; round++) {
      appendMany(log, 2, { bytes: 500 });
      rig.settle(4);
      if (round % 6 === 5) log.truncatePrefix(log.durableIndex - 4);
      // One that never rests is killed at any point: each life must find the numbers without a gap.
      if (round % 8 === 0) assert.deepEqual(rig.inspect().damage, [], `${path} round ${round}`);
    }
    rig.settle(200);
    rig.tryOpen();
    assert.deepEqual(rig.life.storage?.damage, [], path);
  }
});

test('T29: storage: whole files missing or cut short → refused or named, never read as empty', () => {
  const { image, contents } = soundDirectory();
  for (const [path, content] of image.files) {
    for (const keep of [null, 0, 100, 512, 1024, content.size - 512, content.size - 1]) {
      if (keep !== null && keep >= content.size) continue;
      const files = new Map(image.files);
      if (keep === null) files.delete(path);
      else {
        const shorter = content.copy();
        shorter.truncate(Math.max(0, keep));
        files.set(path, shorter);
      }
      const rig = new Rig();
      rig.restore({ directories: image.directories, files });
      const outcome = checkHonest(rig, contents, `${path} ${keep === null ? 'missing' : `cut to ${keep}`}`);
      if (path === 'identity') assert.equal(outcome, 'refused');
    }
  }
  const rig = new Rig();
  rig.restore({ directories: ['journal'], files: new Map([...image.files].filter(([path]) => path === 'identity')) });
  rig.tryOpen();
  assert.ok((rig.life.storage?.damage.length ?? 0) > 0, 'an identity without a journal is damage');
});

test('T29: storage: a file of a newer format → formatUnsupported that names it', () => {
  const { image } = soundDirectory();
  for (const path of ['identity', 'checkpoint-a', [...image.files.keys()].find((name) => name.endsWith('.q')) as string]) {
    const rig = new Rig();
    rig.restore(image);
    const head = rig.disk.contentOf(path).slice(0, 24);
    head[8] = 9;
    rig.disk.corrupt(path, 0, head);
    const crc = crcOf(head.subarray(0, 20));
    rig.disk.corrupt(path, 20, crc);
    rig.tryOpen();
    assert.equal(rig.life.openError?.code, 'formatUnsupported', path);
    assert.equal(rig.life.openError?.details['file'], path);
  }
});

test('T30: storage: two sectors or two files swapped → the damage is named', () => {
  const { image, contents } = soundDirectory();
  const journals = [...image.files.keys()].filter((path) => path.endsWith('.q')).sort();
  const first = journals[0] as string;
  const last = journals.at(-2) as string;
  for (let a = 1; a < 15; a++) {
    for (const [other, b] of [
      [first, a + 1],
      [last, a],
    ] as const) {
      const rig = new Rig();
      rig.restore(image);
      const [one, two] = [rig.disk.contentOf(first).slice(a * 512, a * 512 + 512), rig.disk.contentOf(other).slice(b * 512, b * 512 + 512)];
      rig.disk.corrupt(first, a * 512, two);
      rig.disk.corrupt(other, b * 512, one);
      checkHonest(rig, contents, `sector ${a} of ${first} and ${b} of ${other}`);
    }
  }
  const files = new Map(image.files);
  files.set(first, image.files.get(last) as never);
  files.set(last, image.files.get(first) as never);
  const rig = new Rig();
  rig.restore({ directories: image.directories, files });
  assert.equal(checkHonest(rig, contents, 'files swapped'), 'named');
});

test('T30: storage: a stored batch replaced by another sound one → the read tells damage and gives nothing', () => {
  const rig = new Rig({ storage: { recentBatchesBytes: 0 } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 4, { bytes: 60 });
  rig.settle();
  const path = 'journal/0000000001.q';
  const content = rig.disk.contentOf(path);
  const find = (index: number): number => {
    const wanted = batch({ base: index, bytes: 60 });
    for (let at = 0; at < content.length; at++) if (wanted.every((byte, i) => content[at + i] === byte)) return at;
    return -1;
  };
  rig.disk.corrupt(path, find(3), batch({ base: 2, bytes: 60 }));
  assert.deepEqual(log.read(3, 1000), []);
  assert.equal(log.read(1, 1000).length, 2, 'those before it are given');
  rig.scheduler.runFor(5);
  assert.equal(rig.life.damaged.length, 1, 'told once');
  assert.deepEqual([rig.life.damaged[0]?.file, rig.life.damaged[0]?.offset, rig.life.damaged[0]?.groups], [path, find(3), [G1]]);
});

test('T31: storage: one page or one file goes back to what it was earlier → the damage is named', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  const images: DiskImage[] = [];
  for (let round = 0; round < 12; round++) {
    appendMany(log, 2, { bytes: 450 });
    rig.settle(4);
    images.push(rig.disk.image());
  }
  rig.settle(200);
  const contents: Contents = new Map([[G1, contentOf(log)]]);
  rig.close();
  const toldSequence = rig.life.storage?.durableSequence ?? 0;
  const sound = rig.disk.image();
  let named = 0;
  for (const old of images.slice(0, -1)) {
    for (const [path, content] of old.files) {
      const whole = new Map(sound.files).set(path, content);
      const restored = new Rig();
      restored.restore({ directories: sound.directories, files: whole });
      if (path.endsWith('.q') && checkHonest(restored, contents, `${path} as a whole`, toldSequence) === 'named') named++;
      for (let page = 0; path.endsWith('.q') && page < content.size; page += 4096) {
        const back = new Rig();
        back.restore(sound);
        const stale = content.read(page, 4096);
        if (stale.every((byte, i) => back.disk.contentOf(path)[page + i] === byte)) continue;
        back.disk.corrupt(path, page, stale);
        if (checkHonest(back, contents, `${path} page ${page}`, toldSequence) === 'named') named++;
      }
    }
  }
  assert.ok(named > 10, `${named} old pages and files were noticed`);
});

test('T31: storage: a frame replaced by another sound frame of the same place and number → the chain tells', () => {
  const rig = new Rig();
  appendMany(rig.start().createGroup(G1, false), 2);
  rig.settle(200);
  rig.close();
  const base = rig.disk.image();
  const [one, two] = [5, 6].map((fill) => {
    rig.restore(base);
    const log = logOf(rig.open());
    log.append(batch({ base: 3, fill }));
    rig.settle(200);
    appendMany(log, 1);
    rig.settle(200);
    rig.close();
    return rig.disk.image();
  }) as [DiskImage, DiskImage];
  rig.restore(one);
  const other = two.files.get('journal/0000000001.q');
  const end = rig.inspect().files[0]?.endOffset ?? 0;
  let named = 0;
  for (let at = 512; at < end; at += 512) {
    const sector = other?.read(at, 512) ?? new Uint8Array(512);
    const back = new Rig();
    back.restore(one);
    if (sector.every((byte, i) => back.disk.contentOf('journal/0000000001.q')[at + i] === byte)) continue;
    back.disk.corrupt('journal/0000000001.q', at, sector);
    // The very last frame has no successor to chain to it; it is a marker here.
    if (at + 512 >= end) continue;
    named++;
    assert.ok(back.open().damage.length > 0, `sector at ${at}`);
  }
  assert.ok(named > 0);
});

test('T31: storage: a recycled file → frames of its earlier use are never read', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  for (let round = 0; round < 40; round++) {
    appendMany(log, 2, { bytes: 900 });
    rig.settle(3);
    if (log.durableIndex > 8) log.truncatePrefix(log.durableIndex - 2);
  }
  rig.settle(200);
  const remains = rig.inspect();
  assert.ok(
    remains.files.some(({ file }) => Number.parseInt(file.slice(8), 10) > 6),
    'files were used again',
  );
  assert.deepEqual(remains.damage, []);
  const expected = contentOf(log);
  rig.powerCut();
  assert.deepEqual(contentOf(logOf(rig.open())), expected);
});

test('inspect: a sound directory and a damaged one → text that names every file, and each damage with its offset', () => {
  const { rig } = soundDirectory();
  const text = formatInspect(rig.inspect());
  assert.match(text, /^identity: node 1, incarnation 00000000000000aa, not formed$/m);
  assert.match(text, /^damage: none$/m);
  for (const path of rig.disk.paths()) assert.ok(text.includes(path), `${path} is in the text`);
  const before = rig.disk.image();
  rig.disk.flipBit('identity', 30, 1);
  rig.disk.flipBit(rig.disk.paths().find((path) => path.endsWith('.q')) as string, 512 + 30, 1);
  const report = rig.inspect();
  assert.ok(report.damage.length >= 2);
  assert.match(formatInspect(report), /identity offset \d+: /);
  assert.deepEqual([...rig.disk.image().files.keys()], [...before.files.keys()], 'reading only');
  assert.equal(new Rig().inspect().files.length, 0, 'an empty folder');
});

function crcOf(bytes: Uint8Array): Uint8Array {
  const checksum = crc32c(bytes);
  return Uint8Array.of(checksum & 255, (checksum >>> 8) & 255, (checksum >>> 16) & 255, checksum >>> 24);
}
