import { QuorateError } from '@quorate/base';
import { type ReadableSpace, type Space, decodeValue, encodeValue, i53, resourceType } from '@quorate/machine';
import { COUNTER } from './counter-declaration.js';

/*
 * One entry under the empty key: the value. None: 0.
 */
const VALUE = i53();
const KEY = new Uint8Array(0);

function valueOf(space: ReadableSpace): number {
  const stored = space.get(KEY);
  return stored === undefined ? 0 : decodeValue(VALUE, stored);
}

function store(space: Space, value: number): void {
  space.set(KEY, encodeValue(VALUE, value, 'value'));
}

/** The kind of resource `counter`, to be handed to a node. */
export const counterType = resourceType(COUNTER, {
  commands: {
    add: (call, { delta, fence }) => {
      if (fence !== null) call.checkFence(fence);
      const before = valueOf(call.space);
      const value = before + delta;
      if (!Number.isSafeInteger(value)) {
        throw new QuorateError('counterOverflow', `${before} and ${delta} are beyond what a counter holds`, { value: before, delta });
      }
      store(call.space, value);
      return value;
    },
    set: (call, { value, fence }) => {
      if (fence !== null) call.checkFence(fence);
      const before = valueOf(call.space);
      store(call.space, value);
      return before;
    },
    compareAndSet: (call, { expected, value, fence }) => {
      if (fence !== null) call.checkFence(fence);
      if (valueOf(call.space) !== expected) return false;
      store(call.space, value);
      return true;
    },
  },
  queries: { get: (call) => valueOf(call.space) },
});
