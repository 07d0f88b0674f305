import { QuorateError } from '@quorate/base';
import { type Fence, decodeValue, encodeValue, fence } from '@quorate/machine';

/** Bytes of a fence in an append payload: the fields of the machine's fences, u32 group, u64 resource, u32 epoch, u64 index. */
export const FENCE_BYTES = 24;

const FENCE = fence();

/** The bytes of a fence. Throws `invalidArgument`, with the path of what is wrong, for anything that no lock or election gives. */
export function encodeFence(value: Fence): Uint8Array {
  const bytes = encodeValue(FENCE, value, 'fence');
  const zero = zeroIn(value);
  if (zero !== null)
    throw new QuorateError('invalidArgument', `fence.${zero} must be a number from 1 on, not 0`, { path: `fence.${zero}` });
  return bytes;
}

/** The fence that these `FENCE_BYTES` bytes are; null if they are none. */
export function decodeFence(bytes: Uint8Array): Fence | null {
  try {
    const value = decodeValue(FENCE, bytes);
    return zeroIn(value) === null ? value : null;
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code === 'malformedFrame') return null;
    throw thrown;
  }
}

/** True if two appends are under the same fence, or both under none. */
export function isSameFence(a: Fence | null, b: Fence | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a === b || (a.group === b.group && a.resource === b.resource && a.token.epoch === b.token.epoch && a.token.index === b.token.index)
  );
}

// Group 0 has no locks, resources and tokens are indexes of commands, epochs begin with 1.
function zeroIn({ group, resource, token }: Fence): string | null {
  if (group === 0) return 'group';
  if (resource === 0) return 'resource';
  if (token.epoch === 0) return 'token.epoch';
  return token.index === 0 ? 'token.index' : null;
}
