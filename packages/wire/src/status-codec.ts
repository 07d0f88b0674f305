import type { ByteReader, ByteWriter } from '@quorate/base';
import {
  checkLength,
  isKey,
  malformed,
  readChoice,
  readClusterIdOrNull,
  readCount,
  readFlag,
  readGroupId,
  readIncarnation,
  readKey,
  readMember,
  readNodeId,
  readNodeIdOrNone,
  writeCutText,
  writeHex16,
  writeHex16OrNull,
  writeMember,
} from './fields.js';
import type { GroupStatus, NodeStatus } from './messages.js';
import { WIRE_LIMITS } from './wire-limits.js';

/*
 * The status of a node:
 *
 *   u16 node id, cluster id or null, incarnation, u8 state, text version, u32 process id
 *   u16 count of members; per member: as in a hello, then u8 1 if it is connected
 *   u32 count of groups; per group: u32 group, text name, u8 role, u8 1 if learner, u64 term, u16 leader or 0,
 *       u64 first, last, durable, commit and applied index, u32 hash of the state at the last
 *   u16 count of metrics; per metric: key, 8 bytes IEEE 754
 *   u16 count of notes of damage; each a text
 *
 * States and roles are numbered in the order of the tables below. What is over a bound (metrics with impossible names, too many groups or
 * notes) is left out when a status is encoded: a status is for people and must not fail because there is much to tell.
 */

const STATES = ['forming', 'serving', 'failed', 'draining'] as const;
const ROLES = ['follower', 'preCandidate', 'candidate', 'leader', 'stopped'] as const;

export function writeStatus(writer: ByteWriter, status: NodeStatus): void {
  writeHex16OrNull(writer.u16(status.nodeId), status.clusterId);
  writeHex16(writer, status.incarnation);
  writeCutText(writer.u8(STATES.indexOf(status.state)), status.version, WIRE_LIMITS.versionBytesMax);
  writer.u32(status.pid);
  checkLength(status.members.length, WIRE_LIMITS.membersMax, 'members');
  writer.u16(status.members.length);
  for (const member of status.members) {
    writeMember(writer, member);
    writer.u8(member.isConnected ? 1 : 0);
  }
  const groups = status.groups.slice(0, WIRE_LIMITS.statusGroupsMax);
  writer.u32(groups.length);
  for (const group of groups) writeGroup(writer, group);
  const metrics = Object.entries(status.metrics)
    .filter(([key]) => isKey(key))
    .slice(0, WIRE_LIMITS.metricsMax);
  writer.u16(metrics.length);
  for (const [key, value] of metrics) writer.text(key).raw(float64Bytes(value));
  const damage = status.damage.slice(0, WIRE_LIMITS.damageMax);
  writer.u16(damage.length);
  for (const note of damage) writeCutText(writer, note, WIRE_LIMITS.damageBytesMax);
}

function writeGroup(writer: ByteWriter, group: GroupStatus): void {
  writeCutText(writer.u32(group.group), group.name, WIRE_LIMITS.groupNameBytesMax);
  writer
    .u8(ROLES.indexOf(group.role))
    .u8(group.isLearner ? 1 : 0)
    .u64(group.term)
    .u16(group.leader);
  writer.u64(group.firstIndex).u64(group.lastIndex).u64(group.durableIndex).u64(group.commitIndex).u64(group.appliedIndex);
  writer.u32(group.stateHash);
}

export function readStatus(reader: ByteReader): NodeStatus {
  return {
    nodeId: readNodeId(reader),
    clusterId: readClusterIdOrNull(reader),
    incarnation: readIncarnation(reader),
    state: readChoice(reader, STATES, 'state'),
    version: reader.text(WIRE_LIMITS.versionBytesMax),
    pid: reader.u32(),
    members: readList(reader, reader.u16(), { max: WIRE_LIMITS.membersMax, bytesEach: 6, what: 'members' }, () => ({
      ...readMember(reader),
      isConnected: readFlag(reader),
    })),
    groups: readList(reader, reader.u32(), { max: WIRE_LIMITS.statusGroupsMax, bytesEach: 62, what: 'groups' }, () => readGroup(reader)),
    metrics: readMetrics(reader),
    damage: readList(reader, reader.u16(), { max: WIRE_LIMITS.damageMax, bytesEach: 2, what: 'notes of damage' }, () =>
      reader.text(WIRE_LIMITS.damageBytesMax),
    ),
  };
}

function readGroup(reader: ByteReader): GroupStatus {
  return {
    group: readGroupId(reader),
    name: reader.text(WIRE_LIMITS.groupNameBytesMax),
    role: readChoice(reader, ROLES, 'role'),
    isLearner: readFlag(reader),
    term: reader.u64(),
    leader: readNodeIdOrNone(reader),
    firstIndex: reader.u64(),
    lastIndex: reader.u64(),
    durableIndex: reader.u64(),
    commitIndex: reader.u64(),
    appliedIndex: reader.u64(),
    stateHash: reader.u32(),
  };
}

function readMetrics(reader: ByteReader): Record<string, number> {
  const metrics: Record<string, number> = {};
  const count = readCount(reader, reader.u16(), { max: WIRE_LIMITS.metricsMax, bytesEach: 11, what: 'metrics' });
  for (let i = 0; i < count; i++) {
    const key = readKey(reader);
    const bytes = reader.raw(8);
    const value = new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
    if (Number.isNaN(value)) throw malformed(`metric ${key} is not a number`);
    metrics[key] = value;
  }
  return metrics;
}

function readList<T>(reader: ByteReader, count: number, bounds: { max: number; bytesEach: number; what: string }, readItem: () => T): T[] {
  const items: T[] = [];
  const checked = readCount(reader, count, bounds);
  for (let i = 0; i < checked; i++) items.push(readItem());
  return items;
}

function float64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, Number.isNaN(value) ? 0 : value, true);
  return bytes;
}
