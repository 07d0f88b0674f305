import type { Model } from './model.js';

/** First in, first out. Meant for short queues: a state holds all that waits. */
export const queueModel: Model<readonly string[]> = {
  name: 'queue',
  initial: [],
  unknowns: 'anywhere',
  partition: () => '',
  isTelling: () => false,
  isPure: ({ op, outcome, result }) => op === 'dequeue' && outcome === 'ok' && result === null,
  order: () => Number.NaN,
  key: (state) => JSON.stringify(state),
  describe: (state) => (state.length === 0 ? 'empty' : `${state.length} waiting: ${JSON.stringify(state.slice(0, 8))}`),
  step(state, call) {
    if (call.op === 'enqueue') return [...state, call.args['value'] as string];
    if (call.outcome === 'info') return state.length === 0 ? undefined : state.slice(1);
    if (call.result === null) return state.length === 0 ? state : undefined;
    return state[0] === call.result ? state.slice(1) : undefined;
  },
};
