import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, utf8 } from '@quorate/base';
import fc from 'fast-check';
import { check } from './property.js';

/** CRC-32C as its definition says, bit by bit. */
function model(bytes: Uint8Array): number {
  let c = 0xffff_ffff;
  for (const byte of bytes) {
    c ^= byte;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f6_3b78 : c >>> 1;
  }
  return (c ^ 0xffff_ffff) >>> 0;
}

test('crc32c: published vectors → the published values', () => {
  assert.equal(crc32c(utf8('123456789')).toString(16), 'e3069283');
  assert.equal(crc32c(new Uint8Array(0)), 0);
  // RFC 3720, appendix B.4.
  assert.equal(crc32c(new Uint8Array(32)).toString(16), '8a9136aa');
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)).toString(16), '62a8ab43');
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => at)).toString(16), '46dd794e');
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, at) => 31 - at)).toString(16), '113fdb5c');
});

test('crc32c: any bytes → equal to the bit-by-bit definition', () => {
  check(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => assert.equal(crc32c(bytes), model(bytes))));
});

test('crc32c: continued from the sum of a first part → the sum of the whole', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
      const at = Math.min(cut, bytes.length);
      assert.equal(crc32c(bytes.subarray(at), crc32c(bytes.subarray(0, at))), crc32c(bytes));
    }),
  );
});

test('crc32c: one flipped bit anywhere → another sum', () => {
  check(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.nat(), (bytes, draw) => {
      const flipped = bytes.slice();
      const at = draw % bytes.length;
      flipped[at] = (flipped[at] as number) ^ (1 << (draw % 8));
      assert.notEqual(crc32c(flipped), crc32c(bytes));
    }),
  );
});
