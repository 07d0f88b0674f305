import { ByteReader, ByteWriter, LIMITS, type LogIndex, QuorateError, readU16, readU32, readU64 } from '@quorate/base';
import { malformed, payloadUnsupported } from './faults.js';
import type { ResourceId, SessionId } from './resource-machine.js';

/*
 * Payloads of batches of kind `commands`; the layout stands in machine-types.ts. Reading trusts no length and no count: what is not exactly a
 * payload of its type is `malformedFrame`. A type or a flag that this version does not know is `formatUnsupported`: newer nodes know it, so a
 * replica must stop there rather than skip it (T78).
 */

/** First byte of a payload. */
export const PAYLOAD = { commands: 1, openSession: 2, expireSessions: 3, tick: 4, acknowledge: 5 } as const;

/** Operations of resource 0, the machine itself. */
export const MACHINE_OPERATION = { openResource: 1, closeSession: 2, nothing: 3 } as const;
/** The resource that stands for the machine itself. */
export const MACHINE_RESOURCE: ResourceId = 0;

/** Bytes before the first command of a commands payload. */
export const COMMANDS_HEADER_BYTES = 36;
/** Bytes before the arguments of each command. */
export const COMMAND_HEADER_BYTES = 14;
/** Length of the key that a session is opened with. */
export const SESSION_KEY_BYTES = 16;

/** One command as it is put into a payload. */
export interface CommandRequest {
  /** 0: the machine itself. */
  readonly resource: ResourceId;
  readonly operation: number;
  /** Encoded arguments. */
  readonly args: Uint8Array;
}

/** Consecutive commands of one session. */
export interface CommandsRequest {
  readonly session: SessionId;
  /** Number of the first command, 1 or more. */
  readonly firstNumber: number;
  /** The client has the replies up to this number and never asks for them again. */
  readonly acknowledgedReplies: number;
  /** The client has the events up to this log index. */
  readonly acknowledgedEvents: LogIndex;
  /** 1 to `LIMITS.batchRecordsMax`. */
  readonly commands: readonly CommandRequest[];
}

/** What a leader needs of a commands payload. */
export interface CommandsSummary {
  readonly session: SessionId;
  readonly firstNumber: number;
  readonly count: number;
}

/** What one session acknowledges, see `CommandsRequest`. */
export interface Acknowledgement {
  readonly session: SessionId;
  readonly acknowledgedReplies: number;
  readonly acknowledgedEvents: LogIndex;
}

/** How a session is opened. */
export interface SessionRequest {
  /** 16 random bytes, drawn once per session: a repeated request with the same key finds the session that the first one opened. */
  readonly key: Uint8Array;
  /** 1 to 4,294,967,295. */
  readonly ttlMs: number;
  readonly graceMs: number;
}

/** A payload of commands. Throws `invalidArgument` beyond the limits of a batch. */
export function encodeCommands(request: CommandsRequest): Uint8Array {
  const { commands } = request;
  checkCount(commands.length, 'commands');
  if (!isNumber(request.session) || !isNumber(request.firstNumber) || request.session < 1 || request.firstNumber < 1) {
    throw invalid(`session ${request.session}, first number ${request.firstNumber}`);
  }
  if (!isNumber(request.acknowledgedReplies) || !isNumber(request.acknowledgedEvents)) throw invalid('acknowledged numbers must be whole');
  let length = COMMANDS_HEADER_BYTES;
  for (const command of commands) {
    if (!isNumber(command.resource) || !(command.operation >= 0 && command.operation <= 0xffff)) {
      throw invalid(`resource ${command.resource}, operation ${command.operation}`);
    }
    length += COMMAND_HEADER_BYTES + command.args.length;
  }
  if (length > LIMITS.batchPayloadBytesMax) throw invalid(`commands of ${length} bytes, at most ${LIMITS.batchPayloadBytesMax}`);
  const writer = new ByteWriter(length);
  writer.u8(PAYLOAD.commands).u8(0).u16(commands.length).u64(request.session).u64(request.firstNumber);
  writer.u64(request.acknowledgedReplies).u64(request.acknowledgedEvents);
  for (const { resource, operation, args } of commands) writer.u64(resource).u16(operation).bytes(args);
  return writer.take();
}

/**
 * Checks the structure of a commands payload, before a leader proposes it. Throws `malformedFrame` or `formatUnsupported`. Arguments are not
 * looked into: wrong ones refuse only their own command when it is applied.
 */
export function checkCommandsPayload(payload: Uint8Array): CommandsSummary {
  if (payload.length < COMMANDS_HEADER_BYTES) throw malformed(`commands payload of ${payload.length} bytes`);
  if (payload[0] !== PAYLOAD.commands || payload[1] !== 0) throw payloadUnsupported(payload);
  const count = readU16(payload, 2);
  const session = readU64(payload, 4);
  const firstNumber = readU64(payload, 12);
  if (count < 1 || count > LIMITS.batchRecordsMax) throw malformed(`${count} commands`);
  if (!isNumber(session) || session < 1) throw malformed(`session ${session}`);
  if (!isNumber(firstNumber + count) || firstNumber < 1) throw malformed(`first number ${firstNumber}`);
  if (!isNumber(readU64(payload, 20)) || !isNumber(readU64(payload, 28))) throw malformed('acknowledged numbers beyond 2^53');
  let at = COMMANDS_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (payload.length - at < COMMAND_HEADER_BYTES) throw malformed(`command ${i} of ${count} is cut at ${at}`);
    if (!isNumber(readU64(payload, at))) throw malformed(`command ${i}: resource beyond 2^53`);
    const length = readU32(payload, at + 10);
    at += COMMAND_HEADER_BYTES;
    if (length > payload.length - at) throw malformed(`command ${i} claims ${length} bytes of ${payload.length - at}`);
    at += length;
  }
  if (at !== payload.length) throw malformed(`${payload.length - at} bytes after the last command`);
  return { session, firstNumber, count };
}

/** A payload that opens a session. Throws `invalidArgument` for another key than 16 bytes or times out of range. */
export function encodeOpenSession(request: SessionRequest): Uint8Array {
  const { key, ttlMs, graceMs } = request;
  if (key.length !== SESSION_KEY_BYTES) throw invalid(`session key of ${key.length} bytes`);
  if (!isU32(ttlMs) || ttlMs < 1 || !isU32(graceMs)) throw invalid(`ttl ${ttlMs} ms, grace ${graceMs} ms`);
  return new ByteWriter(1 + SESSION_KEY_BYTES + 8).u8(PAYLOAD.openSession).raw(key).u32(ttlMs).u32(graceMs).take();
}

/** The request of an openSession payload. */
export function decodeOpenSession(payload: Uint8Array): SessionRequest {
  const reader = readerOf(payload);
  const key = reader.raw(SESSION_KEY_BYTES);
  const ttlMs = reader.u32();
  const graceMs = reader.u32();
  reader.end();
  if (ttlMs < 1) throw malformed('session with a ttl of 0 ms');
  return { key, ttlMs, graceMs };
}

/** A payload that ends sessions, each at a log index of its own. 1 to `LIMITS.batchRecordsMax` of them. */
export function encodeExpireSessions(sessions: readonly SessionId[]): Uint8Array {
  checkCount(sessions.length, 'sessions');
  const writer = new ByteWriter(3 + 8 * sessions.length).u8(PAYLOAD.expireSessions).u16(sessions.length);
  for (const session of sessions) writer.u64(session);
  return writer.take();
}

/** The sessions of an expireSessions payload. */
export function decodeExpireSessions(payload: Uint8Array): SessionId[] {
  const reader = readerOf(payload);
  const count = readCount(reader, 8);
  return Array.from({ length: count }, () => reader.u64());
}

/** A payload that only lets time pass. */
export function encodeTick(): Uint8Array {
  return Uint8Array.of(PAYLOAD.tick);
}

/** A payload of acknowledgements that found no commands to ride on. 1 to `LIMITS.batchRecordsMax` of them. */
export function encodeAcknowledge(acknowledgements: readonly Acknowledgement[]): Uint8Array {
  checkCount(acknowledgements.length, 'acknowledgements');
  const writer = new ByteWriter(3 + 24 * acknowledgements.length).u8(PAYLOAD.acknowledge).u16(acknowledgements.length);
  for (const { session, acknowledgedReplies, acknowledgedEvents } of acknowledgements) {
    writer.u64(session).u64(acknowledgedReplies).u64(acknowledgedEvents);
  }
  return writer.take();
}

/** The acknowledgements of an acknowledge payload. */
export function decodeAcknowledge(payload: Uint8Array): Acknowledgement[] {
  const reader = readerOf(payload);
  const count = readCount(reader, 24);
  return Array.from({ length: count }, () => {
    const session = reader.u64();
    const acknowledgedReplies = reader.u64();
    return { session, acknowledgedReplies, acknowledgedEvents: reader.u64() };
  });
}

/** Arguments of openResource: the kind (u16 length, text), its version (u16), the name (u16 length, text). */
export function encodeOpenResource(type: string, version: number, name: string): Uint8Array {
  return new ByteWriter(64).text(type).u16(version).text(name).take();
}

/** What encodeOpenResource was given. */
export function decodeOpenResource(args: Uint8Array): { readonly type: string; readonly version: number; readonly name: string } {
  const reader = new ByteReader(args);
  const type = reader.text();
  const version = reader.u16();
  const name = reader.text();
  reader.end();
  return { type, version, name };
}

/** The resource in the result of openResource. */
export function decodeOpenedResource(result: Uint8Array): ResourceId {
  const reader = new ByteReader(result);
  const resource = reader.u64();
  reader.end();
  return resource;
}

function readerOf(payload: Uint8Array): ByteReader {
  const reader = new ByteReader(payload);
  reader.u8();
  return reader;
}

function readCount(reader: ByteReader, bytesEach: number): number {
  const count = reader.u16();
  if (count < 1 || count > LIMITS.batchRecordsMax || reader.remaining !== count * bytesEach) {
    throw malformed(`${count} entries in ${reader.remaining} bytes`);
  }
  return count;
}

function checkCount(count: number, what: string): void {
  if (count < 1 || count > LIMITS.batchRecordsMax) throw invalid(`${count} ${what}, 1 to ${LIMITS.batchRecordsMax} are allowed`);
}

function isNumber(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isU32(value: number): boolean {
  return isNumber(value) && value <= 0xffff_ffff;
}

function invalid(what: string): QuorateError {
  return new QuorateError('invalidArgument', what);
}
