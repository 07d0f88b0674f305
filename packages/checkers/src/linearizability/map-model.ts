import { type Call, describeValue } from '../history/call.js';
import type { HistoryFields, HistoryValue } from '../history/event.js';
import { ImpliedCall, type Model } from './model.js';

/** One key of a map. */
interface EntryState {
  /** Null: the key has no entry. */
  readonly value: string | null;
  /** The version of the entry if `isExact`; otherwise it, or the version of the removal, is at least that. */
  readonly version: number;
  readonly isExact: boolean;
}

const ABSENT: EntryState = { value: null, version: 0, isExact: false };
const EXPIRE = '(expire)';

/** A key of a map whose versions count the changes of all its keys: here they only have to grow. */
export const mapModel: Model<EntryState> = {
  name: 'map',
  initial: ABSENT,
  unknowns: 'before',
  partition(call) {
    if (call.op === 'get' && call.consistency !== 'linearizable') return undefined;
    const key = call.args['key'];
    return call.op === 'watch' || typeof key !== 'string' ? undefined : key;
  },
  isTelling: (call) => call.error === 'versionMismatch',
  isPure({ op, outcome, result }) {
    if (op === 'get' || outcome === 'fail') return true;
    if (outcome !== 'ok') return false;
    return op === 'remove' ? result === false : op === 'setIfAbsent' && (result as HistoryFields)['isSet'] === false;
  },
  order(call) {
    if (call.outcome !== 'ok' || call.op === 'get' || call.op === 'remove') return Number.NaN;
    const result = call.result as HistoryFields;
    return call.op === 'setIfAbsent' && result['isSet'] === false ? Number.NaN : (result['version'] as number);
  },
  key: (state) => `${state.version}${state.isExact ? '=' : state.value === null ? '-' : '+'}${state.value ?? ''}`,
  describe(state) {
    if (state.value === null) return state.version === 0 ? 'no entry' : `no entry, removed at version ${state.version} or later`;
    return `${describeValue(state.value)} of version ${state.version}${state.isExact ? '' : ' or later'}`;
  },
  step(state, call) {
    switch (call.op) {
      case 'get':
        return call.outcome === 'ok' ? stepGet(state, call.result) : undefined;
      case 'remove':
        return stepRemove(state, call);
      case EXPIRE:
        return state.value === call.args['value'] ? removed(state) : undefined;
      default:
        return call.outcome === 'ok' ? stepWrite(state, call) : stepOpenWrite(state, call);
    }
  },
  implied(call) {
    const { ttlMs, value } = call.args;
    return typeof ttlMs === 'number' && value !== undefined ? [new ImpliedCall(call, EXPIRE, { value })] : [];
  },
  helps,
  isOver(unknown, state) {
    if (unknown instanceof ImpliedCall) {
      const { origin } = unknown;
      const version = origin.outcome === 'ok' ? (origin.result as HistoryFields)['version'] : undefined;
      return typeof version === 'number' && state.version >= version && state.value !== unknown.args['value'];
    }
    const expected = unknown.args['version'];
    return typeof expected === 'number' && expected > 0 && state.version > expected;
  },
};

function helps(unknown: Call, call: Call): boolean | 'unnamed' {
  const isRemoval = unknown.op === 'remove' || unknown.op === EXPIRE;
  const { args, outcome } = call;
  if (call.op === EXPIRE) return unknown.args['value'] === args['value'];
  if (outcome !== 'ok') return true;
  const result = call.result as HistoryFields | null;
  // What an answered write leaves does not depend on what stood there before, only that, or that nothing, stood there.
  switch (call.op) {
    case 'get':
      return result === null ? isRemoval : unknown.args['value'] === result['value'];
    case 'set':
      return isRemoval === (result?.['previousVersion'] === null) ? 'unnamed' : false;
    case 'compareAndSet':
      return isRemoval === (args['version'] === 0) ? 'unnamed' : false;
    case 'setIfAbsent':
      if (result?.['isSet'] === true) return isRemoval ? 'unnamed' : false;
      return !isRemoval;
    default:
      if (call.result === true) return isRemoval ? false : 'unnamed';
      return isRemoval;
  }
}

function removed(state: EntryState): EntryState {
  return { value: null, version: state.version + 1, isExact: false };
}

function stepGet(state: EntryState, result: HistoryValue): EntryState | undefined {
  if (result === null) return state.value === null ? state : undefined;
  const { value, version } = result as { readonly value: string; readonly version: number };
  if (state.value !== value || !mayHaveVersion(state, version)) return undefined;
  return state.isExact ? state : { value, version, isExact: true };
}

function mayHaveVersion(state: EntryState, version: number): boolean {
  return state.isExact ? state.version === version : version >= state.version;
}

/** An answered write. */
function stepWrite(state: EntryState, call: Call): EntryState | undefined {
  const result = call.result as HistoryFields;
  const version = result['version'] as number;
  const isAbsent = state.value === null;
  if (call.op === 'setIfAbsent' && result['isSet'] === false) {
    if (isAbsent || !mayHaveVersion(state, version)) return undefined;
    return state.isExact ? state : { ...state, version, isExact: true };
  }
  if (version <= state.version) return undefined;
  if (call.op === 'setIfAbsent' && !isAbsent) return undefined;
  if (call.op === 'set') {
    const previous = result['previousVersion'] as number | null;
    if ((previous === null) !== isAbsent) return undefined;
    if (previous !== null && (!mayHaveVersion(state, previous) || previous >= version)) return undefined;
  }
  if (call.op === 'compareAndSet') {
    const expected = call.args['version'] as number;
    if (!matches(state, expected) || expected >= version) return undefined;
  }
  return { value: call.args['value'] as string, version, isExact: true };
}

/** A write that failed because of the version, or of which nobody knows. */
function stepOpenWrite(state: EntryState, call: Call): EntryState | undefined {
  const expected = call.args['version'] as number;
  if (call.outcome === 'fail') return mismatches(state, expected) ? state : undefined;
  if (call.op === 'setIfAbsent' && state.value !== null) return undefined;
  if (call.op === 'compareAndSet' && !matches(state, expected)) return undefined;
  return { value: call.args['value'] as string, version: state.version + 1, isExact: false };
}

function stepRemove(state: EntryState, call: Call): EntryState | undefined {
  const expected = call.args['version'] as number | null | undefined;
  if (call.outcome === 'fail') return expected !== undefined && expected !== null && mismatches(state, expected) ? state : undefined;
  if (state.value === null) return call.outcome === 'ok' && call.result === false ? state : undefined;
  if (call.outcome === 'ok' && call.result === false) return undefined;
  if (expected !== undefined && expected !== null && !matches(state, expected)) return undefined;
  return removed(state);
}

/** Version 0 stands for no entry. */
function matches(state: EntryState, expected: number): boolean {
  return state.value === null ? expected === 0 : expected !== 0 && mayHaveVersion(state, expected);
}

function mismatches(state: EntryState, expected: number): boolean {
  return state.value === null ? expected !== 0 : !state.isExact || state.version !== expected;
}
