import { fromUtf8, utf8 } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { editedJson } from '../../testkit/dist-test/fuzz/json-edits.js';
import { addressList, duration, fence, integer, seconds, wholeNumber } from '../dist/arguments.js';
import { LineSplitter, readableLine } from '../dist/dev/node-lines.js';
import { printable, recordJson } from '../dist/record-text.js';
import { STORED_VALUES, type StoredValue, oneLine, valueJson, valueLine, valueOutput } from '../dist/stored-value.js';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A parser of a flag's value: commander's refusal is the only one. */
function ofArgument<T>(name: string, parse: (text: string) => T, values: fc.Arbitrary<T>, textOf: (value: T) => string): FuzzedDecoder {
  return fuzzed<{ readonly value: T }>({
    name,
    covers: [name.replace(/ with a .*/, '').replace(/ (.)/g, (_, letter: string) => letter.toUpperCase())],
    values: values.map((value) => ({ value })),
    encode: ({ value }) => utf8(textOf(value)),
    decode: (bytes) => {
      try {
        return { value: parse(text(bytes)) };
      } catch (thrown) {
        if (thrown instanceof InvalidArgumentError) return null;
        throw thrown;
      }
    },
    codes: [],
    isLossy: name.endsWith('changed structure'),
    isOneWay: name.endsWith('changed structure'),
  });
}

const index = fc.maxSafeNat();
const someFence = record({ group: index, resource: index, token: record({ epoch: index, index }) }) as unknown as fc.Arbitrary<Fence>;
const stored: fc.Arbitrary<StoredValue> = fc.oneof(
  record({ type: fc.constant('json' as const), value: fc.jsonValue() }),
  record({
    type: fc.constant('bytes' as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 30 }).map((bytes) => Uint8Array.of(0xff, ...bytes)),
  }),
);

/** Shows a value in all the ways that commands do. */
function shown(value: StoredValue): StoredValue {
  valueOutput(value);
  JSON.stringify(valueJson(value));
  checkLine(valueLine(value));
  return value;
}

/** What goes to a terminal is one line without anything that would drive it. */
function checkLine(line: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(line)) throw new Error(`a control character in ${JSON.stringify(line)}`);
}

const logLine = record({
  level: fc.constantFrom('info', 'warn'),
  time: fc.constant('2026-11-21T20:00:00.000Z'),
  msg: fc.string(),
  rest: fc.jsonValue(),
});

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  ofArgument('whole number', wholeNumber(3), fc.integer({ min: 3, max: Number.MAX_SAFE_INTEGER }), String),
  ofArgument(
    'seconds',
    seconds,
    fc.integer({ min: 1, max: 999_999_999 }).map((ms) => ms / 1000),
    (value) => value.toFixed(3),
  ),
  ofArgument(
    'integer',
    integer,
    fc.maxSafeInteger().map((value) => value + 0),
    String,
  ),
  // Up to what seconds with three decimals can say.
  ofArgument('duration', duration(1, 999_999_999_000), fc.integer({ min: 1, max: 999_999_999_000 }), (ms) => `${(ms / 1000).toFixed(3)}s`),
  ofArgument('fence', fence, someFence, (value) => JSON.stringify(value)),
  ofArgument('fence with a changed structure', (given) => JSON.stringify(fence(given)), editedJson(someFence), String),
  ofArgument(
    'address list',
    addressList,
    fc.array(fc.constantFrom('127.0.0.1:1', '[::1]:7400', 'a.b:65535'), { minLength: 1, maxLength: 3 }) as fc.Arbitrary<readonly string[]>,
    (list) => list.join(','),
  ),
  fuzzed<StoredValue>({
    name: 'stored value',
    covers: [],
    values: stored,
    encode: (value) => STORED_VALUES.encode(value),
    decode: (bytes) => shown(STORED_VALUES.decode(bytes)),
    codes: [],
    isLossy: true,
    isTotal: true,
  }),
  fuzzed<unknown>({
    name: 'stored value with a changed structure',
    covers: [],
    values: editedJson(fc.jsonValue({ maxDepth: 4 })),
    encode: (value) => (typeof value === 'string' ? utf8(value) : STORED_VALUES.encode(value as StoredValue)),
    decode: (bytes) => shown(STORED_VALUES.decode(bytes)),
    codes: [],
    isLossy: true,
    isTotal: true,
  }),
  fuzzed<Uint8Array>({
    name: 'record',
    covers: [],
    values: fc.uint8Array({ maxLength: 40 }),
    encode: (bytes) => bytes,
    decode: (bytes) => {
      const json = recordJson({ offset: 1, value: bytes });
      checkLine(oneLine(printable(text(bytes))));
      return 'value' in json ? utf8(json.value) : Uint8Array.from(Buffer.from(json.base64, 'base64'));
    },
    codes: [],
    isCanonical: true,
    isTotal: true,
  }),
  fuzzed<string>({
    name: 'log lines of a node',
    covers: ['parseLine', 'readableLine', 'LineSplitter'],
    values: fc.oneof(
      logLine.map((line) => `${JSON.stringify(line)}\n`),
      editedJson(logLine).map((line) => `${line}\n`),
      fc.string(),
    ),
    encode: (value) => utf8(value),
    decode: (bytes) => {
      let given: string;
      try {
        given = fromUtf8(bytes);
      } catch {
        return null;
      }
      const lines: string[] = [];
      const splitter = new LineSplitter((line) => lines.push(line));
      splitter.push(given.slice(0, 5));
      splitter.push(given.slice(5));
      splitter.end();
      for (const line of lines) readableLine(line);
      return given;
    },
    codes: [],
    isCanonical: true,
  }),
];
