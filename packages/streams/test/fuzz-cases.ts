import assert from 'node:assert/strict';
import {
  type BatchKind,
  type GroupId,
  QuorateError,
  type Random,
  concatBytes,
  crc32c,
  encodeBatch,
  randomBetween,
  randomChance,
  readU32,
  trustedBatchHeader,
  writeU32,
} from '@quorate/base';
import type { Fence } from '@quorate/machine';
import {
  APPEND_HEADER_BYTES,
  FENCED_HEADER_BYTES,
  RECORD_OVERHEAD_BYTES,
  StreamMachine,
  appendRecordsAt,
  checkAppendPayload,
  encodeAppendPayload,
  isNewerAppend,
  markResent,
  moveAppend,
  readRecords,
} from '@quorate/streams';
import { drawBytes, drawOne, mutateBytes, runFuzz } from '@quorate/testkit';
import { LogBuilder, producerId } from './log-builder.js';

interface SomeAppend {
  readonly payload: Uint8Array;
  readonly records: readonly Uint8Array[];
}

/** An append of one of three producers, near the start of its numbers, so that all refusals come up. */
function someAppend(random: Random): SomeAppend {
  const records = Array.from({ length: randomBetween(random, 1, 5) }, () => drawBytes(random, 20));
  const position = {
    producer: producerId(randomBetween(random, 1, 3)),
    epoch: drawOne(random, [0, 0, 0, 1, 0xffff_ffff]),
    firstNumber: drawOne(random, [0, 0, 1, 2, 3, randomBetween(random, 0, 20), Number.MAX_SAFE_INTEGER - 10_000]),
  };
  const fence = randomChance(random, 0.4) ? someFence(random) : null;
  const payload = encodeAppendPayload({ ...position, records, fence });
  return { payload: randomChance(random, 0.2) ? markResent(payload) : payload, records };
}

/** A fence of one of three locks, so that some are too many. */
function someFence(random: Random): Fence {
  const token = { epoch: drawOne(random, [1, 1, 2, 0xffff_ffff]), index: drawOne(random, [1, 2, 3, Number.MAX_SAFE_INTEGER]) };
  return { group: 1 as GroupId, resource: randomBetween(random, 1, 3), token };
}

/** The records of a run of u32 length and bytes. */
function recordsOf(bytes: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + RECORD_OVERHEAD_BYTES + readU32(bytes, at);
    assert.ok(end <= bytes.length, 'a record ends within the bytes');
    records.push(bytes.subarray(at + RECORD_OVERHEAD_BYTES, end));
    at = end;
  }
  return records;
}

/** Whatever the bytes are: `malformedFrame`, or a payload of which the header and every record fit the bytes exactly. */
function checkAnything(payload: Uint8Array): boolean {
  let count: number;
  try {
    ({ count } = checkAppendPayload(payload));
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code === 'malformedFrame') return false;
    throw thrown;
  }
  assert.equal(recordsOf(payload.subarray(appendRecordsAt(payload))).length, count);
  return true;
}

function roundTrip(random: Random): void {
  const { payload, records } = someAppend(random);
  const header = checkAppendPayload(payload);
  assert.deepEqual(recordsOf(payload.subarray(appendRecordsAt(payload))), records);
  const again = moveAppend(payload, header);
  assert.deepEqual(header.isResent ? markResent(again) : again, payload, 'a payload has one encoding');
}

function mutated(random: Random): void {
  checkAnything(mutateBytes(random, someAppend(random).payload));
}

function truncated(random: Random): void {
  const { payload } = someAppend(random);
  assert.equal(checkAnything(payload.slice(0, randomBetween(random, 0, payload.length - 1))), false);
}

function noise(random: Random): void {
  const bytes = drawBytes(random, 120);
  checkAnything(
    randomChance(random, 0.7)
      ? concatBytes([Uint8Array.of(randomBetween(random, 1, 2), 0, randomBetween(random, 0, 3), 0), bytes]).slice()
      : bytes,
  );
}

function evilLength(random: Random): void {
  const { payload } = someAppend(random);
  writeU32(payload, appendRecordsAt(payload), drawOne(random, [0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1_048_577, payload.length]));
  assert.equal(checkAnything(payload), false);
}

/**
 * A machine that gets whatever a log may hold, unsound payloads and counts that lie as well: it never throws but for an append of a newer build,
 * a second one does the same, and a reader gets exactly the records that were given offsets.
 */
function machine(random: Random): void {
  const log = new LogBuilder({ producersMax: 2, fencesMax: 2 });
  const twin = new StreamMachine({ producersMax: 2, fencesMax: 2 });
  const expected: Uint8Array[] = [];
  for (let left = randomBetween(random, 1, 15); left > 0; left--) {
    const { payload, records } = someAppend(random);
    const isSound = randomChance(random, 0.7);
    const kind = drawOne<BatchKind>(random, ['noop', 'configuration', 'commands', 'commands', 'commands', 'commands']);
    const bytes = kind !== 'commands' || isSound ? payload : mutateBytes(random, payload);
    if (kind === 'commands' && isNewerAppend(bytes)) {
      const stops = new LogBuilder();
      assert.throws(() => stops.add(kind, bytes, 1), isUnsupported);
      assert.deepEqual([stops.machine.hash, stops.machine.appliedIndex, stops.machine.nextOffset], [0, 0, 0], 'nothing of it was applied');
      continue;
    }
    const outcome = log.add(kind, bytes, isSound ? records.length : randomBetween(random, 1, 6));
    const batch = log.batches.at(-1) as Uint8Array;
    assert.deepEqual(twin.apply(trustedBatchHeader(batch), bytes), outcome);
    if (outcome.status !== 'appended') continue;
    assert.deepEqual([kind, outcome.offset], ['commands', expected.length]);
    expected.push(...recordsOf(bytes.subarray(appendRecordsAt(bytes))));
  }
  assert.equal(twin.hash, log.machine.hash);
  assert.equal(log.machine.nextOffset, expected.length);
  for (let fromOffset = 0; fromOffset <= expected.length; fromOffset++) {
    const maxRecords = randomBetween(random, 1, 6);
    const limits = { fromOffset, maxRecords, maxBytes: randomBetween(random, 0, 60), appliedIndex: log.nextIndex - 1 };
    const result = readRecords(log, log.machine, limits);
    const read = recordsOf(result.records);
    assert.ok(read.length === result.count && result.count <= maxRecords && (result.count > 0 || fromOffset === expected.length));
    assert.deepEqual(read, expected.slice(fromOffset, fromOffset + read.length));
  }
}

/** The log gives other bytes to a reader than it gave to the machine: `dataDamaged`, or as many records as were asked for; never a crash. */
function damagedLog(random: Random): void {
  const log = new LogBuilder();
  let next = 0;
  for (let left = randomBetween(random, 1, 6); left > 0; left--) {
    const records = Array.from({ length: randomBetween(random, 1, 4) }, () => drawBytes(random, 20));
    log.append({ number: next, records });
    next += records.length;
  }
  const victim = randomBetween(random, 0, log.batches.length - 1);
  const header = trustedBatchHeader(log.batches[victim] as Uint8Array);
  const payload = drawBytes(random, 80);
  const version = randomBetween(random, 1, 2);
  const headerBytes = randomChance(random, 0.8) && version === 2 ? FENCED_HEADER_BYTES : APPEND_HEADER_BYTES;
  const fake = concatBytes([new Uint8Array(headerBytes), payload]).slice();
  fake[0] = version;
  fake[2] = randomBetween(random, 0, 5);
  const baseIndex = randomChance(random, 0.8) ? header.baseIndex : header.baseIndex + 1;
  const shape = { kind: 'commands' as const, group: 16 as GroupId, term: 1, baseIndex, count: header.count, loggedTimeMs: 0 };
  log.batches[victim] = encodeBatch({ ...shape, payloadChecksum: crc32c(fake) }, fake, crc32c);
  try {
    const limits = { fromOffset: randomBetween(random, 0, next), maxRecords: 100, maxBytes: 10_000, appliedIndex: log.nextIndex - 1 };
    const result = readRecords(log, log.machine, limits);
    assert.ok(result.records.length <= log.batches.reduce((sum, batch) => sum + batch.length, 0));
  } catch (thrown) {
    if (!(thrown instanceof QuorateError && thrown.code === 'dataDamaged')) throw thrown;
  }
}

const isUnsupported = (thrown: unknown): boolean => thrown instanceof QuorateError && thrown.code === 'formatUnsupported';

const KINDS = [roundTrip, mutated, mutated, mutated, truncated, noise, evilLength, machine, damagedLog] as const;

/** Append payloads, the machine that applies them and the reader: unsound bytes are `malformedFrame`, a log that changed is `dataDamaged`. */
export function fuzzStreams(seed: number, cases: number): { cases: number } {
  return runFuzz('fuzzStreams', KINDS, seed, cases);
}

/** What reads records out of a log of any payloads. */
export const COVERS: Readonly<Record<string, readonly string[]>> = { fuzzStreams: ['readRecords'] };
