import assert from 'node:assert/strict';
import {
  type GroupId,
  QuorateError,
  type Random,
  crc32c,
  randomBetween,
  randomChance,
  readU32,
  readU64,
  writeU32,
  writeU64,
} from '@quorate/base';
import { formatInspect } from '@quorate/storage';
import { type DiskImage, SparseBytes, drawBytes, drawOne, mutateBytes, runFuzz } from '@quorate/testkit';
import { FILE_BYTES, G1, G2, INCARNATION, Rig, appendMany, contentOf } from './rig.js';

const SECTOR = 512;
const FRAME_MAGIC = 0x4d52_4651;
/** Bytes of the records of fixed length, by their type. */
const RECORD_BYTES: Readonly<Record<number, number>> = { 2: 13, 3: 21, 4: 16, 5: 6, 6: 5, 7: 19 };
const ALLOWED = new Set(['dataDamaged', 'formatUnsupported']);

/** A sound directory and all that its logs ever held. */
interface Directory {
  readonly image: DiskImage;
  readonly known: ReadonlyMap<GroupId, ReadonlySet<string>>;
  /** What was durable in the end. */
  readonly durable: ReadonlyMap<GroupId, readonly string[]>;
  readonly toldSequence: number;
}

const directories: Directory[] = [];

/** One of a few directories of different lives: short and long, closed and killed, with cut logs and recycled files. */
function someDirectory(random: Random): Directory {
  if (directories.length === 0) for (let shape = 0; shape < 6; shape++) directories.push(makeDirectory(shape));
  return drawOne(random, directories);
}

function makeDirectory(shape: number): Directory {
  const rig = new Rig({ seed: shape + 1 });
  const storage = rig.start();
  const logs = [storage.createGroup(G1, false), storage.createGroup(G2, shape % 2 === 1)];
  const known = new Map(logs.map((log) => [log.group, new Set<string>()]));
  const note = (): void => logs.forEach((log) => contentOf(log).forEach((entry) => known.get(log.group)?.add(entry)));
  for (let round = 0; round < 2 + shape * 4; round++) {
    for (const log of logs) appendMany(log, 2, { bytes: 40 + shape * 100, term: round + 1, count: (shape % 3) + 1 });
    note();
    logs[0]?.setHardState({ term: round + 1, votedFor: 0, isLearner: false }, round + 1);
    rig.settle(4);
    if (shape >= 2 && round % 5 === 3) logs[0]?.truncateSuffix(logs[0].batchBaseOf(logs[0].lastIndex) - 1);
    if (shape >= 3 && round % 5 === 4) logs[1]?.truncatePrefix(logs[1].batchBaseOf(logs[1].durableIndex) - 1);
  }
  rig.settle(200);
  const durable = new Map(logs.map((log) => [log.group, contentOf(log)]));
  if (shape % 2 === 0) rig.close();
  else rig.kill();
  return { image: rig.disk.image(), known, durable, toldSequence: storage.durableSequence };
}

type Files = Map<string, Uint8Array>;

function filesOf({ image }: Directory): Files {
  return new Map([...image.files].map(([path, content]) => [path, content.read(0, content.size)]));
}

function imageOf(directories_: readonly string[], files: Files): DiskImage {
  const contents = [...files].map(([path, bytes]): [string, SparseBytes] => {
    const content = new SparseBytes();
    content.write(0, bytes);
    return [path, content];
  });
  return { directories: directories_, files: new Map(contents) };
}

/**
 * Opens whatever the files are, and inspects it. It opens or gives one of the errors that are promised; what it then says of its logs can be
 * read; opened once more after a crash it says the same. `isHonest`: the change must also be noticed if something is gone.
 */
function openAnything(directory: Directory, files: Files, isHonest: boolean): void {
  const rig = new Rig();
  rig.restore(imageOf(directory.image.directories, files));
  inspectAnything(rig);
  rig.tryOpen();
  const { openError, storage } = rig.life;
  if (openError !== null) {
    assert.ok(ALLOWED.has(openError.code), `${openError.code}: ${openError.message}`);
    assert.equal(typeof openError.details['file'], 'string', `the error names the file: ${openError.message}`);
    return;
  }
  assert.ok(storage !== null, 'opened or refused');
  const found = new Map([...storage.groups()].map((log) => [log.group, contentOf(log)]));
  if (isHonest) checkHonest(directory, storage.damage, storage.recoveredSequence, found);
  rig.settle(60);
  assert.deepEqual(rig.life.failures, []);
  rig.powerCut();
  inspectAnything(rig);
  rig.tryOpen();
  assert.equal(rig.life.openError, null, 'what opened once opens again');
  const again = new Map([...(rig.life.storage?.groups() ?? [])].map((log) => [log.group, contentOf(log)]));
  assert.deepEqual(again, found, 'and holds the same');
  rig.kill();
}

function checkHonest(
  { known, durable, toldSequence }: Directory,
  damage: readonly { readonly groups: readonly GroupId[] | null }[],
  recoveredSequence: number,
  found: ReadonlyMap<GroupId, readonly string[]>,
): void {
  for (const [group, expected] of durable) {
    const content = found.get(group) ?? [];
    for (const entry of content)
      assert.ok(entry.startsWith('unreadable') || known.get(group)?.has(entry), `group ${group} has ${entry}, which it never had`);
    const isWhole = expected.every((entry) => content.includes(entry));
    const isNamed =
      damage.some(({ groups }) => groups === null || groups.includes(group)) || content.at(-1)?.startsWith('unreadable') === true;
    assert.ok(isWhole || isNamed || recoveredSequence < toldSequence, `group ${group} lost entries and nobody is told`);
  }
}

/** Reading a directory offline never throws anything else, and what it says can be printed. */
function inspectAnything(rig: Rig): void {
  try {
    assert.ok(formatInspect(rig.inspect()).length < 200_000, 'a report is bounded');
  } catch (thrown) {
    if (!(thrown instanceof QuorateError && ALLOWED.has(thrown.code))) throw thrown;
  }
}

/** The same checksums that a correct writer would give, over changed bytes: what is behind them must be checked by itself. */
function resealHead(file: Uint8Array): void {
  if (file.length < 24) return;
  const length = Math.min(readU32(file, 12), file.length - 24);
  writeU32(file, 16, crc32c(file.subarray(24, 24 + length)));
  writeU32(file, 20, crc32c(file.subarray(0, 20)));
}

/** Seals the frame at an offset of a journal file again. */
function resealFrame(file: Uint8Array, number: number, offset: number): void {
  const headerBytes = readU32(file, offset + 8);
  const bodyBytes = readU32(file, offset + 12);
  if (headerBytes > SECTOR || offset + headerBytes + bodyBytes > file.length) return;
  const place = new Uint8Array(24);
  for (let i = 0; i < 8; i++) place[i] = Number.parseInt(INCARNATION.slice(2 * i, 2 * i + 2), 16);
  writeU64(place, 8, number);
  writeU64(place, 16, offset);
  writeU32(file, offset + 16, crc32c(file.subarray(offset + headerBytes, offset + headerBytes + bodyBytes)));
  writeU32(file, offset + 4, crc32c(file.subarray(offset + 8, offset + headerBytes), crc32c(place)));
}

function somePath(random: Random, files: Files, isWanted: (path: string) => boolean = () => true): string {
  return drawOne(random, [...files.keys()].filter(isWanted).sort());
}

const isJournal = (path: string): boolean => path.endsWith('.q');

function sound(random: Random): void {
  const directory = someDirectory(random);
  openAnything(directory, filesOf(directory), true);
}

/** Any change anywhere in any file, as a bad disk makes it. */
function changed(random: Random): void {
  const directory = someDirectory(random);
  const files = filesOf(directory);
  for (let left = randomBetween(random, 1, 2); left > 0; left--) {
    const path = somePath(random, files);
    const bytes = files.get(path) as Uint8Array;
    // Near a frame: a journal file is mostly zeros.
    const from = isJournal(path) ? SECTOR * randomBetween(random, 0, Math.min(15, Math.floor(bytes.length / SECTOR))) : 0;
    const part = mutateBytes(random, bytes.subarray(from, from + SECTOR)).subarray(0, bytes.length - from);
    const whole = bytes.slice();
    whole.set(part, from);
    files.set(path, whole);
  }
  openAnything(directory, files, true);
}

/** Files cut, prolonged, missing, exchanged, or made of noise. */
function wholeFiles(random: Random): void {
  const directory = someDirectory(random);
  const files = filesOf(directory);
  const path = somePath(random, files);
  const bytes = files.get(path) as Uint8Array;
  const other = files.get(somePath(random, files)) as Uint8Array;
  const ways: readonly (() => void)[] = [
    () => files.set(path, bytes.slice(0, randomBetween(random, 0, bytes.length))),
    () => files.delete(path),
    () => files.set(path, other),
    () => files.set(path, drawBytes(random, 2000)),
    () =>
      files.set(
        `journal/${String(randomBetween(random, 0, 12)).padStart(10, '0')}.q`,
        randomChance(random, 0.5) ? bytes : drawBytes(random, FILE_BYTES),
      ),
    () =>
      files.set(
        drawOne(random, ['identity.new', 'checkpoint.new', 'journal/rescue', 'journal/strange', 'notes.txt']),
        drawBytes(random, 900),
      ),
  ];
  drawOne(random, ways)();
  openAnything(directory, files, false);
}

/** Identity, checkpoint and head of a journal file with a body that is not one, under right checksums. */
function resealedHead(random: Random): void {
  const directory = someDirectory(random);
  const files = filesOf(directory);
  const path = somePath(random, files);
  const bytes = files.get(path) as Uint8Array;
  const bodyBytes = Math.min(readU32(bytes, 12), bytes.length - 24);
  const body = mutateBytes(random, bytes.subarray(24, 24 + bodyBytes));
  const whole = isJournal(path) ? bytes.slice() : new Uint8Array(24 + body.length);
  whole.set(bytes.subarray(0, 24));
  whole.set(isJournal(path) ? body.subarray(0, SECTOR - 24) : body, 24);
  writeU32(whole, 12, randomChance(random, 0.9) ? body.length : random.nextUint32());
  if (randomChance(random, 0.1)) whole[8] = randomBetween(random, 0, 3);
  resealHead(whole);
  files.set(path, whole);
  openAnything(directory, files, false);
}

/** A frame whose header or records are not sound, under right checksums: most often the last one, which no other vouches for. */
function resealedFrame(random: Random): void {
  const directory = someDirectory(random);
  const files = filesOf(directory);
  const path = somePath(random, files, isJournal);
  const number = Number.parseInt(path.slice(8), 10);
  const whole = (files.get(path) as Uint8Array).slice();
  const offsets: number[] = [];
  for (let at = SECTOR; at + SECTOR <= whole.length; at += SECTOR) if (readU32(whole, at) === FRAME_MAGIC) offsets.push(at);
  if (offsets.length === 0) return;
  const offset = randomChance(random, 0.5) ? (offsets.at(-1) as number) : drawOne(random, offsets);
  const end = Math.min(whole.length, offset + SECTOR);
  const from = randomChance(random, 0.3) ? offset + 8 : offset + readU32(whole, offset + 8);
  whole.set(mutateBytes(random, whole.subarray(from, end)).subarray(0, end - from), from);
  if (randomChance(random, 0.3)) writeU32(whole, offset + 20, randomBetween(random, 0, 9));
  resealFrame(whole, number, offset);
  files.set(path, whole);
  openAnything(directory, files, false);
}

interface FramePlace {
  readonly path: string;
  readonly offset: number;
}

/** Places of all frames in order: magic and, if it is not the remains of an older use, ascending sequence. */
function framesOf(files: Files): FramePlace[] {
  const places: FramePlace[] = [];
  let last = 0;
  for (const path of [...files.keys()].filter(isJournal).sort()) {
    const file = files.get(path) as Uint8Array;
    for (let offset = SECTOR; offset + SECTOR <= file.length; offset += SECTOR) {
      if (readU32(file, offset) !== FRAME_MAGIC || readU64(file, offset + 32) <= last) continue;
      last = readU64(file, offset + 32);
      places.push({ path, offset });
    }
  }
  return places;
}

/** Where the numbers stand in the records of a body: indexes, terms, groups, flags. */
function fieldsOf(body: Uint8Array): { readonly at: number; readonly bytes: 1 | 4 | 8 }[] {
  const fields: { readonly at: number; readonly bytes: 1 | 4 | 8 }[] = [];
  for (let at = 0; at < body.length; ) {
    const type = body[at] as number;
    const isAppend = type === 1;
    const length = isAppend ? 5 + readU32(body, at + 1) : RECORD_BYTES[type];
    if (length === undefined || at + length > body.length) break;
    if (!isAppend && type !== 7) {
      fields.push({ at, bytes: 1 }, { at: at + 1, bytes: 4 });
      if (length >= 13) fields.push({ at: at + 5, bytes: 8 }, { at: at + 5, bytes: 8 });
    }
    at += length;
  }
  return fields;
}

/** One number of one record is wrong, and every checksum and the chain of all frames after it is right: only its sense can tell. */
function resealedRecord(random: Random): void {
  const directory = someDirectory(random);
  const files = filesOf(directory);
  const places = framesOf(files);
  const first = randomBetween(random, 0, places.length - 1);
  for (let i = first; i < places.length; i++) {
    const { path, offset } = places[i] as FramePlace;
    const file = (files.get(path) as Uint8Array).slice();
    files.set(path, file);
    if (i === first) {
      const start = offset + readU32(file, offset + 8);
      const body = file.subarray(start, start + readU32(file, offset + 12));
      const fields = fieldsOf(body);
      if (fields.length === 0) return;
      const { at, bytes } = drawOne(random, fields);
      const delta = drawOne(random, [-2, -1, 1, 2, 3]);
      if (bytes === 1) body[at] = randomBetween(random, 0, 8);
      else if (bytes === 4) writeU32(body, at, readU32(body, at) + delta);
      else writeU64(body, at, Math.max(0, readU64(body, at) + delta));
    } else {
      const before = places[i - 1] as FramePlace;
      writeU32(file, offset + 48, readU32(files.get(before.path) as Uint8Array, before.offset + 4));
    }
    resealFrame(file, Number.parseInt(path.slice(8), 10), offset);
  }
  openAnything(directory, files, false);
}

const KINDS = [
  sound,
  changed,
  changed,
  changed,
  wholeFiles,
  resealedHead,
  resealedHead,
  resealedFrame,
  resealedRecord,
  resealedRecord,
  resealedRecord,
] as const;

/**
 * Data directories with anything in their files: opening and inspecting them gives `dataDamaged` or `formatUnsupported` that names the file,
 * or a storage that can be used and opened again; a log is never silently shorter because of what a bad disk changed.
 */
export function fuzzStorage(seed: number, cases: number): { cases: number } {
  return runFuzz('fuzzStorage', KINDS, seed, cases);
}

/** What a directory is opened and inspected by. */
export const COVERS: Readonly<Record<string, readonly string[]>> = {
  fuzzStorage: ['openStorage', 'recover', 'recoverSnapshots', 'scanJournal', 'inspectStorage'],
};
