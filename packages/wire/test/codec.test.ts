import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupId, type Incarnation, LIMITS, type NodeId, QuorateError, concatBytes, nodeId, utf8 } from '@quorate/base';
import {
  FRAME_TYPES,
  WIRE_LIMITS,
  decodeGoodbye,
  decodeHello,
  decodePeerFrame,
  decodeRequest,
  decodeResponse,
  encodeGoodbye,
  encodeHello,
  encodePeerFrame,
  encodeRaftFrame,
  encodeRequest,
  encodeResponse,
  joinRecords,
  splitRecords,
} from '@quorate/wire';

const GROUP = 17 as GroupId;

function malformed(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === 'malformedFrame' && pattern.test(error.message);
}

test('frame types: the table → all numbers different and within a byte', () => {
  const numbers = Object.values(FRAME_TYPES);
  assert.equal(new Set(numbers).size, numbers.length);
  for (const number of numbers) assert.ok(number > 0 && number < 256);
});

test('append request: payload → by reference when encoded, a view into the frame when decoded', () => {
  const payload = new Uint8Array(50_000).fill(3);
  const frame = encodeRequest(77, { type: 'append', group: GROUP, payloadChecksum: 0xdead_beef, payload });
  assert.equal(frame.parts[1], payload);
  const body = concatBytes(frame.parts);
  const request = decodeRequest(frame.type, body);
  assert.ok(request.type === 'append');
  assert.equal(request.id, 77);
  assert.equal(request.payloadChecksum, 0xdead_beef);
  assert.equal(request.payload.buffer, body.buffer);
  assert.deepEqual(request.payload, payload);
});

test('raft frame: parts → by reference, the message a view', () => {
  const parts = [utf8('head'), new Uint8Array(20_000).fill(1)];
  const frame = encodeRaftFrame(GROUP, parts);
  assert.equal(frame.parts[2], parts[1]);
  const body = concatBytes(frame.parts);
  const decoded = decodePeerFrame(frame.type, body);
  assert.ok(decoded.type === 'raft');
  assert.equal(decoded.group, GROUP);
  assert.deepEqual(decoded.body, concatBytes(parts));
  assert.equal(decoded.body.buffer, body.buffer);
});

test('T16: a payload of the batch limit → passes; one byte more → refused by both sides', () => {
  const most = encodeRequest(1, { type: 'append', group: GROUP, payloadChecksum: 0, payload: new Uint8Array(LIMITS.batchPayloadBytesMax) });
  assert.equal(decodeRequest(most.type, concatBytes(most.parts)).type, 'append');
  const payload = new Uint8Array(LIMITS.batchPayloadBytesMax + 1);
  assert.throws(() => encodeRequest(1, { type: 'append', group: GROUP, payloadChecksum: 0, payload }), { code: 'invalidArgument' });
  assert.throws(
    () => decodeRequest(most.type, concatBytes([most.parts[0] as Uint8Array, payload])),
    malformed(/payload bytes are over the limit/),
  );
});

test('read request: limits beyond the format → lowered to it', () => {
  const frame = encodeRequest(1, {
    type: 'readStream',
    group: GROUP,
    fromOffset: 0,
    maxRecords: Number.POSITIVE_INFINITY,
    maxBytes: 2 ** 40,
    waitMs: 1e9,
    consistency: 'sequential',
  });
  const request = decodeRequest(frame.type, concatBytes(frame.parts));
  assert.ok(request.type === 'readStream');
  assert.equal(request.maxRecords, WIRE_LIMITS.readRecordsMax);
  assert.equal(request.maxBytes, LIMITS.frameBytesMax);
  assert.equal(request.waitMs, WIRE_LIMITS.waitMsMax);
});

test('records: joined and split → equal, with dense offsets; the values outlive the frame', () => {
  const values = [utf8('a'), new Uint8Array(0), utf8('ccc')];
  const frame = encodeResponse(1, { type: 'records', fromOffset: 40, count: 3, nextOffset: 43, records: joinRecords(values) });
  const body = concatBytes(frame.parts).slice();
  const response = decodeResponse(frame.type, body);
  assert.ok(response.type === 'records');
  const records = splitRecords(response);
  body.fill(0);
  assert.deepEqual(
    records,
    values.map((value, i) => ({ offset: 40 + i, value })),
  );
});

test('records: a count or length that lies → malformedFrame', () => {
  const records = joinRecords([utf8('abc')]);
  for (const [count, bytes] of [
    [2, records],
    [0, records],
    [1, records.subarray(0, 5)],
    [1, concatBytes([records, utf8('x')])],
    [0xffff, records],
  ] as const) {
    const frame = encodeResponse(1, { type: 'records', fromOffset: 0, count, nextOffset: 1, records: bytes });
    assert.throws(() => decodeResponse(frame.type, concatBytes(frame.parts)), malformed(/./));
  }
});

test('T80: counts that cannot be in the frame → malformedFrame before any item is read', () => {
  const hello = encodeHello({
    role: 'peer',
    nodeId: nodeId(1),
    incarnation: '00112233445566ff' as Incarnation,
    clusterId: null,
    members: [],
    durableSequence: 0,
    seenSequence: 0,
    seenIncarnation: null,
  });
  const body = concatBytes(hello.parts).slice();
  body[12] = 0xff;
  body[13] = 3;
  assert.throws(() => decodeHello(body), malformed(/1023 members cannot be in/));
  body[13] = 0xff;
  assert.throws(() => decodeHello(body), malformed(/65535 members are over the limit of 1024/));
});

test('T80: numbers beyond 2^53, flags beyond 1, unknown choices, node 0 → malformedFrame', () => {
  const heartbeat = concatBytes(encodePeerFrame({ type: 'heartbeat', nonce: 1, durableSequence: 2 }).parts).slice();
  heartbeat[7] = 0xff;
  assert.throws(() => decodePeerFrame(FRAME_TYPES.heartbeat, heartbeat), malformed(/beyond 2\^53/));
  assert.throws(() => decodeHello(Uint8Array.of(0, 2)), malformed(/flag 2/));
  assert.throws(() => decodeHello(Uint8Array.of(9)), malformed(/unknown role 9/));
  assert.throws(() => decodeHello(Uint8Array.of(1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8)), malformed(/node id 0/));
  assert.throws(() => decodeRequest(FRAME_TYPES.raft, new Uint8Array(4)), malformed(/type 16 is not a request/));
  assert.throws(() => decodePeerFrame(FRAME_TYPES.appendRequest, new Uint8Array(4)), malformed(/type 37 is not one that peers send/));
  assert.throws(() => decodeResponse(FRAME_TYPES.transferredResponse, new Uint8Array(5)), malformed(/1 bytes too many/));
});

test('hello: a member listed twice → malformedFrame', () => {
  const member = { nodeId: nodeId(2), address: 'a:1', incarnation: null };
  const frame = encodeHello({
    role: 'peer',
    nodeId: nodeId(1),
    incarnation: '00112233445566ff' as Incarnation,
    clusterId: null,
    members: [member, member],
    durableSequence: 0,
    seenSequence: 0,
    seenIncarnation: null,
  });
  assert.throws(() => decodeHello(concatBytes(frame.parts)), malformed(/twice/));
});

test('hello: more members than fit a hello → frameTooLarge for the sender', () => {
  const members = Array.from({ length: 1000 }, (_, i) => ({ nodeId: nodeId(i + 1), address: `host-number-${i}:7400`, incarnation: null }));
  const incarnation = '00112233445566ff' as Incarnation;
  assert.throws(
    () =>
      encodeHello({
        role: 'peer',
        nodeId: 1 as NodeId,
        incarnation,
        clusterId: null,
        members,
        durableSequence: 0,
        seenSequence: 0,
        seenIncarnation: null,
      }),
    { code: 'frameTooLarge' },
  );
});

test('error: a code of a newer build → connectionLost with the code told, class unknown', () => {
  const frame = encodeGoodbye({ code: 'fromTheFuture' as never, message: 'm', details: { at: 3 } });
  const error = decodeGoodbye(concatBytes(frame.parts));
  assert.equal(error.code, 'connectionLost');
  assert.match(error.message, /"fromTheFuture": m/);
  assert.deepEqual(error.details, { at: 3, unknownCode: 'fromTheFuture' });
});

test('error: keys that could reach a prototype, long texts, numbers that are none → left out or cut, never a failure', () => {
  const details = { ok: 1, bad: Number.NaN, none: undefined, long: 'ü'.repeat(5000), ...JSON.parse('{"__proto__": "x"}') };
  const frame = encodeGoodbye({ code: 'closed', message: '🙂'.repeat(5000), details });
  const error = decodeGoodbye(concatBytes(frame.parts));
  assert.deepEqual(Object.keys(error.details), ['ok', 'long']);
  assert.equal(error.details['long'], 'ü'.repeat(512));
  assert.equal(error.message, '🙂'.repeat(1024));
  assert.equal(Object.getPrototypeOf(error.details), Object.prototype);
});

test('error: as many and as long details as there can be → cut to what a handshake frame holds', () => {
  const details = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`.padEnd(128, 'x'), 'y'.repeat(2000)]));
  const error = decodeGoodbye(concatBytes(encodeGoodbye({ code: 'closed', message: 'm'.repeat(10_000), details }).parts));
  assert.equal(error.message.length, 4096);
  assert.equal(Object.keys(error.details).length, 8);
});

test('T80: a detail named __proto__ → malformedFrame, prototypes untouched', () => {
  const body = concatBytes(encodeGoodbye({ code: 'closed', message: '', details: { aaproto__: 'x' } }).parts).slice();
  const at = Buffer.from(body).indexOf('aaproto__');
  body.set(utf8('__proto__'), at);
  assert.throws(() => decodeGoodbye(body), malformed(/key/));
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});
