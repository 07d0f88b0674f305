import {
  type ByteReader,
  ByteWriter,
  type ClusterId,
  type GroupId,
  type Incarnation,
  type NodeId,
  QuorateError,
  clusterId,
  groupId,
  incarnation,
  isErrorCode,
  nodeId,
  readU32,
} from '@quorate/base';
import type { Member, WireError } from './messages.js';
import { WIRE_LIMITS } from './wire-limits.js';

/*
 * Fields that several codecs share. Writing trusts its input as far as its type goes and checks what a type cannot say; reading trusts
 * nothing and throws only `malformedFrame`.
 */

export function malformed(what: string): QuorateError {
  return new QuorateError('malformedFrame', what);
}

/** Reading a frame whose checks throw in their own words: every refusal is a malformed frame to whoever sent it. */
export function readNodeId(reader: ByteReader): NodeId {
  const value = reader.u16();
  if (value === 0) throw malformed('node id 0');
  return nodeId(value);
}

/** 0: none. */
export function readNodeIdOrNone(reader: ByteReader): NodeId | 0 {
  const value = reader.u16();
  return value === 0 ? 0 : nodeId(value);
}

export function readGroupId(reader: ByteReader): GroupId {
  return groupId(reader.u32());
}

/** 16 hexadecimal digits as 8 bytes. */
export function writeHex16(writer: ByteWriter, digits: string): void {
  writer.u32(Number.parseInt(digits.slice(8), 16)).u32(Number.parseInt(digits.slice(0, 8), 16));
}

function readHex16(reader: ByteReader): string {
  const bytes = reader.raw(8);
  return readU32(bytes, 4).toString(16).padStart(8, '0') + readU32(bytes, 0).toString(16).padStart(8, '0');
}

export function readClusterId(reader: ByteReader): ClusterId {
  return clusterId(readHex16(reader));
}

export function readIncarnation(reader: ByteReader): Incarnation {
  return incarnation(readHex16(reader));
}

/** u8 1 and the digits, or u8 0 for null. */
export function writeHex16OrNull(writer: ByteWriter, digits: string | null): void {
  writer.u8(digits === null ? 0 : 1);
  if (digits !== null) writeHex16(writer, digits);
}

export function readClusterIdOrNull(reader: ByteReader): ClusterId | null {
  return readFlag(reader) ? readClusterId(reader) : null;
}

export function readIncarnationOrNull(reader: ByteReader): Incarnation | null {
  return readFlag(reader) ? readIncarnation(reader) : null;
}

/** A u8 that is 0 or 1. */
export function readFlag(reader: ByteReader): boolean {
  const value = reader.u8();
  if (value > 1) throw malformed(`flag ${value} is neither 0 nor 1`);
  return value === 1;
}

/** A u8 that stands for one of a table of names. */
export function readChoice<T extends string>(reader: ByteReader, names: readonly T[], what: string): T {
  const value = reader.u8();
  const name = names[value];
  if (name === undefined) throw malformed(`unknown ${what} ${value}`);
  return name;
}

/** A count of at most `max` items of at least `bytesEach` bytes: what cannot be there is refused before anything is reserved for it. */
export function readCount(reader: ByteReader, count: number, bounds: { max: number; bytesEach: number; what: string }): number {
  if (count > bounds.max) throw malformed(`${count} ${bounds.what} are over the limit of ${bounds.max}`);
  if (count * bounds.bytesEach > reader.remaining) throw malformed(`${count} ${bounds.what} cannot be in ${reader.remaining} bytes`);
  return count;
}

/** Names of details and metrics: a letter, then letters, digits and `_ . : -`; so never `__proto__`. */
const KEY = /^[A-Za-z][A-Za-z0-9_.:-]*$/;

export function isKey(key: string): boolean {
  return key.length <= WIRE_LIMITS.keyBytesMax && KEY.test(key);
}

export function readKey(reader: ByteReader): string {
  const key = reader.text(WIRE_LIMITS.keyBytesMax);
  if (!isKey(key)) throw malformed('a key with characters that keys do not have');
  return key;
}

/** Members: u16 count, then u16 id, text address, incarnation or null each. */
export function writeMembers(writer: ByteWriter, members: readonly Member[]): void {
  checkLength(members.length, WIRE_LIMITS.membersMax, 'members');
  writer.u16(members.length);
  for (const member of members) writeMember(writer, member);
}

export function writeMember(writer: ByteWriter, member: Member): void {
  writer.u16(member.nodeId).text(member.address);
  writeHex16OrNull(writer, member.incarnation);
}

export function readMembers(reader: ByteReader): Member[] {
  const count = readCount(reader, reader.u16(), { max: WIRE_LIMITS.membersMax, bytesEach: 5, what: 'members' });
  const members: Member[] = [];
  for (let i = 0; i < count; i++) members.push(readMember(reader));
  return members;
}

export function readMember(reader: ByteReader): Member {
  return { nodeId: readNodeId(reader), address: reader.text(WIRE_LIMITS.addressBytesMax), incarnation: readIncarnationOrNull(reader) };
}

/** Refuses to encode what no decoder would take: a fault of the caller. */
export function checkLength(length: number, max: number, what: string): void {
  if (length > max) throw new QuorateError('invalidArgument', `${length} ${what} are over the limit of ${max}`, { length, max });
}

const encoder = new TextEncoder();

/** A text that is cut at a character so that it fits: for what people read, which must never stop an error from being told. */
export function writeCutText(writer: ByteWriter, text: string, bytesMax: number): void {
  const bytes = new Uint8Array(Math.min(bytesMax, text.length * 3));
  const { written } = encoder.encodeInto(text, bytes);
  writer.u16(written).raw(bytes.subarray(0, written));
}

/** No detail is begun beyond this, so that an error with all it may have still fits a frame of the handshake. */
const DETAILS_BYTES = 8192;
const DETAIL_KINDS = ['false', 'true', 'number', 'text'] as const;

/** An error: text code, text message, u8 count of details, then key, u8 kind (false, true, number as text, text) and value each. */
export function writeError(writer: ByteWriter, error: WireError): void {
  writer.text(error.code);
  writeCutText(writer, error.message, WIRE_LIMITS.errorMessageBytesMax);
  const details = new ByteWriter();
  let count = 0;
  for (const [key, value] of Object.entries(error.details)) {
    if (!isKey(key) || value === undefined || (typeof value === 'number' && !Number.isFinite(value))) continue;
    if (count === WIRE_LIMITS.detailsMax || details.length > DETAILS_BYTES) break;
    count++;
    details.text(key);
    if (typeof value === 'boolean') details.u8(value ? 1 : 0);
    else if (typeof value === 'number') details.u8(2).text(String(value));
    else writeCutText(details.u8(3), value, WIRE_LIMITS.detailTextBytesMax);
  }
  writer.u8(count).raw(details.take());
}

/**
 * A code that this build does not know (the other side is newer) becomes `connectionLost`, whose retry class `unknown` holds for any error;
 * the code itself is told in the message and the detail `unknownCode`.
 */
export function readError(reader: ByteReader): WireError {
  const code = readKey(reader);
  const message = reader.text(WIRE_LIMITS.errorMessageBytesMax);
  const details: Record<string, string | number | boolean> = {};
  const count = readCount(reader, reader.u8(), { max: WIRE_LIMITS.detailsMax, bytesEach: 3, what: 'details' });
  for (let i = 0; i < count; i++) {
    const key = readKey(reader);
    details[key] = readDetail(reader);
  }
  if (isErrorCode(code)) return { code, message, details };
  details['unknownCode'] = code;
  return { code: 'connectionLost', message: `error with the unknown code "${code}": ${message}`, details };
}

function readDetail(reader: ByteReader): string | number | boolean {
  const kind = readChoice(reader, DETAIL_KINDS, 'kind of detail');
  if (kind === 'false' || kind === 'true') return kind === 'true';
  const text = reader.text(WIRE_LIMITS.detailTextBytesMax);
  if (kind === 'text') return text;
  // Adding 0 makes -0 an ordinary 0, so that encoding it again gives the same.
  const value = text === '' ? Number.NaN : Number(text) + 0;
  if (!Number.isFinite(value)) throw malformed('a detail is not a number');
  return value;
}

/** The wire form of any error. */
export function toWireError(error: QuorateError): WireError {
  return { code: error.code, message: error.message, details: error.details };
}

/** An error that the other side told, as one to throw. */
export function fromWireError(error: WireError): QuorateError {
  return new QuorateError(error.code, error.message, error.details);
}
