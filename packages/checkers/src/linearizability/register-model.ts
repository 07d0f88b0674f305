import type { HistoryValue } from '../history/event.js';
import { describeValue, valueKey } from '../history/call.js';
import type { Model } from './model.js';

/** A value that is written, read, and swapped if it is the one expected; null at first. */
export const registerModel: Model<HistoryValue> = {
  name: 'register',
  initial: null,
  unknowns: 'before',
  partition: (call) => (call.op === 'read' && call.consistency !== 'linearizable' ? undefined : ''),
  isTelling: () => false,
  isPure: ({ op, result, outcome }) => op === 'read' || (op === 'cas' && outcome === 'ok' && result === false),
  order: () => Number.NaN,
  key: (state) => (typeof state === 'string' ? `s${state}` : `v${valueKey(state)}`),
  describe: describeValue,
  step(state, call) {
    const { args, result, outcome, op } = call;
    if (op === 'read') return outcome === 'ok' && result === state ? state : undefined;
    const value = args['value'] as HistoryValue;
    if (op === 'write') return value;
    const isExpected = args['expected'] === state;
    if (outcome === 'info') return isExpected ? value : undefined;
    if (result !== isExpected) return undefined;
    return isExpected ? value : state;
  },
  helps(unknown, call) {
    const made = unknown.args['value'];
    if (call.op === 'read') return made === call.result;
    // Before a swap that failed anything may have happened but what it expected.
    if (call.op === 'cas')
      return call.outcome === 'ok' && call.result === false ? made !== call.args['expected'] : made === call.args['expected'];
    return false;
  },
};

/** A whole number that is added to, set, and swapped; 0 at first. */
export function counterModel(): Model<number> {
  let isGrowing = true;
  return {
    ...COUNTER,
    called(call) {
      if (call.op !== 'get' && (call.op !== 'add' || (call.args['delta'] as number) < 0)) isGrowing = false;
    },
    // What only grows went through the sums of its answers from the least to the greatest.
    order: (call) => (isGrowing && call.outcome === 'ok' ? (call.result as number) : Number.NaN),
  };
}

const COUNTER: Omit<Model<number>, 'order'> = {
  name: 'counter',
  initial: 0,
  unknowns: 'before',
  partition: (call) => (call.op === 'get' && call.consistency !== 'linearizable' ? undefined : ''),
  isTelling: () => false,
  isPure: ({ op, result, outcome }) => op === 'get' || (op === 'compareAndSet' && outcome === 'ok' && result === false),
  key: (state) => state,
  describe: String,
  step(state, call) {
    const { args, result, op } = call;
    const isKnown = call.outcome === 'ok';
    switch (op) {
      case 'get':
        return isKnown && result === state ? state : undefined;
      case 'add': {
        const sum = state + (args['delta'] as number);
        return !isKnown || result === sum ? sum : undefined;
      }
      case 'set':
        return !isKnown || result === state ? (args['value'] as number) : undefined;
      default: {
        const isExpected = args['expected'] === state;
        if (isKnown && result !== isExpected) return undefined;
        if (isExpected) return args['value'] as number;
        return isKnown ? state : undefined;
      }
    }
  },
};
