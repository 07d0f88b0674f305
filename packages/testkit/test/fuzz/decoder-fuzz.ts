import assert from 'node:assert/strict';
import { cpuUsage } from 'node:process';
import { type ErrorCode, QuorateError } from '@quorate/base';
import fc from 'fast-check';
import { type FieldPlace, edited, someEdit } from './edits.js';
import { type Measured, measured } from './measured.js';

/** A decoder, what it may be given and what it may do. */
export interface FuzzedDecoder<T = unknown> {
  /** Unique in its package; corpus files name it. */
  readonly name: string;
  /** Functions and classes of the package that it leads through. */
  readonly covers: readonly string[];
  /** Valid values, at the borders of the format often. */
  readonly values: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  /** What the bytes mean; null if it says no by value. */
  readonly decode: (bytes: Uint8Array) => T | null;
  /** Codes of the errors that it may throw; nothing else may come. */
  readonly codes: readonly ErrorCode[];
  /** Numbers at the limits of the format. */
  readonly borders?: readonly number[];
  /** Values that differ may be equal (and a value may have several encodings): only that decoding succeeds again is asked. Default false. */
  readonly isLossy?: boolean;
  /** Any bytes mean something. Default false. */
  readonly isTotal?: boolean;
  /** What comes out is not what went in: nothing is encoded again. Default false. */
  readonly isOneWay?: boolean;
  /** A value has one encoding: what decodes encodes to the same bytes. Default false. */
  readonly isCanonical?: boolean;
  /** Puts right checksums into changed bytes, so that what is behind them must be checked by itself. */
  readonly seal?: (bytes: Uint8Array) => Uint8Array;
  /** Most bytes of memory asked for at once per byte of input, and besides. Default 64 and 16,384. */
  readonly memory?: { readonly perByte: number; readonly besides: number };
}

/** A decoder of some values among decoders of any: what it is given comes from its own arbitrary. */
export function fuzzed<T>(decoder: FuzzedDecoder<T>): FuzzedDecoder {
  return decoder as unknown as FuzzedDecoder;
}

/** Objects as literals make them. */
export function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** 16 lower-case hexadecimal digits, as ids of clusters and incarnations have them. */
export const hex16: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 8, maxLength: 8 })
  .map((bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));

/** What was found: the decoder, and the smallest input that shows it. */
export class FuzzFinding extends Error {
  override readonly name: string = 'FuzzFinding';
  readonly decoder: string;
  readonly input: Uint8Array;

  constructor(decoder: string, input: Uint8Array, message: string, options: ErrorOptions) {
    super(message, options);
    this.decoder = decoder;
    this.input = input;
  }
}

const MEMORY = { perByte: 64, besides: 16_384 };
/** Reads per byte, and besides: a field of no bytes may stand in a list once per byte. */
const READS = { perByte: 8, besides: 1000 };
const CPU_MS_MAX = 100;

/** Whether the time of each input is measured too: only where nothing else runs. */
export const timing: { isOn: boolean } = { isOn: false };

/** Runs as many cases of a decoder; the same seed gives the same. Throws `FuzzFinding` with the input shrunk. */
export function fuzzDecoder<T>(
  decoder: FuzzedDecoder<T>,
  seed: number,
  cases: number,
): { readonly cases: number; readonly decoded: number } {
  let decoded = 0;
  const result = fc.check(
    fc.property(someInput(decoder), ({ bytes, value }) => {
      if (value !== undefined && decoder.isLossy !== true)
        assert.deepEqual(decoder.decode(bytes.slice()), value, 'what was encoded is decoded to the same');
      if (tryInput(decoder, bytes)) decoded++;
    }),
    { seed, numRuns: cases },
  );
  if (result.failed) {
    const input = result.counterexample?.[0].bytes;
    // The generator itself failed: a valid value that cannot be encoded, or is decoded to another one.
    if (input === undefined) throw result.errorInstance;
    const cause = result.errorInstance;
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new FuzzFinding(decoder.name, input, `${decoder.name}: seed ${seed}, ${result.numRuns} cases: ${what}`, { cause });
  }
  return { cases: result.numRuns, decoded };
}

interface Input<T> {
  readonly bytes: Uint8Array;
  /** What it was encoded from, if it is valid. */
  readonly value?: T;
}

/** Valid ones, valid ones with edits, and noise. */
function someInput<T>(decoder: FuzzedDecoder<T>): fc.Arbitrary<Input<T>> {
  const { values, encode, seal = (bytes: Uint8Array): Uint8Array => bytes } = decoder;
  const edits = fc.array(someEdit(decoder.borders), { minLength: 1, maxLength: 4 });
  return fc.oneof(
    { weight: 2, arbitrary: values.map((value) => ({ bytes: encode(value), value })) },
    {
      weight: 10,
      arbitrary: fc.record({ value: values, other: values, changes: edits, isSealed: fc.boolean() }).map((drawn) => {
        const bytes = edited(encode(drawn.value), drawn.changes, encode(drawn.other), (now) => fieldsOf(decoder, now));
        return { bytes: drawn.isSealed ? seal(bytes) : bytes };
      }),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }).map((bytes) => ({ bytes })) },
  );
}

/** Where the decoder reads, as far as it comes; for one without a `ByteReader` four bytes anywhere. */
function fieldsOf<T>(decoder: FuzzedDecoder<T>, bytes: Uint8Array): readonly FieldPlace[] {
  const { fields } = measured(() => {
    try {
      decoder.decode(bytes.slice());
    } catch {
      // Where it stops is enough.
    }
  });
  const within = fields.filter(({ at, length }) => at + length <= bytes.length);
  if (within.length > 0) return within;
  return Array.from({ length: bytes.length }, (_, at) => ({ at, length: [1, 2, 4, 8][at & 3] as number }));
}

/** Gives bytes to a decoder and checks everything that holds for any; true if they mean something. */
export function tryInput<T>(decoder: FuzzedDecoder<T>, bytes: Uint8Array): boolean {
  const given = bytes.slice();
  let value: T | null = null;
  const counted = measured(() => {
    value = allowed(decoder, given);
  });
  assert.deepEqual(given, bytes, 'a decoder changes nothing in its input');
  checkBounds(decoder, bytes.length, counted);
  if (timing.isOn) checkTime(decoder, bytes);
  if (value === null) return false;
  if (decoder.isOneWay === true) return true;
  const again = decoder.encode(value);
  if (decoder.isCanonical === true) assert.deepEqual(Uint8Array.from(again), Uint8Array.from(bytes), 'a value has one encoding');
  const back = decoder.decode(again.slice());
  if (decoder.isLossy !== true) assert.deepEqual(back, value, 'what was decoded encodes to the same');
  return true;
}

/** The value; null if the bytes were refused with an error that is promised. */
function allowed<T>(decoder: FuzzedDecoder<T>, bytes: Uint8Array): T | null {
  try {
    return decoder.decode(bytes);
  } catch (thrown) {
    if (thrown instanceof QuorateError && decoder.codes.includes(thrown.code)) return null;
    const code = thrown instanceof QuorateError ? thrown.code : 'no error of ours';
    throw new Error(`${code}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
  }
}

function checkBounds<T>({ memory = MEMORY }: FuzzedDecoder<T>, length: number, { allocatedBytes, reads }: Measured): void {
  const most = memory.perByte * length + memory.besides;
  assert.ok(allocatedBytes <= most, `${allocatedBytes} bytes of memory for ${length} bytes of input, at most ${most}`);
  const readsMax = READS.perByte * length + READS.besides;
  assert.ok(reads <= readsMax, `${reads} reads of ${length} bytes, at most ${readsMax}`);
}

/** Time of the processor, and the best of three: what else the machine does counts for little. */
function checkTime<T>(decoder: FuzzedDecoder<T>, bytes: Uint8Array): void {
  let best = Number.POSITIVE_INFINITY;
  for (let left = 3; left > 0 && best > CPU_MS_MAX; left--) {
    const before = cpuUsage();
    allowed(decoder, bytes.slice());
    const { user, system } = cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  assert.ok(best <= CPU_MS_MAX, `${best} ms for ${bytes.length} bytes, at most ${CPU_MS_MAX}`);
}
