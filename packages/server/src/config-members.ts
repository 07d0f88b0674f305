import { type NodeId, QuorateError, formatAddress, nodeId, parseAddress } from '@quorate/base';
import type { ConfiguredMember } from '@quorate/host';

/** Most members of a cluster: beyond it a majority is slow for no gain. */
const MEMBERS_MAX = 15;

/** A node id as people write it: decimal digits, 1 to 65535; otherwise `invalidArgument`. */
export function memberNode(text: string): NodeId {
  if (!/^[0-9]{1,5}$/.test(text)) throw new QuorateError('invalidArgument', `"${text}" is not a whole number from 1 to 65535`);
  return nodeId(Number(text));
}

/** `1=HOST:PORT,2=HOST:PORT,…` with each node and each address once; otherwise `invalidArgument` or `addressInvalid`. */
export function memberList(text: string): readonly ConfiguredMember[] {
  const members = text.split(',').map((part) => oneMember(part.trim()));
  if (members.length > MEMBERS_MAX) {
    throw new QuorateError('invalidArgument', `${members.length} members are listed, at most ${MEMBERS_MAX} are allowed`);
  }
  rejectRepeated(
    members.map((member) => member.nodeId),
    'node',
  );
  rejectRepeated(
    members.map((member) => member.address),
    'address',
  );
  return members;
}

function oneMember(part: string): ConfiguredMember {
  const at = part.indexOf('=');
  if (at < 0) throw new QuorateError('invalidArgument', `"${part}" is not NODE=HOST:PORT`);
  return { nodeId: memberNode(part.slice(0, at)), address: formatAddress(parseAddress(part.slice(at + 1))) };
}

function rejectRepeated(values: readonly (string | number)[], what: string): void {
  const repeated = values.find((value, index) => values.indexOf(value) !== index);
  if (repeated !== undefined) throw new QuorateError('invalidArgument', `${what} ${repeated} is listed twice`);
}
