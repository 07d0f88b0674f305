import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ByteReader,
  ByteWriter,
  QuorateError,
  bytesEqual,
  concatBytes,
  fromUtf8,
  isZero,
  readU16,
  readU32,
  readU64,
  utf8,
  writeU16,
  writeU32,
  writeU64,
  zerosFrom,
} from '@quorate/base';
import fc from 'fast-check';
import { check } from './property.js';

const malformed = (error: unknown): boolean => error instanceof QuorateError && error.code === 'malformedFrame';

type Field =
  | { readonly type: 'u8' | 'u16' | 'u32' | 'u64'; readonly value: number }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'text'; readonly value: string };

const field: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  fc.record({ type: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({ type: fc.constant('text' as const), value: fc.string({ unit: 'binary', maxLength: 100 }) }),
);

function write(writer: ByteWriter, one: Field): void {
  if (one.type === 'bytes') writer.bytes(one.value);
  else if (one.type === 'text') writer.text(one.value);
  else writer[one.type](one.value);
}

function readBack(reader: ByteReader, one: Field): unknown {
  if (one.type === 'bytes') return Uint8Array.from(reader.bytes(300));
  return reader[one.type]();
}

test('numbers: written at any position → read back the same, neighbours untouched', () => {
  check(
    fc.property(fc.nat(20), fc.maxSafeNat(), (at, value) => {
      const bytes = new Uint8Array(32).fill(0xaa);
      writeU64(bytes, at, value);
      assert.equal(readU64(bytes, at), value);
      assert.equal(readU32(bytes, at), value % 0x1_0000_0000);
      writeU32(bytes, at, value);
      assert.equal(readU32(bytes, at), value % 0x1_0000_0000);
      writeU16(bytes, at, value);
      assert.equal(readU16(bytes, at), value % 0x1_0000);
      bytes.fill(0xaa, at, at + 8);
      assert.ok(bytes.every((byte) => byte === 0xaa));
    }),
  );
});

test('numbers: byte order → little-endian', () => {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, 0x01_0203_0405_0607);
  assert.deepEqual([...bytes], [7, 6, 5, 4, 3, 2, 1, 0]);
});

test('writer and reader: any sequence of fields → the same fields, nothing left', () => {
  check(
    fc.property(fc.array(field, { maxLength: 30, size: 'max' }), fc.integer({ min: 0, max: 64 }), (fields, capacity) => {
      const writer = new ByteWriter(capacity);
      for (const one of fields) write(writer, one);
      const length = writer.length;
      const bytes = writer.take();
      assert.equal(bytes.length, length);
      assert.equal(writer.length, 0);
      const reader = new ByteReader(bytes);
      for (const one of fields) assert.deepEqual(readBack(reader, one), one.value);
      reader.end();
    }),
  );
});

test('T80: reader: every cut of a sound input → malformedFrame, never a value from beyond the end', () => {
  check(
    fc.property(fc.array(field, { minLength: 1, maxLength: 10 }), fc.nat(), (fields, draw) => {
      const writer = new ByteWriter();
      for (const one of fields) write(writer, one);
      const bytes = writer.take();
      const reader = new ByteReader(bytes.subarray(0, draw % bytes.length));
      assert.throws(() => {
        for (const one of fields) readBack(reader, one);
      }, malformed);
    }),
  );
});

test('T80: reader: a length over the bound → malformedFrame before anything is taken', () => {
  const huge = new ByteWriter().u32(0xffff_ffff).raw(new Uint8Array(8)).take();
  assert.throws(() => new ByteReader(huge).bytes(1024), malformed);
  assert.throws(() => new ByteReader(huge).bytes(0xffff_ffff), malformed);
  assert.throws(() => new ByteReader(huge).raw(-1), malformed);
  const text = new ByteWriter().text('abcdef').take();
  assert.throws(() => new ByteReader(text).text(5), malformed);
  assert.equal(new ByteReader(text).text(6), 'abcdef');
});

test('T80: reader: a 64-bit number over 2^53 - 1 → malformedFrame', () => {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, Number.MAX_SAFE_INTEGER);
  assert.equal(new ByteReader(bytes).u64(), Number.MAX_SAFE_INTEGER);
  bytes[6] = 0x20;
  assert.throws(() => new ByteReader(bytes).u64(), malformed);
  assert.throws(() => new ByteReader(new Uint8Array(8).fill(0xff)).u64(), malformed);
});

test('T80: reader: random bytes → a value or malformedFrame, nothing else', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(field, { maxLength: 8 }), (bytes, fields) => {
      const reader = new ByteReader(bytes);
      try {
        for (const one of fields) readBack(reader, one);
        reader.end();
      } catch (error) {
        assert.ok(malformed(error), String(error));
      }
      assert.ok(reader.position <= bytes.length);
    }),
  );
});

test('reader: bytes left over → end() throws malformedFrame', () => {
  const reader = new ByteReader(new Uint8Array(3));
  reader.u16();
  assert.equal(reader.remaining, 1);
  assert.throws(() => reader.end(), malformed);
});

test('writer: a length patched in afterwards → only these four bytes change', () => {
  const writer = new ByteWriter(4).u32(0).u8(9).u16(0x1234);
  writer.patchU32(0, writer.length - 4);
  assert.deepEqual([...writer.take()], [3, 0, 0, 0, 9, 0x34, 0x12]);
});

test('writer: taken bytes → later writes never reach them', () => {
  const writer = new ByteWriter(16).u32(1);
  const taken = writer.take();
  writer.u32(0xffff_ffff);
  assert.deepEqual([...taken], [1, 0, 0, 0]);
});

test('writer: text over 65535 bytes → invalidArgument', () => {
  const isInvalid = (error: unknown): boolean => error instanceof QuorateError && error.code === 'invalidArgument';
  assert.throws(() => new ByteWriter().text('é'.repeat(32_768)), isInvalid);
  assert.equal(new ByteReader(new ByteWriter().text('x'.repeat(65_535)).take()).text().length, 65_535);
});

test('text: well-formed strings → round trip; bad UTF-8 → malformedFrame', () => {
  check(fc.property(fc.string({ unit: 'binary' }), (text) => assert.equal(fromUtf8(utf8(text)), text)));
  for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    assert.throws(() => fromUtf8(Uint8Array.from(bad)), malformed);
  }
  assert.equal(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa', 'a byte order mark is data');
});

test('concatBytes and bytesEqual: any parts → as the simple model says', () => {
  check(
    fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 6 }), fc.uint8Array({ maxLength: 20 }), (parts, other) => {
      const model = parts.flatMap((part) => [...part]);
      const joined = concatBytes(parts);
      assert.deepEqual([...joined], model);
      assert.equal(bytesEqual(joined, Uint8Array.from(model)), true);
      assert.equal(bytesEqual(joined, other), JSON.stringify(model) === JSON.stringify([...other]));
    }),
  );
});

test('ByteWriter: many results cut from one writer → each holds its own bytes, also after those behind it were written', () => {
  check(
    fc.property(fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 40 }), fc.constantFrom(1, 64, 300), (results, capacity) => {
      const shared = new ByteWriter(capacity);
      const cuts = results.map((fields, i) => {
        for (const one of fields) write(shared, one);
        // What is cleared away must leave no trace.
        if (i % 3 === 2) {
          shared.clear();
          for (const one of fields) write(shared, one);
        }
        return shared.cut();
      });
      assert.equal(shared.length, 0);
      for (const [i, fields] of results.entries()) {
        const own = new ByteWriter();
        for (const one of fields) write(own, one);
        assert.deepEqual(cuts[i], own.take());
      }
    }),
  );
});

test('ByteWriter: a length patched after an earlier result was cut off → it is patched where it was written', () => {
  const writer = new ByteWriter(64).u32(7);
  const first = writer.cut();
  const at = writer.u8(1).length;
  writer.u32(0).patchU32(at, 9);
  assert.deepEqual([...first], [7, 0, 0, 0]);
  assert.deepEqual([...writer.copy()], [1, 9, 0, 0, 0]);
});

test('utf8: short and long texts, ASCII or not → the bytes that a TextEncoder gives', () => {
  check(
    fc.property(fc.oneof(fc.string({ maxLength: 60 }), fc.string({ unit: 'binary', maxLength: 60 })), (text) => {
      assert.deepEqual(utf8(text), new TextEncoder().encode(text));
    }),
  );
});

test('isZero and zerosFrom: one byte set anywhere, at any place in memory → not zero, and the zeros up to it; none → zero', () => {
  const memory = new Uint8Array(40);
  for (let from = 0; from < 8; from++) {
    for (let length = 0; length < 24; length++) {
      const bytes = memory.subarray(from, from + length);
      assert.equal(isZero(bytes), true);
      for (let at = 0; at < length; at++) {
        bytes[at] = 1;
        assert.equal(isZero(bytes), false, `byte ${at} of ${length} from ${from}`);
        for (let begin = 0; begin <= length; begin++)
          assert.equal(zerosFrom(bytes, begin), (begin <= at ? at : length) - begin, `from ${begin}, byte ${at} of ${length}`);
        bytes[at] = 0;
      }
      // What lies around it does not count.
      memory[from + length] = 1;
      assert.equal(isZero(bytes), true);
      memory[from + length] = 0;
    }
  }
});
