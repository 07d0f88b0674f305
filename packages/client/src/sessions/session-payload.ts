import { ByteReader, ByteWriter, type LogIndex } from '@quorate/base';
import type { ResourceId, SessionId } from '@quorate/machine';

export const COMMANDS_HEADER_BYTES = 36;
export const COMMAND_HEADER_BYTES = 14;
export const MACHINE_OPERATION = { openResource: 1, closeSession: 2, nothing: 3 } as const;

export function encodeCommands(request: {
  readonly session: SessionId;
  readonly firstNumber: number;
  readonly acknowledgedReplies: number;
  readonly acknowledgedEvents: LogIndex;
  readonly commands: readonly { readonly resource: ResourceId; readonly operation: number; readonly args: Uint8Array }[];
}): Uint8Array {
  const { commands } = request;
  const writer = new ByteWriter(1024);
  writer.u8(1).u8(0).u16(commands.length).u64(request.session).u64(request.firstNumber);
  writer.u64(request.acknowledgedReplies).u64(request.acknowledgedEvents);
  for (const { resource, operation, args } of commands) writer.u64(resource).u16(operation).bytes(args);
  return writer.take();
}

export function encodeOpenResource(type: string, version: number, name: string): Uint8Array {
  return new ByteWriter(64).text(type).u16(version).text(name).take();
}

export function decodeOpenedResource(result: Uint8Array): ResourceId {
  const reader = new ByteReader(result);
  const resource = reader.u64();
  reader.end();
  return resource;
}
