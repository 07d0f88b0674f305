import type { GroupId } from '@quorate/base';
import type { MachinePosition } from './machine-state.js';

/**
 * Hash of a machine, 16 hexadecimal digits: that of its tables and its place in the log. Equal on all replicas at the same index, however they
 * came there. Not cryptographic.
 */
export function machineHash(tablesHash: string, group: GroupId, position: MachinePosition): string {
  const { index, term, timeMs, epoch } = position;
  const words = [Number.parseInt(tablesHash.slice(0, 8), 16), Number.parseInt(tablesHash.slice(8), 16), group, epoch];
  for (const number of [index, term, timeMs]) words.push(number >>> 0, Math.floor(number / 0x1_0000_0000));
  let a = 0x2545_f491;
  let b = 0x9e37_79b9;
  for (const word of words) {
    a = mix32(a, word);
    b = mix32(b, word ^ a);
  }
  return hex8(a) + hex8(b);
}

function hex8(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** One step of MurmurHash3 (public domain). */
function mix32(hash: number, value: number): number {
  let k = Math.imul(value | 0, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}
