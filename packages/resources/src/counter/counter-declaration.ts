import { declareResource, fence, flag, i53, optional } from '@quorate/machine';

/** A whole number that many change at once: 0 when it is created. */
export const COUNTER = declareResource({
  type: 'counter',
  version: 1,
  doc: 'A whole number from -(2^53 - 1) to 2^53 - 1 that many change at once.',
  operations: {
    get: { kind: 'query', code: 1, doc: 'The present value.', args: {}, result: i53(), errors: [] },
    add: {
      kind: 'command',
      code: 2,
      doc: 'Adds a number, which may be negative, and gives the new value.',
      args: { delta: i53(), fence: optional(fence()) },
      result: i53(),
      errors: ['counterOverflow', 'fenced'],
    },
    set: {
      kind: 'command',
      code: 3,
      doc: 'Sets the value and gives the one before.',
      args: { value: i53(), fence: optional(fence()) },
      result: i53(),
      errors: ['fenced'],
    },
    compareAndSet: {
      kind: 'command',
      code: 4,
      doc: 'Sets the value if it is the one expected; says whether it did.',
      args: { expected: i53(), value: i53(), fence: optional(fence()) },
      result: flag(),
      errors: ['fenced'],
    },
  },
  events: {},
});
/** The declaration of counters as a type: arguments and results of each operation follow from it. */
export type CounterDeclaration = typeof COUNTER;
