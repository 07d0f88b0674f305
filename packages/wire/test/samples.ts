import {
  type ClusterId,
  ERROR_CODES,
  type ErrorCode,
  type GroupId,
  type Incarnation,
  LIMITS,
  type NodeId,
  type Random,
  groupId,
  nodeId,
  randomBetween,
  randomChance,
} from '@quorate/base';
import type {
  ClientRequestBody,
  ClientResponseBody,
  GroupStatus,
  Hello,
  HelloReply,
  Member,
  NodeStatus,
  PeerFrame,
  PeerHello,
  StreamEntry,
  WireError,
} from '@quorate/wire';
import { joinRecords } from '@quorate/wire';

/*
 * Random messages that are valid, for round trips and as the ground for mutations.
 */

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[randomBetween(random, 0, items.length - 1)] as T;
}

export function someList<T>(random: Random, max: number, make: () => T): T[] {
  return Array.from({ length: randomBetween(random, 0, max) }, make);
}

export function someBytes(random: Random, max: number): Uint8Array {
  return Uint8Array.from({ length: randomBetween(random, 0, max) }, () => random.nextUint32() & 0xff);
}

function hex16(random: Random): string {
  const part = (): string => random.nextUint32().toString(16).padStart(8, '0');
  return part() + part();
}

/** Small, large and border values. */
export function someU64(random: Random): number {
  return pick(random, [
    0,
    1,
    randomBetween(random, 0, 1000),
    0xffff_ffff,
    0x1_0000_0000,
    Number.MAX_SAFE_INTEGER,
    random.nextUint32() * 0x1f_ffff,
  ]);
}

export function someU32(random: Random): number {
  return pick(random, [0, 1, 0xffff_ffff, random.nextUint32()]);
}

const TEXTS = ['', 'a', 'orders', 'ключ', '日本', '🙂🙂', 'x'.repeat(255), '\ufeffmark', '__proto__', 'constructor', 'with\nline'] as const;

function someNode(random: Random): NodeId {
  return nodeId(pick(random, [1, 2, 3, 65_535]));
}

export function someGroup(random: Random): GroupId {
  return groupId(someU32(random));
}

function cluster(random: Random): ClusterId {
  return hex16(random) as ClusterId;
}

function orNull<T>(random: Random, value: T): T | null {
  return randomChance(random, 0.5) ? value : null;
}

function members(random: Random): Member[] {
  return someList(random, 7, () => 0).map((_, i) => ({
    nodeId: nodeId(i + 1),
    address: `host-${i}.example:${7400 + i}`,
    incarnation: orNull(random, hex16(random) as Incarnation),
  }));
}

function peerHello(random: Random): PeerHello {
  return {
    nodeId: someNode(random),
    incarnation: hex16(random) as Incarnation,
    clusterId: orNull(random, cluster(random)),
    members: members(random),
    durableSequence: someU64(random),
    seenSequence: someU64(random),
    seenIncarnation: orNull(random, hex16(random) as Incarnation),
  };
}

export function someError(random: Random): WireError {
  const details: Record<string, string | number | boolean> = {};
  for (const key of someList(random, 5, () => pick(random, ['leader', 'address', 'constructor', 'toString', 'a.b', 'x_y']))) {
    details[key] = pick<string | number | boolean>(random, [
      true,
      false,
      0,
      -1.5,
      1e300,
      Number.MAX_SAFE_INTEGER,
      '',
      'text',
      'ü'.repeat(100),
    ]);
  }
  return { code: pick(random, Object.keys(ERROR_CODES) as ErrorCode[]), message: pick(random, TEXTS), details };
}

export function someHello(random: Random): Hello {
  return randomChance(random, 0.3)
    ? { role: 'client', clusterId: orNull(random, cluster(random)) }
    : { role: 'peer', ...peerHello(random) };
}

export function someHelloReply(random: Random): HelloReply {
  switch (randomBetween(random, 0, 2)) {
    case 0:
      return { status: 'client', nodeId: someNode(random), clusterId: orNull(random, cluster(random)), members: members(random) };
    case 1:
      return { status: 'peer', ...peerHello(random) };
    default:
      return { status: 'refused', ...someError(random) };
  }
}

export function somePeerFrame(random: Random): PeerFrame {
  switch (randomBetween(random, 0, 5)) {
    case 0:
      return { type: 'raft', group: someGroup(random), body: someBytes(random, 2000) };
    case 1:
      return { type: 'heartbeat', nonce: someU64(random), durableSequence: someU64(random) };
    case 2:
      return { type: 'heartbeatAck', nonce: someU64(random), durableSequence: someU64(random) };
    case 3:
      return { type: 'form', clusterId: cluster(random), members: members(random) };
    case 4:
      return { type: 'stateHash', group: someGroup(random), index: someU64(random), hash: random.nextUint32() };
    default:
      return { type: 'formed', clusterId: cluster(random) };
  }
}

export function someRequest(random: Random): ClientRequestBody {
  switch (randomBetween(random, 0, 7)) {
    case 0:
      return { type: 'status' };
    case 1:
      return { type: 'createStream', name: pick(random, TEXTS) };
    case 2:
      return { type: 'listStreams', prefix: pick(random, TEXTS), after: pick(random, TEXTS), limit: randomBetween(random, 0, 8192) };
    case 3:
      return { type: 'findStream', name: pick(random, TEXTS) };
    case 4:
      return { type: 'streamInfo', group: someGroup(random) };
    case 5:
      return { type: 'append', group: someGroup(random), payloadChecksum: someU32(random), payload: someBytes(random, 2000) };
    case 6:
      return {
        type: 'readStream',
        group: someGroup(random),
        fromOffset: someU64(random),
        maxRecords: randomBetween(random, 0, 1_048_576),
        maxBytes: randomBetween(random, 0, LIMITS.frameBytesMax),
        waitMs: randomBetween(random, 0, 600_000),
        consistency: pick(random, ['linearizable', 'sequential'] as const),
      };
    default:
      return { type: 'transferLeader', group: someGroup(random), to: pick(random, [0, someNode(random)]) };
  }
}

function stream(random: Random): StreamEntry {
  return { name: pick(random, TEXTS), group: someGroup(random) };
}

function groupStatus(random: Random): GroupStatus {
  return {
    group: someGroup(random),
    name: pick(random, TEXTS),
    role: pick(random, ['follower', 'preCandidate', 'candidate', 'leader', 'stopped'] as const),
    isLearner: randomChance(random, 0.5),
    term: someU64(random),
    leader: pick(random, [0, someNode(random)]),
    firstIndex: someU64(random),
    lastIndex: someU64(random),
    durableIndex: someU64(random),
    commitIndex: someU64(random),
    appliedIndex: someU64(random),
    stateHash: random.nextUint32(),
  };
}

function status(random: Random): NodeStatus {
  return {
    nodeId: someNode(random),
    clusterId: orNull(random, cluster(random)),
    incarnation: hex16(random) as Incarnation,
    state: pick(random, ['forming', 'serving', 'failed', 'draining'] as const),
    version: '0.1.0',
    pid: someU32(random),
    members: members(random).map((member) => ({ ...member, isConnected: randomChance(random, 0.5) })),
    groups: someList(random, 5, () => groupStatus(random)),
    metrics: { syncs: someU64(random), 'sync.msTotal': 1.25, negative: -0.5, large: 1e308 },
    damage: someList(random, 3, () => pick(random, TEXTS)),
  };
}

export function someResponse(random: Random): ClientResponseBody {
  switch (randomBetween(random, 0, 8)) {
    case 0:
      return { type: 'error', ...someError(random) };
    case 1:
      return { type: 'status', status: status(random) };
    case 2:
      return { type: 'streamCreated', stream: stream(random), wasCreated: randomChance(random, 0.5) };
    case 3:
      return { type: 'streamList', streams: someList(random, 9, () => stream(random)), hasMore: randomChance(random, 0.5) };
    case 4:
      return { type: 'streamFound', stream: stream(random) };
    case 5: {
      const info = {
        ...stream(random),
        firstOffset: someU64(random),
        nextOffset: someU64(random),
        leader: pick(random, [0, someNode(random)] as const),
        term: someU64(random),
      };
      return { type: 'streamInfo', info };
    }
    case 6:
      return { type: 'appended', offset: someU64(random), count: randomBetween(random, 1, 8192) };
    case 7: {
      const values = someList(random, 9, () => someBytes(random, 300));
      return {
        type: 'records',
        fromOffset: someU64(random),
        count: values.length,
        nextOffset: someU64(random),
        records: joinRecords(values),
      };
    }
    default:
      return { type: 'transferred' };
  }
}
