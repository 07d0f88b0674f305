import { utf8 } from '@quorate/base';
import { type HistoryEvent, LineSplitter, decodeEvent, decodeHeader, encodeEvent, encodeHeader } from '@quorate/checkers';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { editedJson } from '../../testkit/dist-test/fuzz/json-edits.js';
import { fromBase64, toBase64 } from '../dist/history/history-text.js';
import { randomWorld } from './random-world.js';

/** The line that bytes are; null if they are no line of text. */
function lineOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

const world = fc.integer().map((seed) => randomWorld(seed, 12));
const event: fc.Arbitrary<HistoryEvent> = fc
  .tuple(world, fc.nat(1000))
  .map(([{ events }, at]) => events[at % events.length] ?? { type: 'note', timeMs: 0, text: 'none' });

function decodeLine<T>(decode: (line: string) => T): (bytes: Uint8Array) => T | null {
  return (bytes) => {
    const line = lineOf(bytes);
    return line === null ? null : decode(line);
  };
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'event',
    covers: ['decodeEvent'],
    values: event,
    encode: (value) => utf8(encodeEvent(value)),
    decode: decodeLine(decodeEvent),
    codes: ['invalidArgument'],
  }),
  fuzzed({
    name: 'event with a changed structure',
    covers: ['decodeEvent'],
    values: editedJson(event.map((value) => JSON.parse(encodeEvent(value)) as unknown)),
    encode: (value) => utf8(typeof value === 'string' ? value : encodeEvent(value as HistoryEvent)),
    decode: decodeLine(decodeEvent) as (bytes: Uint8Array) => unknown,
    codes: ['invalidArgument'],
    isLossy: true,
  }),
  fuzzed({
    name: 'header',
    covers: ['decodeHeader'],
    values: world.map(({ header }) => header),
    encode: (header) => utf8(encodeHeader(header)),
    decode: decodeLine(decodeHeader),
    codes: ['invalidArgument'],
  }),
  fuzzed({
    name: 'header with a changed structure',
    covers: ['decodeHeader'],
    values: editedJson(world.map(({ header }) => JSON.parse(encodeHeader(header)) as unknown)),
    encode: (value) => utf8(typeof value === 'string' ? value : JSON.stringify(value)),
    decode: decodeLine(decodeHeader) as (bytes: Uint8Array) => unknown,
    codes: ['invalidArgument'],
    isLossy: true,
  }),
  fuzzed<Uint8Array>({
    name: 'base64',
    covers: ['fromBase64'],
    values: fc.uint8Array({ maxLength: 30 }),
    encode: (bytes) => utf8(toBase64(bytes)),
    decode: (bytes) => fromBase64(new TextDecoder().decode(bytes)),
    codes: ['invalidArgument'],
    isCanonical: true,
  }),
  fuzzed<readonly string[]>({
    name: 'lines',
    covers: ['LineSplitter'],
    values: fc.array(
      fc.string({ unit: 'grapheme', maxLength: 10 }).filter((line) => !/[\n\uFEFF]/.test(line)),
      { maxLength: 5 },
    ),
    encode: (lines) => utf8(lines.map((line) => `${line}\n`).join('')),
    decode: (bytes) => {
      const whole = linesOf(bytes, bytes.length + 1);
      for (const pieceBytes of [1, 3]) {
        if (JSON.stringify(linesOf(bytes, pieceBytes)) !== JSON.stringify(whole)) throw new Error(`other lines in pieces of ${pieceBytes}`);
      }
      // The mark at the start of a line is no part of it, so that it is not written again.
      return whole;
    },
    codes: ['invalidArgument'],
  }),
];

function linesOf(bytes: Uint8Array, pieceBytes: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter();
  for (let at = 0; at < bytes.length; at += pieceBytes) splitter.push(bytes.subarray(at, at + pieceBytes), (line) => lines.push(line));
  splitter.finish((line) => lines.push(line));
  return lines;
}
