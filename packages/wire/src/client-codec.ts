import { ByteReader, ByteWriter, LIMITS, QuorateError, writeU32 } from '@quorate/base';
import { checkLength, malformed, readChoice, readCount, readError, readFlag, readGroupId, readNodeIdOrNone, writeError } from './fields.js';
import { type EncodedFrame, FRAME_TYPES } from './frame-types.js';
import type { ClientRequest, ClientRequestBody, ClientResponse, ClientResponseBody, StreamEntry } from './messages.js';
import { readSessionRequest, readSessionResponse, writeSessionRequest, writeSessionResponse } from './session-codec.js';
import { readStatus, writeStatus } from './status-codec.js';
import { WIRE_LIMITS } from './wire-limits.js';

/*
 * Requests of clients and their answers. Every body starts with the u32 id of the request; then:
 *
 *   statusRequest          nothing
 *   createStreamRequest    text name
 *   listStreamsRequest     text prefix, text after, u32 limit
 *   findStreamRequest      text name
 *   streamInfoRequest      u32 group
 *   appendRequest          u32 group, u32 CRC-32C of the payload, payload up to the end of the frame
 *   readStreamRequest      u32 group, u64 first offset, u32 most records, u32 most bytes, u32 wait in ms, u8 0 linearizable, 1 sequential
 *   transferLeaderRequest  u32 group, u16 node id or 0
 *
 *   errorResponse          error
 *   statusResponse         status (status-codec.ts)
 *   streamCreatedResponse  stream, u8 1 if it was created
 *   streamListResponse     u8 1 if there are more, u32 count, streams
 *   streamFoundResponse    stream
 *   streamInfoResponse     stream, u64 first offset, u64 next offset, u16 leader or 0, u64 term
 *   appendedResponse       u64 first offset, u32 count
 *   recordsResponse        u64 first offset, u32 count, u64 next offset, then per record u32 length and bytes
 *   transferredResponse    nothing
 *
 * stream: text name, u32 group. A text is a u16 length and UTF-8, names at most LIMITS.nameBytesMax bytes; whether a name is allowed is
 * decided by whoever creates it. Payloads, lists and records are passed by reference when encoded and are views into the frame when decoded.
 */

const CONSISTENCIES = ['linearizable', 'sequential'] as const;

/**
 * The payload of an append or of commands and a list of queries are passed on by reference. Names and payloads over their limit throw `invalidArgument`; a limit over what the
 * format allows (records, bytes, ms to wait) is lowered to it.
 */
export function encodeRequest(id: number, body: ClientRequestBody): EncodedFrame {
  if (body.type === 'append' || body.type === 'commands') {
    checkLength(body.payload.length, LIMITS.batchPayloadBytesMax, 'payload bytes');
    const head = new Uint8Array(12);
    writeU32(head, 0, id);
    writeU32(head, 4, body.group);
    writeU32(head, 8, body.payloadChecksum);
    const type = body.type === 'append' ? FRAME_TYPES.appendRequest : FRAME_TYPES.commandsRequest;
    return { type, parts: [head, body.payload] };
  }
  const writer = new ByteWriter(64).u32(id);
  const type = writeRequest(writer, body);
  return { type, parts: body.type === 'queries' ? [writer.take(), body.queries] : [writer.take()] };
}

function writeRequest(writer: ByteWriter, body: Exclude<ClientRequestBody, { type: 'append' | 'commands' }>): number {
  switch (body.type) {
    case 'status':
      return FRAME_TYPES.statusRequest;
    case 'createStream':
      writeName(writer, body.name);
      return FRAME_TYPES.createStreamRequest;
    case 'listStreams':
      writeName(writer, body.prefix);
      writeName(writer, body.after);
      writer.u32(atMost(body.limit, WIRE_LIMITS.streamListMax));
      return FRAME_TYPES.listStreamsRequest;
    case 'findStream':
      writeName(writer, body.name);
      return FRAME_TYPES.findStreamRequest;
    case 'streamInfo':
      writer.u32(body.group);
      return FRAME_TYPES.streamInfoRequest;
    case 'readStream':
      writer.u32(body.group).u64(body.fromOffset);
      writer.u32(atMost(body.maxRecords, WIRE_LIMITS.readRecordsMax)).u32(atMost(body.maxBytes, LIMITS.frameBytesMax));
      writer.u32(atMost(body.waitMs, WIRE_LIMITS.waitMsMax)).u8(CONSISTENCIES.indexOf(body.consistency));
      return FRAME_TYPES.readStreamRequest;
    case 'transferLeader':
      writer.u32(body.group).u16(body.to);
      return FRAME_TYPES.transferLeaderRequest;
    default:
      return writeSessionRequest(writer, body);
  }
}

/** Payloads and lists are views into `body`. Throws `malformedFrame`. */
export function decodeRequest(type: number, body: Uint8Array): ClientRequest {
  const reader = new ByteReader(body);
  const id = reader.u32();
  const request = readRequest(type, reader, id);
  reader.end();
  return request;
}

function readRequest(type: number, reader: ByteReader, id: number): ClientRequest {
  switch (type) {
    case FRAME_TYPES.statusRequest:
      return { id, type: 'status' };
    case FRAME_TYPES.createStreamRequest:
      return { id, type: 'createStream', name: reader.text(LIMITS.nameBytesMax) };
    case FRAME_TYPES.listStreamsRequest:
      return {
        id,
        type: 'listStreams',
        prefix: reader.text(LIMITS.nameBytesMax),
        after: reader.text(LIMITS.nameBytesMax),
        limit: bounded(reader.u32(), WIRE_LIMITS.streamListMax, 'limit'),
      };
    case FRAME_TYPES.findStreamRequest:
      return { id, type: 'findStream', name: reader.text(LIMITS.nameBytesMax) };
    case FRAME_TYPES.streamInfoRequest:
      return { id, type: 'streamInfo', group: readGroupId(reader) };
    case FRAME_TYPES.appendRequest: {
      const group = readGroupId(reader);
      const payloadChecksum = reader.u32();
      bounded(reader.remaining, LIMITS.batchPayloadBytesMax, 'payload bytes');
      return { id, type: 'append', group, payloadChecksum, payload: reader.raw(reader.remaining) };
    }
    case FRAME_TYPES.readStreamRequest:
      return {
        id,
        type: 'readStream',
        group: readGroupId(reader),
        fromOffset: reader.u64(),
        maxRecords: bounded(reader.u32(), WIRE_LIMITS.readRecordsMax, 'records'),
        maxBytes: bounded(reader.u32(), LIMITS.frameBytesMax, 'bytes'),
        waitMs: bounded(reader.u32(), WIRE_LIMITS.waitMsMax, 'ms to wait'),
        consistency: readChoice(reader, CONSISTENCIES, 'consistency'),
      };
    case FRAME_TYPES.transferLeaderRequest:
      return { id, type: 'transferLeader', group: readGroupId(reader), to: readNodeIdOrNone(reader) };
    default: {
      const request = readSessionRequest(type, reader);
      if (request === undefined) throw new QuorateError('malformedFrame', `frame type ${type} is not a request`, { type });
      return { id, ...request };
    }
  }
}

/** The records of a read and the results of queries are passed on by reference. */
export function encodeResponse(id: number, body: ClientResponseBody): EncodedFrame {
  const writer = new ByteWriter(body.type === 'status' ? 4096 : 64).u32(id);
  const type = writeResponse(writer, body);
  if (body.type === 'records') return { type, parts: [writer.take(), body.records] };
  return { type, parts: body.type === 'queryResults' ? [writer.take(), body.results] : [writer.take()] };
}

function writeResponse(writer: ByteWriter, body: ClientResponseBody): number {
  switch (body.type) {
    case 'error':
      writeError(writer, body);
      return FRAME_TYPES.errorResponse;
    case 'status':
      writeStatus(writer, body.status);
      return FRAME_TYPES.statusResponse;
    case 'streamCreated':
      writeStream(writer, body.stream);
      writer.u8(body.wasCreated ? 1 : 0);
      return FRAME_TYPES.streamCreatedResponse;
    case 'streamList':
      checkLength(body.streams.length, WIRE_LIMITS.streamListMax, 'streams');
      writer.u8(body.hasMore ? 1 : 0).u32(body.streams.length);
      for (const stream of body.streams) writeStream(writer, stream);
      return FRAME_TYPES.streamListResponse;
    case 'streamFound':
      writeStream(writer, body.stream);
      return FRAME_TYPES.streamFoundResponse;
    case 'streamInfo':
      writeStream(writer, body.info);
      writer.u64(body.info.firstOffset).u64(body.info.nextOffset).u16(body.info.leader).u64(body.info.term);
      return FRAME_TYPES.streamInfoResponse;
    case 'appended':
      writer.u64(body.offset).u32(body.count);
      return FRAME_TYPES.appendedResponse;
    case 'records':
      writer.u64(body.fromOffset).u32(body.count).u64(body.nextOffset);
      return FRAME_TYPES.recordsResponse;
    case 'transferred':
      return FRAME_TYPES.transferredResponse;
    default:
      return writeSessionResponse(writer, body);
  }
}

/** Records and lists of results are views into `body`, checked: `splitRecords` and `QueryResultList` cannot fail on them. Throws `malformedFrame`. */
export function decodeResponse(type: number, body: Uint8Array): ClientResponse {
  const reader = new ByteReader(body);
  const id = reader.u32();
  const response = readResponse(type, reader, id);
  reader.end();
  return response;
}

function readResponse(type: number, reader: ByteReader, id: number): ClientResponse {
  switch (type) {
    case FRAME_TYPES.errorResponse:
      return { id, type: 'error', ...readError(reader) };
    case FRAME_TYPES.statusResponse:
      return { id, type: 'status', status: readStatus(reader) };
    case FRAME_TYPES.streamCreatedResponse:
      return { id, type: 'streamCreated', stream: readStream(reader), wasCreated: readFlag(reader) };
    case FRAME_TYPES.streamListResponse: {
      const hasMore = readFlag(reader);
      const count = readCount(reader, reader.u32(), { max: WIRE_LIMITS.streamListMax, bytesEach: 6, what: 'streams' });
      const streams: StreamEntry[] = [];
      for (let i = 0; i < count; i++) streams.push(readStream(reader));
      return { id, type: 'streamList', streams, hasMore };
    }
    case FRAME_TYPES.streamFoundResponse:
      return { id, type: 'streamFound', stream: readStream(reader) };
    case FRAME_TYPES.streamInfoResponse: {
      const stream = readStream(reader);
      const info = { ...stream, firstOffset: reader.u64(), nextOffset: reader.u64(), leader: readNodeIdOrNone(reader), term: reader.u64() };
      return { id, type: 'streamInfo', info };
    }
    case FRAME_TYPES.appendedResponse: {
      const offset = reader.u64();
      return { id, type: 'appended', offset, count: bounded(reader.u32(), LIMITS.batchRecordsMax, 'records') };
    }
    case FRAME_TYPES.recordsResponse: {
      const fromOffset = reader.u64();
      const count = readCount(reader, reader.u32(), { max: WIRE_LIMITS.readRecordsMax, bytesEach: 4, what: 'records' });
      const nextOffset = reader.u64();
      const records = reader.raw(reader.remaining);
      checkRecords(records, count);
      return { id, type: 'records', fromOffset, count, nextOffset, records };
    }
    case FRAME_TYPES.transferredResponse:
      return { id, type: 'transferred' };
    default: {
      const response = readSessionResponse(type, reader);
      if (response === undefined) throw new QuorateError('malformedFrame', `frame type ${type} is not a response`, { type });
      return { id, ...response };
    }
  }
}

function checkRecords(records: Uint8Array, count: number): void {
  const reader = new ByteReader(records);
  for (let i = 0; i < count; i++) reader.bytes(LIMITS.recordBytesMax);
  reader.end();
}

function writeName(writer: ByteWriter, name: string): void {
  const at = writer.length;
  writer.text(name);
  checkLength(writer.length - at - 2, LIMITS.nameBytesMax, 'bytes of a name');
}

function writeStream(writer: ByteWriter, stream: StreamEntry): void {
  writeName(writer, stream.name);
  writer.u32(stream.group);
}

function readStream(reader: ByteReader): StreamEntry {
  return { name: reader.text(LIMITS.nameBytesMax), group: readGroupId(reader) };
}

function bounded(value: number, max: number, what: string): number {
  if (value > max) throw malformed(`${value} ${what} are over the limit of ${max}`);
  return value;
}

function atMost(value: number, max: number): number {
  return Math.max(0, Math.min(Math.floor(value), max));
}
