import { ByteReader, ByteWriter, LIMITS, QuorateError, unreachable } from '@quorate/base';
import { checkLength, malformed, readChoice, readCount, readError, readFlag, readGroupId, writeError } from './fields.js';
import { type EncodedFrame, FRAME_TYPES } from './frame-types.js';
import type { CommandReply, PushedEvent, ServerPush, SessionRequestBody, SessionResponseBody } from './session-messages.js';
import { QUERY_HEADER_BYTES, QUERY_RESULT_HEADER_BYTES, checkQueries, checkQueryResults } from './query-list.js';
import { WIRE_LIMITS } from './wire-limits.js';

/*
 * Requests and answers of sessions, after the u32 id of the request; and what is pushed, which has no id:
 *
 *   openSessionRequest   u32 group, 16 bytes key, u32 ttl ms, u32 grace ms
 *   bindSessionRequest   u32 group, u64 session, 16 bytes key, u64 acknowledged events, u16 events of the next index
 *   commandsRequest      u32 group, u32 CRC-32C of the payload, payload up to the end of the frame
 *   queriesRequest       u32 group, u64 session, u64 after number, u64 min index, u8 0 linearizable, 1 sequential, u16 count, queries
 *                        (query-list.ts) up to the end of the frame
 *   acknowledgeRequest   u32 group, u64 session, u64 replies, u64 events
 *   pingRequest          nothing
 *
 *   sessionOpenedResponse  u64 session, u32 ttl ms, u32 grace ms
 *   sessionBoundResponse   u64 next number, u64 last event index
 *   repliesResponse        u64 first number, u8 1 if it is the last of its request, u16 count, per reply u64 index, u8 1 ok: u32 length and result; 0: error
 *   queryResultsResponse   u64 index, u64 event index, u16 place of the first query, u8 1 if it is the last of its request, u16 count, results
 *                          (query-list.ts) up to the end of the frame
 *   acknowledgedResponse, pongResponse  nothing
 *
 *   eventsPush        u32 group, u64 session, u64 index, u64 previous index, u16 place of the first, u8 1 if none of the index follows, u16 count,
 *                     per event u64 resource, u8 code, u32 length and fields
 *   sessionEndedPush  u32 group, u64 session, u8 1 if it expired
 */

/** Bytes of a session's key. */
export const SESSION_KEY_BYTES = 16;
const CONSISTENCIES = ['linearizable', 'sequential'] as const;

/** Writes a request's body after its id, for `queries` without the list; gives its frame type. `commands` is written by `encodeRequest`. */
export function writeSessionRequest(writer: ByteWriter, body: Exclude<SessionRequestBody, { type: 'commands' }>): number {
  switch (body.type) {
    case 'openSession':
      writer.u32(body.group).raw(checkedKey(body.key)).u32(body.ttlMs).u32(body.graceMs);
      return FRAME_TYPES.openSessionRequest;
    case 'bindSession':
      writer.u32(body.group).u64(body.session).raw(checkedKey(body.key)).u64(body.acknowledgedEvents).u16(body.nextEvents);
      return FRAME_TYPES.bindSessionRequest;
    case 'queries':
      checkLength(body.count, LIMITS.batchRecordsMax, 'queries');
      checkLength(body.queries.length, LIMITS.batchPayloadBytesMax, 'bytes of queries');
      writer.u32(body.group).u64(body.session).u64(body.afterNumber).u64(body.minIndex);
      writer.u8(CONSISTENCIES.indexOf(body.consistency)).u16(body.count);
      return FRAME_TYPES.queriesRequest;
    case 'acknowledge':
      writer.u32(body.group).u64(body.session).u64(body.replies).u64(body.events);
      return FRAME_TYPES.acknowledgeRequest;
    case 'ping':
      return FRAME_TYPES.pingRequest;
    default:
      return unreachable(body, 'session request');
  }
}

/** The request of this frame type; undefined if it is none of a session. Byte fields are views. */
export function readSessionRequest(type: number, reader: ByteReader): SessionRequestBody | undefined {
  switch (type) {
    case FRAME_TYPES.openSessionRequest:
      return {
        type: 'openSession',
        group: readGroupId(reader),
        key: reader.raw(SESSION_KEY_BYTES),
        ttlMs: reader.u32(),
        graceMs: reader.u32(),
      };
    case FRAME_TYPES.bindSessionRequest:
      return {
        type: 'bindSession',
        group: readGroupId(reader),
        session: reader.u64(),
        key: reader.raw(SESSION_KEY_BYTES),
        acknowledgedEvents: reader.u64(),
        nextEvents: reader.u16(),
      };
    case FRAME_TYPES.commandsRequest: {
      const group = readGroupId(reader);
      const payloadChecksum = reader.u32();
      return { type: 'commands', group, payloadChecksum, payload: rest(reader, LIMITS.batchPayloadBytesMax, 'payload bytes') };
    }
    case FRAME_TYPES.queriesRequest:
      return readQueries(reader);
    case FRAME_TYPES.acknowledgeRequest:
      return { type: 'acknowledge', group: readGroupId(reader), session: reader.u64(), replies: reader.u64(), events: reader.u64() };
    case FRAME_TYPES.pingRequest:
      return { type: 'ping' };
    default:
      return undefined;
  }
}

function readQueries(reader: ByteReader): SessionRequestBody {
  const group = readGroupId(reader);
  const session = reader.u64();
  const afterNumber = reader.u64();
  const minIndex = reader.u64();
  const consistency = readChoice(reader, CONSISTENCIES, 'consistency');
  const count = readCount(reader, reader.u16(), { max: LIMITS.batchRecordsMax, bytesEach: QUERY_HEADER_BYTES, what: 'queries' });
  if (count === 0) throw malformed('a list of no queries');
  const queries = rest(reader, LIMITS.batchPayloadBytesMax, 'bytes of queries');
  checkQueries(queries, count);
  return { type: 'queries', group, session, afterNumber, minIndex, consistency, count, queries };
}

/** Writes an answer's body after its id, for `queryResults` without the list; gives its frame type. */
export function writeSessionResponse(writer: ByteWriter, body: SessionResponseBody): number {
  switch (body.type) {
    case 'sessionOpened':
      writer.u64(body.session).u32(body.ttlMs).u32(body.graceMs);
      return FRAME_TYPES.sessionOpenedResponse;
    case 'sessionBound':
      writer.u64(body.nextNumber).u64(body.lastEventIndex);
      return FRAME_TYPES.sessionBoundResponse;
    case 'replies':
      checkLength(body.replies.length, LIMITS.batchRecordsMax, 'replies');
      writer
        .u64(body.firstNumber)
        .u8(body.isLast ? 1 : 0)
        .u16(body.replies.length);
      for (const reply of body.replies) {
        writer.u64(reply.index).u8(reply.isOk ? 1 : 0);
        if (reply.isOk) writer.bytes(reply.result);
        else writeError(writer, reply);
      }
      return FRAME_TYPES.repliesResponse;
    case 'queryResults':
      checkLength(body.first + body.count, LIMITS.batchRecordsMax, 'results');
      writer.u64(body.index).u64(body.eventIndex).u16(body.first);
      writer.u8(body.isLast ? 1 : 0).u16(body.count);
      return FRAME_TYPES.queryResultsResponse;
    case 'acknowledged':
      return FRAME_TYPES.acknowledgedResponse;
    case 'pong':
      return FRAME_TYPES.pongResponse;
    default:
      return unreachable(body, 'session response');
  }
}

/** The answer of this frame type; undefined if it is none of a session. Results are views. */
export function readSessionResponse(type: number, reader: ByteReader): SessionResponseBody | undefined {
  switch (type) {
    case FRAME_TYPES.sessionOpenedResponse:
      return { type: 'sessionOpened', session: reader.u64(), ttlMs: reader.u32(), graceMs: reader.u32() };
    case FRAME_TYPES.sessionBoundResponse:
      return { type: 'sessionBound', nextNumber: reader.u64(), lastEventIndex: reader.u64() };
    case FRAME_TYPES.repliesResponse: {
      const firstNumber = reader.u64();
      const isLast = readFlag(reader);
      const count = readCount(reader, reader.u16(), { max: LIMITS.batchRecordsMax, bytesEach: 9, what: 'replies' });
      const replies: CommandReply[] = [];
      for (let i = 0; i < count; i++) replies.push(readReply(reader));
      return { type: 'replies', firstNumber, replies, isLast };
    }
    case FRAME_TYPES.queryResultsResponse:
      return readQueryResults(reader);
    case FRAME_TYPES.acknowledgedResponse:
      return { type: 'acknowledged' };
    case FRAME_TYPES.pongResponse:
      return { type: 'pong' };
    default:
      return undefined;
  }
}

function readQueryResults(reader: ByteReader): SessionResponseBody {
  const index = reader.u64();
  const eventIndex = reader.u64();
  const first = reader.u16();
  const isLast = readFlag(reader);
  const max = LIMITS.batchRecordsMax - first;
  const count = readCount(reader, reader.u16(), { max, bytesEach: QUERY_RESULT_HEADER_BYTES, what: 'results' });
  const results = reader.raw(reader.remaining);
  checkQueryResults(results, count);
  return { type: 'queryResults', index, eventIndex, first, isLast, count, results };
}

function readReply(reader: ByteReader): CommandReply {
  const index = reader.u64();
  return readFlag(reader)
    ? { index, isOk: true, result: reader.bytes(LIMITS.frameBytesMax) }
    : { index, isOk: false, ...readError(reader) };
}

/** A frame that nobody asked for. */
export function encodePush(push: ServerPush): EncodedFrame {
  const writer = new ByteWriter(64).u32(push.group).u64(push.session);
  if (push.type === 'sessionEnded') {
    writer.u8(push.isExpired ? 1 : 0);
    return { type: FRAME_TYPES.sessionEndedPush, parts: [writer.take()] };
  }
  checkLength(push.events.length, WIRE_LIMITS.eventsPerPushMax, 'events');
  writer.u64(push.index).u64(push.previousIndex).u16(push.first);
  writer.u8(push.isLast ? 1 : 0).u16(push.events.length);
  for (const event of push.events) writer.u64(event.resource).u8(event.code).bytes(event.fields);
  return { type: FRAME_TYPES.eventsPush, parts: [writer.take()] };
}

/** True for the types that `decodePush` reads. */
export function isPush(type: number): boolean {
  return type === FRAME_TYPES.eventsPush || type === FRAME_TYPES.sessionEndedPush;
}

/** The fields of events are views into `body`. Throws `malformedFrame`. */
export function decodePush(type: number, body: Uint8Array): ServerPush {
  const reader = new ByteReader(body);
  const push = readPush(type, reader);
  reader.end();
  return push;
}

function readPush(type: number, reader: ByteReader): ServerPush {
  const group = readGroupId(reader);
  const session = reader.u64();
  if (type === FRAME_TYPES.sessionEndedPush) return { type: 'sessionEnded', group, session, isExpired: readFlag(reader) };
  if (type !== FRAME_TYPES.eventsPush) throw new QuorateError('malformedFrame', `frame type ${type} is not pushed`, { type });
  const index = reader.u64();
  const previousIndex = reader.u64();
  const first = reader.u16();
  const isLast = readFlag(reader);
  const count = readCount(reader, reader.u16(), { max: WIRE_LIMITS.eventsPerPushMax, bytesEach: 13, what: 'events' });
  const events: PushedEvent[] = [];
  for (let i = 0; i < count; i++) events.push({ resource: reader.u64(), code: reader.u8(), fields: reader.bytes(LIMITS.frameBytesMax) });
  return { type: 'events', group, session, index, previousIndex, first, isLast, events };
}

function checkedKey(key: Uint8Array): Uint8Array {
  if (key.length !== SESSION_KEY_BYTES)
    throw new QuorateError('invalidArgument', `a session key has ${SESSION_KEY_BYTES} bytes, not ${key.length}`);
  return key;
}

function rest(reader: ByteReader, max: number, what: string): Uint8Array {
  if (reader.remaining > max) throw malformed(`${reader.remaining} ${what} are over the limit of ${max}`);
  return reader.raw(reader.remaining);
}
