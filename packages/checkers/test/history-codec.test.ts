import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError } from '@quorate/base';
import {
  type HistoryEvent,
  HISTORY_LIMITS,
  type HistoryHeader,
  LineSplitter,
  bytesText,
  decodeEvent,
  decodeHeader,
  encodeEvent,
  encodeHeader,
  textBytes,
} from '@quorate/checkers';
import { compareTexts, fromBase64, hasPrefix, toBase64 } from '../dist/history/history-text.js';
import { randomWorld } from './random-world.js';

const HEADER: HistoryHeader = { format: 'quorate-history', version: 1, source: 'test', objects: [{ name: 'm', kind: 'map' }] };

function refused(body: () => unknown, message: RegExp, details: Readonly<Record<string, unknown>> = {}): void {
  assert.throws(body, (error) => {
    assert.ok(error instanceof QuorateError && error.code === 'invalidArgument', String(error));
    assert.match(error.message, message);
    for (const [name, value] of Object.entries(details)) assert.equal(error.details[name], value, `${name} of "${error.message}"`);
    return true;
  });
}

test('format: a whole world written and read → the same events', () => {
  const { header, events } = randomWorld(3, 200);
  assert.deepEqual(decodeHeader(encodeHeader(header)), header);
  for (const event of events) assert.deepEqual(decodeEvent(encodeEvent(event)), event);
});

test('format: any text, bytes and whole numbers as values → the same values', () => {
  const value = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 20 }).map(bytesText),
    fc.maxSafeInteger(),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n }),
    fc.constantFrom(null, true, false),
  );
  const nested = fc.oneof(
    value,
    fc.array(value, { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), value, { minKeys: 2 }),
  );
  fc.assert(
    fc.property(nested, (result) => {
      const event: HistoryEvent = { type: 'ok', timeMs: 1.5, process: 0, result };
      const line = encodeEvent(event);
      assert.ok(!line.includes('\n'));
      assert.deepEqual(decodeEvent(line), { ...event, result: JSON.parse(JSON.stringify(result, big), small) });
      assert.equal(encodeEvent(decodeEvent(line)), line);
    }),
  );
});
const big = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);
const small = (_: string, value: unknown): unknown =>
  typeof value === 'string' && /^\d{16,}n$/.test(value) ? BigInt(value.slice(0, -1)) : value;

test('format: bytes → the text they are if they are UTF-8, otherwise Base64; order and prefixes are those of the bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 8 });
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.deepEqual(textBytes(bytesText(a)), a);
      assert.deepEqual(fromBase64(toBase64(a)), a);
      assert.equal(toBase64(a), Buffer.from(a).toString('base64'));
      assert.equal(Math.sign(compareTexts(bytesText(a), bytesText(b))), Buffer.compare(a, b));
      assert.equal(hasPrefix(bytesText(a), bytesText(b)), Buffer.compare(a.subarray(0, b.length), b) === 0);
    }),
    { numRuns: 2000 },
  );
});

test('format: bytes in Base64 that are a text → the text', () => {
  assert.deepEqual(decodeEvent('{"type":"ok","timeMs":0,"process":0,"result":{"base64":"YQ=="}}'), {
    type: 'ok',
    timeMs: 0,
    process: 0,
    result: 'a',
  });
  assert.equal(Math.sign(compareTexts('\uE000', '\u{10000}')), -1);
});

test('format: JSON that is cut or spoilt anywhere → the column where it stops being JSON', () => {
  const column = (line: string): number => {
    try {
      decodeEvent(line);
    } catch (error) {
      if (error instanceof QuorateError) return Number(error.details['column']);
    }
    return 0;
  };
  const found = [
    'hello',
    '{"a":1,}',
    '{"a" 1}',
    '{"a":[1,2}',
    '{"a":01}',
    '{"a":"\\x"}',
    '{"a":1}}',
    '{"a":tru',
    '[1 2]',
    '{a:1}',
    '{"a":"x\u0001"}',
  ].map(column);
  assert.deepEqual(found, [1, 8, 6, 10, 7, 6, 8, 6, 4, 2, 6]);
  // As long as a line may be: neither the text nor the blanks nor the levels may be too many for it.
  assert.equal(column(`{"a":"${'x'.repeat(8_000_000)}" "`), 8_000_009);
  assert.equal(column(`${' '.repeat(8_000_000)}x`), 8_000_001);
  assert.equal(column('['.repeat(1_000_000)), 1_000_001);
  fc.assert(
    fc.property(fc.json(), fc.nat(), (json, cut) => {
      const part = json.slice(0, cut % json.length);
      try {
        JSON.parse(part);
      } catch {
        assert.ok(column(part) >= 1 && column(part) <= part.length + 1);
        return;
      }
      assert.ok(!(column(part) > 0), `${part} is JSON`);
    }),
  );
});

test('format: a line that is wrong → refused with its field or column', () => {
  const event = (fields: object): string =>
    JSON.stringify({ type: 'invoke', timeMs: 0, process: 0, object: 'm', op: 'get', args: {}, ...fields });
  refused(() => decodeEvent('{"type":"ok",'), /not a line of JSON/, { field: '', column: 14 });
  refused(() => decodeEvent(''), /not a line of JSON/, { column: 1 });
  refused(() => decodeEvent('[]'), /must be a JSON object/);
  refused(() => decodeEvent(event({ type: 'begin' })), /type must be one of: invoke, ok/, { field: 'type' });
  refused(() => decodeEvent(event({ type: 'toString' })), /type must be one of/, { field: 'type' });
  refused(() => decodeEvent(event({ timeMs: '1' })), /timeMs must be a number/, { field: 'timeMs' });
  refused(() => decodeEvent(event({ timeMs: 1e21 })), /timeMs is a number beyond 2\^53/, { field: 'timeMs' });
  refused(() => decodeEvent(event({ process: -1 })), /process must be a whole number/, { field: 'process' });
  refused(() => decodeEvent(event({ process: undefined })), /process is missing/, { field: 'process' });
  refused(() => decodeEvent(event({ op: 7 })), /op must be a text/, { field: 'op' });
  refused(() => decodeEvent(event({ args: [] })), /args must be an object/, { field: 'args' });
  refused(() => decodeEvent(event({ colour: 1 })), /invoke has no field "colour"/, { field: 'colour' });
  refused(() => decodeEvent(event({ consistency: 'strong' })), /consistency must be one of/, { field: 'consistency' });
  refused(() => decodeEvent(event({}).replace('"args":{}', '"args":{"version":9007199254740993}')), /loses digits/, {
    field: 'args.version',
  });
  refused(() => decodeEvent(event({}).replace('"args":{}', '"args":{"version":1e999}')), /beyond 2\^53/, { field: 'args.version' });
  refused(() => decodeEvent(event({ args: { key: { base64: 'a' } } })), /not standard Base64/, { field: 'args.key' });
  refused(() => decodeEvent(event({ args: { key: { int: '1.5' } } })), /must be a whole number as text/, { field: 'args.key' });
  refused(() => decodeEvent(event({ args: { key: '\uD800x' } })), /lone surrogate/, { field: 'args.key' });
  refused(() => decodeEvent(event({ args: { key: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) } })), /more than 32 levels/, {
    field: 'args.key',
  });
  refused(() => decodeEvent('{"type":"session","timeMs":0,"client":"c","session":"s","state":"gone"}'), /state must be one of/, {
    field: 'state',
  });
});

test('format: a header that is wrong → refused with its field', () => {
  const header = (fields: object): string => JSON.stringify({ ...HEADER, ...fields });
  refused(() => decodeHeader('{}'), /not a history/, { field: 'format' });
  refused(() => decodeHeader(header({ version: 2 })), /version 2 of the format is not known/, { field: 'version' });
  refused(() => decodeHeader(header({ source: 1 })), /source must be a text/, { field: 'source' });
  refused(() => decodeHeader(header({ objects: {} })), /objects must be a list/, { field: 'objects' });
  refused(() => decodeHeader(header({ objects: [1] })), /must be an object/, { field: 'objects[0]' });
  refused(() => decodeHeader(header({ objects: [{ name: 'm', kind: 'tree' }] })), /kind must be one of: register/, {
    field: 'objects[0].kind',
  });
  refused(() => decodeHeader(header({ objects: [{ name: '', kind: 'map' }] })), /name must be a text/, { field: 'objects[0].name' });
  refused(() => decodeHeader(header({ objects: [...HEADER.objects, ...HEADER.objects] })), /stands there twice/, {
    field: 'objects[1].name',
  });
  refused(() => decodeHeader(header({ objects: [{ name: 'm', kind: 'map', group: -1 }] })), /group must be a whole number/, {
    field: 'objects[0].group',
  });
  refused(() => decodeHeader(header({ objects: [{ name: 'm', kind: 'map', isReadBack: 1 }] })), /must be true or false/, {
    field: 'objects[0].isReadBack',
  });
  refused(() => decodeHeader(header({ colour: 1 })), /there is no field "colour"/, { field: 'colour' });
});

test('format: a value that has no form → the writer refuses it', () => {
  refused(() => encodeEvent({ type: 'ok', timeMs: 0, process: 0, result: 2 ** 60 }), /loses digits/);
  refused(() => encodeEvent({ type: 'ok', timeMs: Number.NaN, process: 0, result: null }), /beyond 2\^53/);
});

test('lines: a file in pieces of any size → the same lines, the last one without an end too', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'ß', '😀', ' ') }), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 7 }),
      (lines, size) => {
        const bytes = new TextEncoder().encode(lines.join('\n'));
        const splitter = new LineSplitter();
        const found: string[] = [];
        for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.slice(at, at + size), (line) => found.push(line));
        splitter.finish((line) => found.push(line));
        assert.deepEqual(found, lines.at(-1) === '' ? lines.slice(0, -1) : lines);
      },
    ),
  );
});

test('lines: no UTF-8, or a line beyond the limit → refused with its number, whole or in pieces', () => {
  const ignore = (): void => {};
  refused(() => new LineSplitter().push(Uint8Array.of(97, 10, 0xff, 10), ignore), /line 2: not UTF-8/, { line: 2 });
  const long = new Uint8Array(HISTORY_LIMITS.lineBytesMax + 1).fill(97);
  refused(() => new LineSplitter().push(long, ignore), /line 1: longer than 16777216 bytes/, { line: 1 });
  const splitter = new LineSplitter();
  splitter.push(long.subarray(1), ignore);
  refused(() => splitter.push(Uint8Array.of(97, 10), ignore), /line 1: longer than/, { line: 1 });
});

test('T80: format: a version that is an object without a text, or lists too deep to be one → refused like any other version', () => {
  for (const version of ['{"toString":1,"valueOf":1}', '['.repeat(100_000) + ']'.repeat(100_000)]) {
    refused(
      () => decodeHeader(`{"format":"quorate-history","version":${version},"source":"","objects":[]}`),
      /version that is no number of the format is not known/,
      { field: 'version' },
    );
  }
});

test('format: a zero with a minus → the zero that it is written as', () => {
  const event = decodeEvent('{"type":"ok","timeMs":-0,"process":-0,"result":[-0,{"int":"-0"}]}');
  assert.deepEqual(event, { type: 'ok', timeMs: 0, process: 0, result: [0, 0] });
});
