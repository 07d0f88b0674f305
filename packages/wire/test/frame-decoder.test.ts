import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, QuorateError, concatBytes, utf8, writeU32 } from '@quorate/base';
import { FrameDecoder, OutgoingFrames, PROTOCOL_VERSION, REFERENCE_BYTES_MIN, encodePreface } from '@quorate/wire';

const MAX = 1_000_000;

function decoder(options: { frameBytesMax?: number; expectPreface?: boolean; keepBytesMax?: number } = {}): FrameDecoder {
  return new FrameDecoder({ frameBytesMax: MAX, expectPreface: false, ...options });
}

function frame(type: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(5 + body.length);
  writeU32(bytes, 0, 1 + body.length);
  bytes[4] = type;
  bytes.set(body, 5);
  return bytes;
}

function length(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeU32(bytes, 0, value);
  return bytes;
}

function hasCode(code: string, pattern: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof QuorateError);
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  };
}

const none = (): void => assert.fail('no frame is expected');

test('frame decoder: several frames in one read → handed out without a copy', () => {
  const bytes = concatBytes([frame(7, utf8('one')), frame(8, utf8('')), frame(9, utf8('three'))]);
  const got: [number, string, boolean][] = [];
  decoder().push(bytes, (type, body) => got.push([type, new TextDecoder().decode(body), body.buffer === bytes.buffer]));
  assert.deepEqual(got, [
    [7, 'one', true],
    [8, '', true],
    [9, 'three', true],
  ]);
});

test('T80: a huge length → frameTooLarge before anything is reserved, then silence', () => {
  for (const value of [MAX + 1, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000]) {
    const tested = decoder();
    assert.throws(
      () => tested.push(length(value), none),
      hasCode('frameTooLarge', new RegExp(`${value} bytes is over the limit of ${MAX}`)),
    );
    assert.equal(tested.bufferedBytes, 0);
    tested.push(frame(1, utf8('x')), none);
  }
});

test('T80: a length of zero → malformedFrame', () => {
  assert.throws(() => decoder().push(length(0), none), hasCode('malformedFrame', /length 0/));
});

test('T80: the largest length announced and a trickle of bytes → memory grows with what came, not with what was said', () => {
  const tested = decoder({ frameBytesMax: LIMITS.frameBytesMax });
  tested.push(length(LIMITS.frameBytesMax), none);
  assert.ok(tested.bufferedBytes <= 1024);
  const piece = new Uint8Array(10_000);
  for (let sent = 0; sent < 500_000; sent += piece.length) {
    tested.push(piece, none);
    assert.ok(tested.bufferedBytes <= 2 * (sent + piece.length) + 1024, `${tested.bufferedBytes} bytes for ${sent + piece.length}`);
  }
});

test('T16: a frame at, below and above the limit, whole and in pieces → the first two pass, the last is refused', () => {
  for (const size of [MAX - 1, MAX]) {
    const bytes = frame(1, new Uint8Array(size - 1).fill(5));
    for (const cut of [bytes.length, 3, 5, 4096]) {
      const tested = decoder();
      let seen = 0;
      tested.push(bytes.subarray(0, cut), (_, body) => (seen = body.length));
      tested.push(bytes.subarray(cut), (_, body) => (seen = body.length));
      assert.equal(seen, size - 1);
    }
  }
  assert.throws(() => decoder().push(frame(1, new Uint8Array(MAX)), none), hasCode('frameTooLarge', /over the limit/));
});

test('frame decoder: a limit raised from within a frame → holds for the next frame of the same read', () => {
  const tested = decoder({ frameBytesMax: 10 });
  const bytes = concatBytes([frame(1, new Uint8Array(5)), frame(2, new Uint8Array(500))]);
  const types: number[] = [];
  tested.push(bytes, (type) => {
    types.push(type);
    tested.setFrameBytesMax(1000);
  });
  assert.deepEqual(types, [1, 2]);
});

test('frame decoder: stopped from within a frame → no further frame, nothing kept', () => {
  const tested = decoder();
  let count = 0;
  tested.push(concatBytes([frame(1, utf8('a')), frame(2, utf8('b')), utf8('rest')]), () => {
    count++;
    tested.stop();
  });
  assert.equal(count, 1);
  assert.equal(tested.bufferedBytes, 0);
});

test('frame decoder: suspended at every frame of a stream in pieces → one frame per resume, in order, none lost', () => {
  const frames = Array.from({ length: 50 }, (_, i) => frame(i, new Uint8Array(i * 7).fill(i)));
  const bytes = concatBytes(frames);
  const tested = decoder();
  const types: number[] = [];
  const onFrame = (type: number, body: Uint8Array): void => {
    assert.deepEqual(body, new Uint8Array(type * 7).fill(type));
    types.push(type);
    tested.suspend();
  };
  // As a connection does: the same buffer for every read.
  const read = new Uint8Array(333);
  for (let at = 0; at < bytes.length; at += 333) {
    const before = types.length;
    const piece = bytes.subarray(at, at + 333);
    read.set(piece);
    tested.push(read.subarray(0, piece.length), onFrame);
    read.fill(0xee);
    assert.ok(types.length <= before + 1);
  }
  while (types.length < 50) {
    const before = types.length;
    tested.resume(onFrame);
    assert.equal(types.length, before + 1);
  }
  assert.deepEqual(
    types,
    frames.map((_, i) => i),
  );
});

test('frame decoder: large frames in pieces → put together in one buffer, which goes when none came between two looks', () => {
  const bytes = frame(1, new Uint8Array(300_000));
  const tested = decoder({ keepBytesMax: 65_536 });
  const buffers = new Set<ArrayBufferLike>();
  for (let count = 0; count < 10; count++) {
    tested.push(bytes.subarray(0, 200_000), none);
    tested.push(bytes.subarray(200_000), (_, body) => buffers.add(body.buffer));
    assert.equal(tested.bufferedBytes, bytes.length);
    assert.equal(tested.isUntidy, true);
    tested.tidy();
    assert.equal(tested.bufferedBytes, bytes.length, 'it was needed since the last look');
  }
  assert.equal(buffers.size, 1);
  tested.push(bytes.subarray(0, 200_000), none);
  tested.tidy();
  assert.equal(tested.bufferedBytes, bytes.length, 'a frame is in it');
  tested.push(bytes.subarray(200_000), () => {});
  tested.tidy();
  tested.tidy();
  assert.deepEqual([tested.bufferedBytes, tested.isUntidy], [0, false]);
});

test('frame decoder: a large frame where large buffers may be kept → kept for good', () => {
  const tested = decoder({ keepBytesMax: MAX });
  const bytes = frame(1, new Uint8Array(300_000));
  tested.push(bytes.subarray(0, 200_000), none);
  tested.push(bytes.subarray(200_000), () => {});
  assert.equal(tested.isUntidy, false);
  for (let looks = 0; looks < 3; looks++) tested.tidy();
  assert.equal(tested.bufferedBytes, bytes.length);
});

test('preface: right magic and version, byte by byte → frames follow', () => {
  const tested = decoder({ expectPreface: true });
  const bytes = concatBytes([encodePreface(), frame(3, utf8('x'))]);
  let type = 0;
  for (let i = 0; i < bytes.length; i++) tested.push(bytes.subarray(i, i + 1), (seen) => (type = seen));
  assert.equal(type, 3);
});

test('preface: another version → versionUnsupported that names both', () => {
  assert.throws(
    () => decoder({ expectPreface: true }).push(encodePreface(9), none),
    hasCode('versionUnsupported', new RegExp(`version 9 .* version ${PROTOCOL_VERSION}`)),
  );
});

test('preface: a client that speaks another protocol → protocolMismatch that names what was seen', () => {
  const cases: readonly [Uint8Array, RegExp][] = [
    [utf8('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /HTTP, not Quorate \(first bytes 47 45 54 20/],
    [utf8('PURGE /x HTTP/1.1\r\n'), /HTTP/],
    [utf8('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /HTTP\/2/],
    [Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), /TLS/],
    [utf8('SSH-2.0-OpenSSH_9.9\r\n'), /SSH/],
    [utf8('*1\r\n$4\r\nPING\r\n'), /Redis/],
    [utf8('-ERR unknown command'), /Redis/],
    [Uint8Array.of(0, 0, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0), /big-endian framed protocol/],
    [Uint8Array.of(1, 2, 3), /another protocol, not Quorate \(first bytes 01 02 03\)/],
    [utf8('QUOTE'), /another protocol/],
  ];
  for (const [bytes, pattern] of cases) {
    assert.throws(() => decoder({ expectPreface: true }).push(bytes, none), hasCode('protocolMismatch', pattern));
  }
});

test('outgoing frames: small parts → one chunk per flush; large parts → by reference, in order', () => {
  const outgoing = new OutgoingFrames(MAX);
  const large = new Uint8Array(REFERENCE_BYTES_MIN).fill(9);
  outgoing.add(1, [utf8('ab'), utf8('cd')]);
  outgoing.add(2, [utf8('head'), large, utf8('tail')]);
  const bytes = outgoing.bytes;
  const chunks = outgoing.takeChunks();
  assert.equal(chunks.length, 3);
  assert.equal(chunks[1], large);
  const all = concatBytes(chunks);
  assert.equal(all.length, bytes);
  assert.deepEqual(all, concatBytes([frame(1, utf8('abcd')), frame(2, concatBytes([utf8('head'), large, utf8('tail')]))]));
  assert.equal(outgoing.bytes, 0);
});

test('outgoing frames: chunks taken before → never written to again', () => {
  const outgoing = new OutgoingFrames(MAX);
  const taken: { chunk: Uint8Array; copy: Uint8Array }[] = [];
  for (let i = 0; i < 5000; i++) {
    outgoing.add(i & 0xff, [new Uint8Array(i % 700).fill(i)]);
    if (i % 3 === 0) for (const chunk of outgoing.takeChunks()) taken.push({ chunk, copy: chunk.slice() });
  }
  for (const { chunk, copy } of taken) assert.deepEqual(chunk, copy);
});

test('T16: an outgoing frame over the limit → frameTooLarge, nothing queued', () => {
  const outgoing = new OutgoingFrames(100);
  outgoing.add(1, [new Uint8Array(99)]);
  assert.throws(() => outgoing.add(1, [new Uint8Array(100)]), hasCode('frameTooLarge', /101 bytes is over the limit of 100/));
  assert.equal(outgoing.bytes, 104);
});
