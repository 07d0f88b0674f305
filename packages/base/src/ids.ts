import { QuorateError } from './errors.js';
import { shownValue } from './shown-value.js';

declare const brand: unique symbol;

/** Number of a member of the cluster, 1 to 65,535, chosen by the operator and written into the data directory. */
export type NodeId = number & { readonly [brand]: 'NodeId' };
/** Number of a group: 0 is the system group, 1 the default space, others are given out by the catalogue and never reused. */
export type GroupId = number & { readonly [brand]: 'GroupId' };
/** 16 lower-case hexadecimal digits drawn at formation; equal on all members. */
export type ClusterId = string & { readonly [brand]: 'ClusterId' };
/** 16 lower-case hexadecimal digits drawn whenever a data directory is created: a node that lost its data is a new incarnation. */
export type Incarnation = string & { readonly [brand]: 'Incarnation' };

/** Raft term; a safe integer, 0 before any election. Arithmetic on terms and indexes is constant, so they are aliases, not brands. */
export type Term = number;
/** Position in a group's log; 1 is the first, 0 means "before the log". */
export type LogIndex = number;
/** Position of a record in a stream; 0 is the first, dense. */
export type Offset = number;

const HEX16 = /^[0-9a-f]{16}$/;
const isHex16 = (value: unknown): boolean => typeof value === 'string' && HEX16.test(value);

/** Checks a node id: 1 to 65,535, otherwise `invalidArgument`. */
export function nodeId(value: number): NodeId {
  if (!Number.isInteger(value) || value < 1 || value > 0xffff) {
    throw new QuorateError('invalidArgument', `node id must be a whole number from 1 to 65535, not ${shownValue(value)}`, {
      value: typeof value === 'number' ? value : shownValue(value),
    });
  }
  return value as NodeId;
}

/** Checks a group id: 0 to 4,294,967,295, otherwise `invalidArgument`. */
export function groupId(value: number): GroupId {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new QuorateError('invalidArgument', `group id must be a whole number from 0 to 4294967295, not ${shownValue(value)}`, {
      value: typeof value === 'number' ? value : shownValue(value),
    });
  }
  return value as GroupId;
}

/** Checks a cluster id: 16 lower-case hexadecimal digits, otherwise `invalidArgument`. */
export function clusterId(value: string): ClusterId {
  if (!isHex16(value)) throw new QuorateError('invalidArgument', `cluster id must be 16 hexadecimal digits, not "${shownValue(value)}"`);
  return value as ClusterId;
}

/** Checks an incarnation: 16 lower-case hexadecimal digits, otherwise `invalidArgument`. */
export function incarnation(value: string): Incarnation {
  if (!isHex16(value)) throw new QuorateError('invalidArgument', `incarnation must be 16 hexadecimal digits, not "${shownValue(value)}"`);
  return value as Incarnation;
}

/** 16 hexadecimal digits from two draws of a random source. */
export function randomHex16(nextUint32: () => number): string {
  const part = (): string => (nextUint32() >>> 0).toString(16).padStart(8, '0');
  return part() + part();
}

/** The group that holds nodes and the catalogue. */
export const SYSTEM_GROUP: GroupId = 0 as GroupId;
/** The default coordination space: the machine with sessions and resources that every node has. */
export const DEFAULT_GROUP: GroupId = 1 as GroupId;
/** First group id that the catalogue gives to a stream; lower ones are reserved. */
export const FIRST_STREAM_GROUP = 16;
