import { QuorateError, asQuorateError, readU16, readU32, readU64 } from '@quorate/base';
import { resourceUnsupported } from './compiled-type.js';
import { malformed, payloadUnsupported } from './faults.js';
import type { MachineState } from './machine-state.js';
import {
  COMMANDS_HEADER_BYTES,
  COMMAND_HEADER_BYTES,
  MACHINE_OPERATION,
  MACHINE_RESOURCE,
  PAYLOAD,
  checkCommandsPayload,
  decodeAcknowledge,
  decodeExpireSessions,
  decodeOpenResource,
  decodeOpenSession,
} from './payload-codec.js';
import type { ResourceId } from './resource-machine.js';

/** What a leader must refuse instead of proposing it, see `Machine.refusalOf`. Once in the log, it would stop every replica that does not know it. */
export function refusalOf(payload: Uint8Array, state: MachineState): QuorateError | null {
  try {
    check(payload, state);
    return null;
  } catch (thrown) {
    return asQuorateError(thrown);
  }
}

function check(payload: Uint8Array, state: MachineState): void {
  switch (payload[0]) {
    case PAYLOAD.commands:
      checkCommands(payload, checkCommandsPayload(payload).count, state);
      return;
    case PAYLOAD.openSession:
      decodeOpenSession(payload);
      return;
    case PAYLOAD.expireSessions:
      decodeExpireSessions(payload);
      return;
    case PAYLOAD.tick:
      if (payload.length !== 1) throw malformed(`tick of ${payload.length} bytes`);
      return;
    case PAYLOAD.acknowledge:
      decodeAcknowledge(payload);
      return;
    case undefined:
      throw malformed('empty payload');
    default:
      throw payloadUnsupported(payload);
  }
}

function checkCommands(payload: Uint8Array, count: number, state: MachineState): void {
  let at = COMMANDS_HEADER_BYTES;
  // Most commands of a batch are for the resource of the one before.
  let last: ResourceId = MACHINE_RESOURCE;
  let operations: readonly ({ readonly kind: string } | undefined)[] | undefined;
  for (let i = 0; i < count; i++) {
    const resource = readU64(payload, at);
    const operation = readU16(payload, at + 8);
    const from = at + COMMAND_HEADER_BYTES;
    at = from + readU32(payload, at + 10);
    if (resource === MACHINE_RESOURCE) {
      checkMachineCommand(operation, payload.subarray(from, at), state);
      continue;
    }
    if (resource !== last) {
      operations = operationsOf(resource, state);
      last = resource;
    }
    if (operations !== undefined && operations[operation]?.kind !== 'command') {
      throw new QuorateError('resourceUnsupported', `resource ${resource} has no command ${operation}`, { resource, operation });
    }
  }
}

/** Undefined: there is and will be no such resource, which refuses the command when it is applied. */
function operationsOf(resource: ResourceId, state: MachineState): readonly ({ readonly kind: string } | undefined)[] | undefined {
  const info = state.resources.get(resource);
  if (info !== undefined) return state.resources.typeOf(info).operations;
  if (resource > state.index) {
    throw new QuorateError('unavailable', `resource ${resource} is not known yet at index ${state.index}`, {
      resource,
      index: state.index,
    });
  }
  return undefined;
}

function checkMachineCommand(operation: number, args: Uint8Array, state: MachineState): void {
  if (operation === MACHINE_OPERATION.openResource) {
    const { type, version } = decodeOpenResource(args);
    if (state.resources.findType(type, version) === undefined) throw resourceUnsupported(type, version);
  } else if (operation !== MACHINE_OPERATION.closeSession && operation !== MACHINE_OPERATION.nothing) {
    throw new QuorateError('invalidArgument', `the machine has no operation ${operation}`, { operation });
  }
}
