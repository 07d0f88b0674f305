import { ByteReader, ByteWriter, type Incarnation, LIMITS, type NodeId, QuorateError, incarnation, nodeId } from '@quorate/base';

/*
 * Commands of the system group, the payload of its batches. Little-endian: u8 version (1), u8 command, then its fields.
 *
 *   1 createStream    text name
 *   2 registerNodes   u16 n, n x { u16 node id, text incarnation, text address }
 *
 * An unknown version or command stops the group: it is never skipped.
 */
export type CatalogueCommand =
  /** Idempotent by name. */
  | { readonly type: 'createStream'; readonly name: string }
  /** At formation for all nodes, and again for one that came back without its data. */
  | { readonly type: 'registerNodes'; readonly nodes: readonly RegisteredNode[] };

/** A node as the system group knows it: the incarnation that counts, and where it was reached when it was registered. */
export interface RegisteredNode {
  readonly nodeId: NodeId;
  readonly incarnation: Incarnation;
  readonly address: string;
}

const VERSION = 1;
const COMMANDS = { createStream: 1, registerNodes: 2 } as const;

/** The payload of a command's batch. Names and addresses over 65,535 bytes throw `invalidArgument`. */
export function encodeCommand(command: CatalogueCommand): Uint8Array {
  const writer = new ByteWriter().u8(VERSION).u8(COMMANDS[command.type]);
  if (command.type === 'createStream') return writer.text(command.name).take();
  writer.u16(command.nodes.length);
  for (const node of command.nodes) writer.u16(node.nodeId).text(node.incarnation).text(node.address);
  return writer.take();
}

/**
 * The command of a payload. Throws `malformedFrame` if it is cut, too long or holds impossible values, `formatUnsupported` for an unknown
 * version or command.
 */
export function decodeCommand(payload: Uint8Array): CatalogueCommand {
  const reader = new ByteReader(payload);
  const version = reader.u8();
  const command = reader.u8();
  if (version !== VERSION)
    throw new QuorateError('formatUnsupported', `catalogue command of version ${version}; this node knows ${VERSION}`);
  const decoded = decodeFields(reader, command);
  reader.end();
  return decoded;
}

function decodeFields(reader: ByteReader, command: number): CatalogueCommand {
  switch (command) {
    case COMMANDS.createStream:
      return { type: 'createStream', name: reader.text(LIMITS.nameBytesMax) };
    case COMMANDS.registerNodes: {
      const nodes: RegisteredNode[] = [];
      for (let n = reader.u16(); n > 0; n--) {
        nodes.push({ ...readIdentity(reader), address: reader.text(512) });
      }
      return { type: 'registerNodes', nodes };
    }
    default:
      throw new QuorateError('formatUnsupported', `unknown catalogue command ${command}`);
  }
}

function readIdentity(reader: ByteReader): Pick<RegisteredNode, 'nodeId' | 'incarnation'> {
  const [id, name] = [reader.u16(), reader.text(16)];
  try {
    return { nodeId: nodeId(id), incarnation: incarnation(name) };
  } catch (cause) {
    throw new QuorateError('malformedFrame', `catalogue command registers node ${id} as "${name}"`, {}, { cause });
  }
}
