import { ByteReader, ByteWriter, LIMITS, QuorateError, unreachable } from '@quorate/base';
import {
  malformed,
  readChoice,
  readClusterIdOrNull,
  readError,
  readIncarnation,
  readIncarnationOrNull,
  readMembers,
  readNodeId,
  writeError,
  writeHex16,
  writeHex16OrNull,
  writeMembers,
} from './fields.js';
import { type EncodedFrame, FRAME_TYPES } from './frame-types.js';
import type { Hello, HelloReply, PeerHello, WireError } from './messages.js';

/*
 * The frames with which a connection begins.
 *
 *   hello       u8 role: 0 client, then cluster id or null; 1 peer, then a peer hello
 *   helloReply  u8 status: 0 client, then u16 node id, cluster id or null, members; 1 peer, then a peer hello; 2 refused, then an error
 *   goodbye     an error: why the sender ends the connection. Nothing follows it.
 *
 *   peer hello  u16 node id, incarnation, cluster id or null, members, u64 durable sequence, u64 seen sequence, seen incarnation or null
 *
 * An id of 16 hexadecimal digits takes 8 bytes, most significant last; "or null" puts a u8 before it, 1 or 0. Members and errors: fields.ts.
 */

const ROLES = ['client', 'peer'] as const;
const STATUSES = ['client', 'peer', 'refused'] as const;

/** A hello over `LIMITS.helloFrameBytesMax` throws `frameTooLarge`: it has too many members. */
export function encodeHello(hello: Hello): EncodedFrame {
  const writer = new ByteWriter();
  switch (hello.role) {
    case 'client':
      writeHex16OrNull(writer.u8(0), hello.clusterId);
      break;
    case 'peer':
      writePeerHello(writer.u8(1), hello);
      break;
    default:
      unreachable(hello, 'role');
  }
  return smallFrame(FRAME_TYPES.hello, writer);
}

/** Reads the body of a hello; `malformedFrame` if it is none, or members are listed twice or too many. */
export function decodeHello(body: Uint8Array): Hello {
  const reader = new ByteReader(body);
  const role = readChoice(reader, ROLES, 'role');
  const hello: Hello = role === 'client' ? { role, clusterId: readClusterIdOrNull(reader) } : { role, ...readPeerHello(reader) };
  reader.end();
  return hello;
}

/** Throws like `encodeHello`. */
export function encodeHelloReply(reply: HelloReply): EncodedFrame {
  const writer = new ByteWriter();
  switch (reply.status) {
    case 'client':
      writeHex16OrNull(writer.u8(0).u16(reply.nodeId), reply.clusterId);
      writeMembers(writer, reply.members);
      break;
    case 'peer':
      writePeerHello(writer.u8(1), reply);
      break;
    case 'refused':
      writeError(writer.u8(2), reply);
      break;
    default:
      unreachable(reply, 'status');
  }
  return smallFrame(FRAME_TYPES.helloReply, writer);
}

/** Reads the body of the answer to a hello; `malformedFrame` like `decodeHello`. */
export function decodeHelloReply(body: Uint8Array): HelloReply {
  const reader = new ByteReader(body);
  const reply = readReply(reader);
  reader.end();
  return reply;
}

function readReply(reader: ByteReader): HelloReply {
  const status = readChoice(reader, STATUSES, 'status of a hello');
  switch (status) {
    case 'client':
      return { status, nodeId: readNodeId(reader), clusterId: readClusterIdOrNull(reader), members: readMembers(reader) };
    case 'peer':
      return { status, ...readPeerHello(reader) };
    case 'refused':
      return { status, ...readError(reader) };
    default:
      return unreachable(status, 'status');
  }
}

/** Why a side ends the connection. */
export function encodeGoodbye(error: WireError): EncodedFrame {
  const writer = new ByteWriter();
  writeError(writer, error);
  return smallFrame(FRAME_TYPES.goodbye, writer);
}

/** Reads why the other side ends the connection; `malformedFrame` if it is no error. An unknown code becomes `connectionLost`. */
export function decodeGoodbye(body: Uint8Array): WireError {
  const reader = new ByteReader(body);
  const error = readError(reader);
  reader.end();
  return error;
}

function smallFrame(type: number, writer: ByteWriter): EncodedFrame {
  if (writer.length >= LIMITS.helloFrameBytesMax) {
    throw new QuorateError(
      'frameTooLarge',
      `a hello of ${writer.length} bytes is over the limit of ${LIMITS.helloFrameBytesMax}: too many members`,
      {
        length: writer.length,
        max: LIMITS.helloFrameBytesMax,
      },
    );
  }
  return { type, parts: [writer.take()] };
}

function writePeerHello(writer: ByteWriter, hello: PeerHello): void {
  writeHex16(writer.u16(hello.nodeId), hello.incarnation);
  writeHex16OrNull(writer, hello.clusterId);
  writeMembers(writer, hello.members);
  writer.u64(hello.durableSequence).u64(hello.seenSequence);
  writeHex16OrNull(writer, hello.seenIncarnation);
}

function readPeerHello(reader: ByteReader): PeerHello {
  const hello: PeerHello = {
    nodeId: readNodeId(reader),
    incarnation: readIncarnation(reader),
    clusterId: readClusterIdOrNull(reader),
    members: readMembers(reader),
    durableSequence: reader.u64(),
    seenSequence: reader.u64(),
    seenIncarnation: readIncarnationOrNull(reader),
  };
  if (new Set(hello.members.map((member) => member.nodeId)).size !== hello.members.length) throw malformed('a member is listed twice');
  return hello;
}
