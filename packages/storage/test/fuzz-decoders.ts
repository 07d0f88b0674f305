import { type GroupId, type Incarnation, type NodeId, crc32c, readU32, writeU32 } from '@quorate/base';
import { type Identity, MemoryDisk, inspectStorage } from '@quorate/storage';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { type Checkpoint, encodeCheckpoint, loadCheckpoints, newestCheckpoint } from '../dist/checkpoint.js';
import { type StoredIdentity, loadIdentity, storeIdentity } from '../dist/identity.js';
import { decodeJournalHead, encodeJournalHead } from '../dist/journal-head.js';
import { type JournalRecord, type RecordVisitor, readRecords, recordBytes, writeRecord } from '../dist/records.js';
import { type RescuedFrame, loadRescue, storeRescue } from '../dist/rescue.js';
import { unsealFile } from '../dist/sealed-file.js';
import { SnapshotCodec, encodeSnapshotHead, openSnapshot, parseSnapshotName, snapshotPath } from '../dist/snapshot-format.js';
import { verifySnapshot } from '../dist/snapshot-verify.js';
import type { SnapshotFacts } from '@quorate/storage';

const DAMAGED = ['dataDamaged', 'formatUnsupported'] as const;
const JOURNAL = '00000000000000aa';
const u32 = fc.nat(0xffff_ffff);
const u53 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const incarnation = hex16.map((digits) => digits as Incarnation);
const node = fc.integer({ min: 1, max: 0xffff }).map((id) => id as NodeId);
const nodeOrNone = fc.nat(0xffff).map((id) => id as NodeId | 0);
const group = u32.map((id) => id as GroupId);
const is = fc.boolean();

const DEFER = { defer: (callback: () => void): void => callback() };

/** A disk with one file. */
function diskWith(path: string, bytes: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk(DEFER);
  for (const folder of ['journal', 'snapshots']) disk.makeDirectory(folder);
  const file = disk.open(path, 'create');
  file.writeNow(0, [bytes]);
  file.close();
  return disk;
}

/** What stands in a file after `store`. */
function bytesOf(path: string, store: (disk: MemoryDisk) => void): Uint8Array {
  const disk = new MemoryDisk(DEFER);
  for (const folder of ['journal', 'snapshots']) disk.makeDirectory(folder);
  store(disk);
  const file = disk.open(path, 'read');
  return file.readNow(0, file.size()).slice();
}

/** Right checksums of a sealed file: of its body, then of its head. */
function sealed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 24) return bytes;
  const copy = bytes.slice();
  if (readU32(copy, 12) > copy.length - 24) writeU32(copy, 12, copy.length - 24);
  writeU32(copy, 16, crc32c(copy.subarray(24, 24 + readU32(copy, 12))));
  writeU32(copy, 20, crc32c(copy.subarray(0, 20)));
  return copy;
}

/** The same for a file that ends with its body. */
function sealedWhole(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 24) return bytes;
  const copy = bytes.slice();
  writeU32(copy, 12, copy.length - 24);
  return sealed(copy);
}

const identity: fc.Arbitrary<StoredIdentity> = record({
  journalId: hex16,
  identity: record<Identity>({
    nodeId: node,
    incarnation,
    clusterId: fc.option(hex16, { nil: null }) as fc.Arbitrary<Identity['clusterId']>,
    isRejoined: is,
    members: fc.array(
      record({ nodeId: node, address: fc.string({ maxLength: 20, unit: 'grapheme' }), incarnation: fc.option(incarnation, { nil: null }) }),
      { maxLength: 4 },
    ),
  }),
});

const checkpoint: fc.Arbitrary<Checkpoint> = record({
  number: fc.nat(0x7fff_fffe).map((half) => 2 * half + 1),
  sequence: u53,
  files: fc.array(record({ number: u53, firstSequence: u53, lastSequence: u53 }), { maxLength: 3 }),
  groups: fc.array(
    record({
      group,
      term: u53,
      votedFor: nodeOrNone,
      isLearner: is,
      firstIndex: u53,
      previousTerm: u53,
      lastIndex: u53,
      resetSequence: u53,
      snapshotIndex: u53,
    }),
    { maxLength: 3 },
  ),
  peers: fc.array(record({ peer: nodeOrNone as fc.Arbitrary<NodeId>, incarnation, sequence: u53 }), { maxLength: 3 }),
});

const facts: fc.Arbitrary<SnapshotFacts & { readonly content: Uint8Array }> = record({
  group: fc.constant(3 as GroupId),
  index: fc.constant(77),
  term: u53,
  loggedTimeMs: u53,
  voters: fc.array(node, { maxLength: 5 }),
  content: fc.uint8Array({ maxLength: 60 }),
});
const SNAPSHOT = snapshotPath(3 as GroupId, 77);

function snapshotBytes({ content, ...of }: SnapshotFacts & { readonly content: Uint8Array }): Uint8Array {
  const codec = new SnapshotCodec(JOURNAL, of, crc32c);
  const chunks = content.length === 0 ? [] : [codec.chunkHead(0, content), content];
  const wholeChecksum = chunks[0] === undefined ? 0 : crc32c(chunks[0].subarray(0, 4), 0);
  const shape = { length: content.length, chunks: content.length === 0 ? 0 : 1, wholeChecksum };
  return Uint8Array.from([encodeSnapshotHead(of, JOURNAL, crc32c), ...chunks, codec.trailer(shape)].flatMap((part) => [...part]));
}

/** Right checksums of the head, and of the trailer of whatever length the file has. */
function sealedSnapshot(bytes: Uint8Array): Uint8Array {
  const copy = sealed(bytes);
  if (copy.length < 544) return copy;
  const place = new Uint8Array(24);
  place.set([0, 0, 0, 0, 0, 0, 0, 0xaa]);
  writeU32(place, 8, 3);
  writeU32(place, 12, 77);
  writeU32(place, 20, readU32(copy, copy.length - 16));
  writeU32(copy, copy.length - 28, crc32c(copy.subarray(copy.length - 24), crc32c(place)));
  return copy;
}

const batch = fc.uint8Array({ minLength: 52, maxLength: 80 });
const journalRecord: fc.Arbitrary<JournalRecord> = fc.oneof(
  record({ type: fc.constant('append' as const), batch }),
  record({ type: fc.constant('truncateSuffix' as const), group, index: u53 }),
  record({ type: fc.constantFrom('truncatePrefix' as const, 'snapshot' as const), group, index: u53, term: u53 }),
  record({ type: fc.constant('restart' as const), group, isSuffixKept: is, index: u53, term: u53 }),
  record({ type: fc.constant('hardState' as const), group, term: u53, votedFor: nodeOrNone, isLearner: is }),
  record({ type: fc.constant('createGroup' as const), group, isLearner: is }),
  record({ type: fc.constant('resetGroup' as const), group }),
  record({ type: fc.constant('peerSequence' as const), peer: node, incarnation, sequence: u53 }),
);

function encodeRecords(records: readonly JournalRecord[]): Uint8Array {
  const body = new Uint8Array(1 + records.reduce((sum, each) => sum + recordBytes(each), 0));
  body[0] = records.length;
  let at = 1;
  for (const each of records) {
    writeRecord(body, at, each);
    at += recordBytes(each);
  }
  return body;
}

function decodeRecords(bytes: Uint8Array): JournalRecord[] | null {
  if (bytes.length === 0) return null;
  const records: JournalRecord[] = [];
  const visitor: RecordVisitor = {
    append: (body, at, length) => records.push({ type: 'append', batch: body.subarray(at, at + length) }),
    truncateSuffix: (of, index) => records.push({ type: 'truncateSuffix', group: of, index }),
    truncatePrefix: (of, index, term) => records.push({ type: 'truncatePrefix', group: of, index, term }),
    snapshot: (of, index, term) => records.push({ type: 'snapshot', group: of, index, term }),
    restart: (of, isSuffixKept, index, term) => records.push({ type: 'restart', group: of, isSuffixKept, index, term }),
    hardState: (of, term, votedFor, isLearner) => records.push({ type: 'hardState', group: of, term, votedFor, isLearner }),
    createGroup: (of, isLearner) => records.push({ type: 'createGroup', group: of, isLearner }),
    resetGroup: (of) => records.push({ type: 'resetGroup', group: of }),
    peerSequence: (peer, known, sequence) => records.push({ type: 'peerSequence', peer, incarnation: known, sequence }),
  };
  if (!readRecords(bytes.subarray(1), bytes[0] as number, visitor)) return null;
  // What the numbers mean is checked by recovery; those that are no safe integers cannot be written again.
  const isSafe = (value: unknown): boolean => typeof value !== 'number' || Number.isSafeInteger(value);
  return records.every((each) => Object.values(each).every(isSafe)) ? records : null;
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'identity',
    covers: ['loadIdentity', 'unsealFile', 'inspectStorage'],
    values: identity,
    encode: (value) => bytesOf('identity', (disk) => storeIdentity(disk, value, crc32c)),
    decode: (bytes) => {
      const disk = diskWith('identity', bytes);
      inspectStorage(disk, crc32c);
      return loadIdentity(disk, crc32c);
    },
    codes: DAMAGED,
    seal: sealedWhole,
    memory: { perByte: 64, besides: 65_536 },
  }),
  fuzzed({
    name: 'checkpoint',
    covers: ['loadCheckpoints', 'newestCheckpoint'],
    values: checkpoint,
    encode: (value) => encodeCheckpoint(value, JOURNAL, crc32c),
    decode: (bytes) => newestCheckpoint(loadCheckpoints(diskWith('checkpoint-a', bytes), JOURNAL, crc32c)),
    codes: ['formatUnsupported'],
    isLossy: true,
    seal: sealedWhole,
  }),
  fuzzed({
    name: 'journal head',
    covers: ['decodeJournalHead'],
    values: record({ journalId: hex16, number: u53, fileBytes: u53 }),
    encode: (head) => encodeJournalHead(head, 512, crc32c),
    decode: (bytes) => {
      const found = decodeJournalHead(bytes, 'journal/0000000001.q', crc32c);
      if (found === null) return null;
      const { format: _format, ...head } = found;
      return head;
    },
    codes: ['formatUnsupported'],
    seal: sealed,
  }),
  fuzzed({
    name: 'rescue',
    covers: ['loadRescue'],
    values: record<RescuedFrame>({ file: u53, offset: u53, frame: fc.uint8Array({ maxLength: 40 }) }),
    encode: (value) => bytesOf('journal/rescue', (disk) => storeRescue(disk, value, crc32c)),
    decode: (bytes) => loadRescue(diskWith('journal/rescue', bytes), crc32c),
    codes: ['formatUnsupported'],
    seal: sealedWhole,
  }),
  fuzzed<Uint8Array>({
    name: 'sealed file',
    covers: ['unsealFile'],
    values: fc.uint8Array({ maxLength: 40 }),
    encode: (frame) => bytesOf('journal/rescue', (disk) => storeRescue(disk, { file: 0, offset: 0, frame }, crc32c)),
    decode: (bytes) => {
      const body = unsealFile(bytes, 'R', 'journal/rescue', crc32c);
      return body.length < 16 ? null : body.subarray(16);
    },
    codes: DAMAGED,
    seal: sealed,
  }),
  fuzzed({
    name: 'snapshot file',
    covers: ['openSnapshot', 'verifySnapshot'],
    values: facts,
    encode: snapshotBytes,
    decode: (bytes) => {
      const disk = diskWith(SNAPSHOT, bytes);
      const shape = openSnapshot(disk, SNAPSHOT, JOURNAL, crc32c);
      verifySnapshot({ disk, checksum: crc32c, journalId: JOURNAL }, shape);
      const { path: _path, chunks: _chunks, wholeChecksum: _whole, length, ...found } = shape;
      return { ...found, content: bytes.slice(520, 520 + length) };
    },
    codes: DAMAGED,
    borders: [200, 201],
    seal: sealedSnapshot,
  }),
  fuzzed({
    name: 'snapshot name',
    covers: ['parseSnapshotName'],
    values: record({ group, index: u53 }),
    encode: (of) => new TextEncoder().encode(snapshotPath(of.group, of.index).slice('snapshots/'.length)),
    decode: (bytes) => {
      const found = parseSnapshotName(new TextDecoder().decode(bytes));
      return found === null || !Number.isSafeInteger(found.index) ? null : found;
    },
    codes: [],
    isCanonical: true,
  }),
  fuzzed({
    name: 'journal records',
    covers: ['readRecords'],
    values: fc.array(journalRecord, { maxLength: 6 }),
    encode: encodeRecords,
    decode: decodeRecords,
    codes: [],
  }),
];
