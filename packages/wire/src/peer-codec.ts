import { ByteReader, ByteWriter, type GroupId, QuorateError, groupId, readU32, unreachable, writeU32 } from '@quorate/base';
import { malformed, readClusterId, readMembers, writeHex16, writeMembers } from './fields.js';
import { type EncodedFrame, FRAME_TYPES } from './frame-types.js';
import type { PeerFrame } from './messages.js';

/*
 * Frames between peers after the hellos.
 *
 *   raft          u32 group, then the message in the format of `raft` up to the end of the frame
 *   heartbeat     u64 nonce, u64 durable sequence
 *   heartbeatAck  u64 nonce, u64 durable sequence
 *   form          cluster id (8 bytes), members
 *   formed        cluster id (8 bytes)
 *   stateHash     u32 group, u64 index, u32 hash
 */

/** The body of a `raft` frame is passed on by reference; the rest is small and new. */
export function encodePeerFrame(frame: PeerFrame): EncodedFrame {
  switch (frame.type) {
    case 'raft':
      return encodeRaftFrame(frame.group, [frame.body]);
    case 'heartbeat':
    case 'heartbeatAck':
      return { type: FRAME_TYPES[frame.type], parts: [new ByteWriter(16).u64(frame.nonce).u64(frame.durableSequence).take()] };
    case 'form': {
      const writer = new ByteWriter();
      writeHex16(writer, frame.clusterId);
      writeMembers(writer, frame.members);
      return { type: FRAME_TYPES.form, parts: [writer.take()] };
    }
    case 'formed': {
      const writer = new ByteWriter(8);
      writeHex16(writer, frame.clusterId);
      return { type: FRAME_TYPES.formed, parts: [writer.take()] };
    }
    case 'stateHash':
      return { type: FRAME_TYPES.stateHash, parts: [new ByteWriter(16).u32(frame.group).u64(frame.index).u32(frame.hash).take()] };
    default:
      return unreachable(frame, 'peer frame');
  }
}

/** A `raft` frame of parts: batches that lie in memory go from there to the socket without another copy. */
export function encodeRaftFrame(group: GroupId, parts: readonly Uint8Array[]): EncodedFrame {
  const head = new Uint8Array(4);
  writeU32(head, 0, group);
  return { type: FRAME_TYPES.raft, parts: [head, ...parts] };
}

/** The `body` of a `raft` frame is a view into `body`. Throws `malformedFrame`. */
export function decodePeerFrame(type: number, body: Uint8Array): PeerFrame {
  switch (type) {
    case FRAME_TYPES.raft:
      if (body.length < 4) throw malformed('a raft frame without a group');
      return { type: 'raft', group: groupId(readU32(body, 0)), body: body.subarray(4) };
    case FRAME_TYPES.heartbeat:
    case FRAME_TYPES.heartbeatAck: {
      const reader = new ByteReader(body);
      const frame: PeerFrame = {
        type: type === FRAME_TYPES.heartbeat ? 'heartbeat' : 'heartbeatAck',
        nonce: reader.u64(),
        durableSequence: reader.u64(),
      };
      reader.end();
      return frame;
    }
    case FRAME_TYPES.form: {
      const reader = new ByteReader(body);
      const frame: PeerFrame = { type: 'form', clusterId: readClusterId(reader), members: readMembers(reader) };
      reader.end();
      return frame;
    }
    case FRAME_TYPES.formed: {
      const reader = new ByteReader(body);
      const frame: PeerFrame = { type: 'formed', clusterId: readClusterId(reader) };
      reader.end();
      return frame;
    }
    case FRAME_TYPES.stateHash: {
      const reader = new ByteReader(body);
      const frame: PeerFrame = { type: 'stateHash', group: groupId(reader.u32()), index: reader.u64(), hash: reader.u32() };
      reader.end();
      return frame;
    }
    default:
      throw new QuorateError('malformedFrame', `frame type ${type} is not one that peers send`, { type });
  }
}
