import {
  ByteWriter,
  type ClusterId,
  ERROR_CODES,
  type ErrorCode,
  type GroupId,
  type Incarnation,
  LIMITS,
  type NodeId,
} from '@quorate/base';
import {
  type ClientRequestBody,
  type ClientResponseBody,
  type GroupStatus,
  type Hello,
  type HelloReply,
  type Member,
  type NodeStatus,
  type PeerFrame,
  type PeerHello,
  SESSION_KEY_BYTES,
  type ServerPush,
  type SessionRequestBody,
  type SessionResponseBody,
  type StreamEntry,
  type WireError,
  fromWireError,
  joinRecords,
  writeQuery,
  writeQueryError,
  writeQueryResult,
} from '@quorate/wire';
import fc from 'fast-check';
import { hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

/*
 * Every message that a correct node or client may send, for round trips and as the ground for edits.
 */

const u32 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff), fc.nat(0xffff_ffff));
const u53 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const cluster = hex16.map((digits) => digits as ClusterId);
const incarnation = hex16.map((digits) => digits as Incarnation);
const node = fc.integer({ min: 1, max: 65_535 }).map((id) => id as NodeId);
const nodeOrNone = fc.oneof(fc.constant(0 as const), node);
const group = u32.map((id) => id as GroupId);
const orNull = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(of, { nil: null });
const text = (bytes: number): fc.Arbitrary<string> =>
  fc.oneof(fc.string({ unit: 'grapheme', maxLength: 6 }), fc.constantFrom('', 'x'.repeat(bytes), '__proto__', '\ufeffmark', '\u0000'));
const name = text(LIMITS.nameBytesMax);
const bytes = fc.uint8Array({ maxLength: 40 });
const key = fc.uint8Array({ minLength: SESSION_KEY_BYTES, maxLength: SESSION_KEY_BYTES });
const isOne = fc.boolean();
const type = <const T extends string>(of: T): fc.Arbitrary<T> => fc.constant(of);
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(of, { maxLength: 4 });

const member: fc.Arbitrary<Member> = record({ nodeId: node, address: text(300), incarnation: orNull(incarnation) });
/** Members of a hello: each id once, and the frame stays small. */
const members: fc.Arbitrary<Member[]> = fc.uniqueArray(member, { maxLength: 4, selector: ({ nodeId }) => nodeId });
const detail = fc.oneof(
  fc.boolean(),
  text(100),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.maxSafeInteger(),
);
const detailName = fc.constantFrom('leader', 'address', 'constructor', 'toString', 'a.b', 'x_y', 'k'.repeat(128));
export const wireError: fc.Arbitrary<WireError> = record({
  code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
  message: text(4096),
  details: fc.dictionary(detailName, detail, { maxKeys: 4, noNullPrototype: true }),
});

const peerHello: fc.Arbitrary<PeerHello> = record({
  nodeId: node,
  incarnation,
  clusterId: orNull(cluster),
  members,
  durableSequence: u53,
  seenSequence: u53,
  seenIncarnation: orNull(incarnation),
});

export const hello: fc.Arbitrary<Hello> = fc.oneof(
  record({ role: type('client'), clusterId: orNull(cluster) }),
  peerHello.map((said) => ({ role: 'peer' as const, ...said })),
);

export const helloReply: fc.Arbitrary<HelloReply> = fc.oneof(
  record({ status: type('client'), nodeId: node, clusterId: orNull(cluster), members }),
  peerHello.map((said) => ({ status: 'peer' as const, ...said })),
  wireError.map((error) => ({ status: 'refused' as const, ...error })),
);

export const peerFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  record({ type: type('raft'), group, body: bytes }),
  record({ type: fc.constantFrom('heartbeat' as const, 'heartbeatAck' as const), nonce: u53, durableSequence: u53 }),
  record({ type: type('form'), clusterId: cluster, members }),
  record({ type: type('stateHash'), group, index: u53, hash: u32 }),
  record({ type: type('formed'), clusterId: cluster }),
);

const consistency = fc.constantFrom('linearizable' as const, 'sequential' as const);

const sessionRequest: fc.Arbitrary<SessionRequestBody> = fc.oneof(
  record({ type: type('openSession'), group, key, ttlMs: u32, graceMs: u32 }),
  record({ type: type('bindSession'), group, session: u53, key, acknowledgedEvents: u53, nextEvents: fc.nat(0xffff) }),
  record({ type: type('commands'), group, payloadChecksum: u32, payload: bytes }),
  record({
    type: type('queries'),
    group,
    session: u53,
    afterNumber: u53,
    minIndex: u53,
    consistency,
    queries: fc.array(record({ resource: u53, operation: fc.nat(0xffff), args: bytes }), { minLength: 1, maxLength: 5 }),
  }).map(({ queries, ...head }) => {
    const writer = new ByteWriter();
    for (const { resource, operation, args } of queries) writeQuery(writer, resource, operation, args);
    return { ...head, count: queries.length, queries: writer.take() };
  }),
  record({ type: type('acknowledge'), group, session: u53, replies: u53, events: u53 }),
  record({ type: type('ping') }),
);

export const request: fc.Arbitrary<ClientRequestBody> = fc.oneof(
  sessionRequest,
  record({ type: type('status') }),
  record({ type: fc.constantFrom('createStream' as const, 'findStream' as const), name }),
  record({ type: type('listStreams'), prefix: name, after: name, limit: fc.nat(8192) }),
  record({ type: type('streamInfo'), group }),
  record({ type: type('append'), group, payloadChecksum: u32, payload: bytes }),
  record({
    type: type('readStream'),
    group,
    fromOffset: u53,
    maxRecords: fc.nat(1_048_576),
    maxBytes: fc.nat(LIMITS.frameBytesMax),
    waitMs: fc.nat(600_000),
    consistency,
  }),
  record({ type: type('transferLeader'), group, to: nodeOrNone }),
);

const reply = fc.oneof(
  record({ index: u53, isOk: fc.constant(true as const), result: bytes }),
  wireError.chain((error) => u53.map((index) => ({ index, isOk: false as const, ...error }))),
);

const sessionResponse: fc.Arbitrary<SessionResponseBody> = fc.oneof(
  record({ type: type('sessionOpened'), session: u53, ttlMs: u32, graceMs: u32 }),
  record({ type: type('sessionBound'), nextNumber: u53, lastEventIndex: u53 }),
  record({ type: type('replies'), firstNumber: u53, replies: list(reply), isLast: isOne }),
  record({
    type: type('queryResults'),
    index: u53,
    eventIndex: u53,
    first: fc.nat(1000),
    isLast: isOne,
    results: fc.array(fc.oneof(bytes, wireError), { maxLength: 5 }),
  }).map(({ results, ...head }) => {
    const writer = new ByteWriter();
    for (const result of results) {
      if (result instanceof Uint8Array) writeQueryResult(writer, result);
      else writeQueryError(writer, fromWireError(result));
    }
    return { ...head, count: results.length, results: writer.take() };
  }),
  record({ type: fc.constantFrom('acknowledged' as const, 'pong' as const) }),
);

const stream: fc.Arbitrary<StreamEntry> = record({ name, group });
const groupStatus: fc.Arbitrary<GroupStatus> = record({
  group,
  name: text(512),
  role: fc.constantFrom('follower', 'preCandidate', 'candidate', 'leader', 'stopped'),
  isLearner: isOne,
  term: u53,
  leader: nodeOrNone,
  firstIndex: u53,
  lastIndex: u53,
  durableIndex: u53,
  commitIndex: u53,
  appliedIndex: u53,
  stateHash: u32,
});
const status: fc.Arbitrary<NodeStatus> = record({
  nodeId: node,
  clusterId: orNull(cluster),
  incarnation,
  state: fc.constantFrom('forming', 'serving', 'failed', 'draining'),
  version: text(128),
  pid: u32,
  members: list(record({ nodeId: node, address: text(300), incarnation: orNull(incarnation), isConnected: isOne })),
  groups: list(groupStatus),
  metrics: fc.dictionary(fc.constantFrom('syncs', 'sync.msTotal', 'constructor', 'a:b'), fc.double({ noNaN: true }), {
    noNullPrototype: true,
  }),
  damage: list(text(4096)),
});

export const response: fc.Arbitrary<ClientResponseBody> = fc.oneof(
  sessionResponse,
  wireError.map((error) => ({ type: 'error' as const, ...error })),
  record({ type: type('status'), status }),
  record({ type: type('streamCreated'), stream, wasCreated: isOne }),
  record({ type: type('streamList'), streams: list(stream), hasMore: isOne }),
  record({ type: type('streamFound'), stream }),
  record({
    type: type('streamInfo'),
    info: record({ name, group, firstOffset: u53, nextOffset: u53, leader: nodeOrNone, term: u53 }),
  }),
  record({ type: type('appended'), offset: u53, count: fc.integer({ min: 1, max: 8192 }) }),
  record({ fromOffset: u53, nextOffset: u53, values: list(bytes) }).map(({ values, ...offsets }) => ({
    type: 'records' as const,
    ...offsets,
    count: values.length,
    records: joinRecords(values),
  })),
  record({ type: type('transferred') }),
);

export const push: fc.Arbitrary<ServerPush> = fc.oneof(
  record({ type: type('sessionEnded'), group, session: u53, isExpired: isOne }),
  record({
    type: type('events'),
    group,
    session: u53,
    index: u53,
    previousIndex: u53,
    first: fc.nat(0xffff),
    isLast: isOne,
    events: list(record({ resource: u53, code: fc.nat(255), fields: bytes })),
  }),
);

export const records: fc.Arbitrary<Uint8Array[]> = fc.array(bytes, { maxLength: 6 });
export const requestId: fc.Arbitrary<number> = u32;
