import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, writeU32 } from '@quorate/base';
import { FrameDecoder } from '@quorate/wire';

const MAX = 1000;

for (const [length, code] of [
  [0xffff_ffff, 'frameTooLarge'],
  [MAX + 1, 'frameTooLarge'],
  [0, 'malformedFrame'],
] as const) {
  test(`T80: a length of ${length} that comes byte by byte → ${code} with its last byte, nothing reserved`, () => {
    const decoder = new FrameDecoder({ frameBytesMax: MAX, expectPreface: false });
    const bytes = new Uint8Array(4);
    writeU32(bytes, 0, length);
    const none = (): void => assert.fail('no frame is expected');
    for (let at = 0; at < 3; at++) decoder.push(bytes.subarray(at, at + 1), none);
    assert.throws(
      () => decoder.push(bytes.subarray(3), none),
      (error) => error instanceof QuorateError && error.code === code,
    );
    assert.equal(decoder.bufferedBytes, 0);
  });
}
