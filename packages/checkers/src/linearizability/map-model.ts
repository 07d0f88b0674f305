import { type Call, describeValue } from '../history/call.js';
import { type HistoryFields, type HistoryValue, isUniquelyWritten } from '../history/event.js';
import { ImpliedCall, type Model } from './model.js';

/** One key of a map. */
interface EntryState {
  /** Null: the key has no entry. */
  readonly value: string | null;
  /** The version of the entry if `isExact`; otherwise it, or the version of the removal, is at least that. */
  readonly version: number;
  readonly isExact: boolean;
  /** Of the entry only the version is known: one of several unknown calls wrote it, and nothing told which. */
  readonly isUnnamed?: boolean;
}

const ABSENT: EntryState = { value: null, version: 0, isExact: false };
const EXPIRE = '(expire)';

/**
 * What answers and watches tell of the versions of one key, as soon as it is told. A version is one change, so whoever was told one without the
 * value saw this value; and a value that is written once has no other version than that with which it was seen.
 */
class KnownVersions {
  readonly #values = new Map<number, string>();
  readonly #versions = new Map<string, number>();

  valueOf(version: number): string | undefined {
    return this.#values.get(version);
  }

  versionOf(value: HistoryValue | undefined): number | undefined {
    return typeof value === 'string' ? this.#versions.get(value) : undefined;
  }

  learn(version: number, value: HistoryValue | undefined, isUnique: boolean): void {
    if (typeof value !== 'string') return;
    if (!this.#values.has(version)) this.#values.set(version, value);
    if (isUnique && !this.#versions.has(value)) this.#versions.set(value, version);
  }
}

/** A key of a map whose versions count the changes of all its keys: here they only have to grow. One for each partition. */
export function mapModel(): Model<EntryState> {
  const known = new KnownVersions();
  return {
    ...MAP_MODEL,
    learn: (call) => learnOf(known, call),
    saw: (version, value, isUnique) => known.learn(version, value, isUnique),
    step: (state, call) => {
      const seen = seenVersion(call);
      if (seen !== null) {
        const value = known.valueOf(seen);
        // What it saw at that version is known from others.
        if (value !== undefined && state.isUnnamed !== true && state.value !== null && state.value !== value) return undefined;
      }
      if (call.outcome !== 'ok' && call.outcome !== 'fail' && call.op !== 'remove' && call.op !== EXPIRE) {
        const version = known.versionOf(call.args['value']);
        if (version !== undefined && version <= state.version) return undefined;
        const after = MAP_MODEL.step(state, call);
        return after === undefined || version === undefined ? after : { ...after, version, isExact: true };
      }
      return MAP_MODEL.step(state, call);
    },
    helps: (unknown, call) => helps(unknown, call, known),
  };
}

function learnOf(known: KnownVersions, call: Call): void {
  if (call.outcome !== 'ok') return;
  const isUnique = isUniquelyWritten(call.object);
  const result = call.result as HistoryFields | null;
  if (call.op === 'get') {
    if (result !== null) known.learn(result['version'] as number, result['value'], isUnique);
  } else if (call.op !== 'remove' && result?.['isSet'] !== false) {
    known.learn(result?.['version'] as number, call.args['value'], isUnique);
  }
}

/** The version of the entry that an answered write met, if it says so. */
function seenVersion({ op, outcome, result, args }: Call): number | null {
  if (outcome !== 'ok') return null;
  if (op === 'get') return result === null ? null : ((result as HistoryFields)['version'] as number);
  if (op === 'set') return (result as HistoryFields)['previousVersion'] as number | null;
  if (op === 'remove') return result === true ? ((args['version'] as number | null | undefined) ?? null) : null;
  if (op === 'compareAndSet') return args['version'] === 0 ? null : (args['version'] as number);
  return op === 'setIfAbsent' && (result as HistoryFields)['isSet'] === false ? ((result as HistoryFields)['version'] as number) : null;
}

const MAP_MODEL: Model<EntryState> = {
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
    // Whoever saw a version did so after it was written, and before the next.
    if (call.op === 'get' || call.op === 'remove' || isSeeing(call)) return (seenVersion(call) ?? Number.NaN) + 0.5;
    return call.outcome === 'ok' ? ((call.result as HistoryFields)['version'] as number) : Number.NaN;
  },
  key: (state) =>
    state.isUnnamed === true
      ? `${state.version}${state.isExact ? '*' : '~'}`
      : `${state.version}${state.isExact ? '=' : state.value === null ? '-' : '+'}${state.value ?? ''}`,
  describe(state) {
    if (state.value === null) return state.version === 0 ? 'no entry' : `no entry, removed at version ${state.version} or later`;
    if (state.isUnnamed === true) return `something of version ${state.version}${state.isExact ? '' : ' or later'}`;
    return `${describeValue(state.value)} of version ${state.version}${state.isExact ? '' : ' or later'}`;
  },
  step(state, call) {
    switch (call.op) {
      case 'get':
        return call.outcome === 'ok' ? stepGet(state, call.result) : undefined;
      case 'remove':
        return stepRemove(state, call);
      case EXPIRE:
        return state.value !== null && (state.isUnnamed === true || state.value === call.args['value']) ? removed(state) : undefined;
      default:
        return call.outcome === 'ok' ? stepWrite(state, call) : stepOpenWrite(state, call);
    }
  },
  implied(call) {
    const { ttlMs, value } = call.args;
    return typeof ttlMs === 'number' && value !== undefined ? [new ImpliedCall(call, EXPIRE, { value })] : [];
  },
  unnamed(state, call) {
    // Such a call tells of the entry no more than its version, or what it was not.
    return state.value !== null && (isSeeing(call) || call.outcome === 'fail') ? { ...state, value: '', isUnnamed: true } : state;
  },
  isTooLate(state, call) {
    const seen = seenVersion(call);
    return seen !== null && (state.isExact ? state.version > seen : state.version > seen && state.value !== null);
  },
  isOver(unknown, state) {
    if (unknown instanceof ImpliedCall) {
      const { origin } = unknown;
      const version = origin.outcome === 'ok' ? (origin.result as HistoryFields)['version'] : undefined;
      return typeof version === 'number' && state.version >= version && state.value !== unknown.args['value'] && state.isUnnamed !== true;
    }
    const expected = unknown.args['version'];
    return typeof expected === 'number' && expected > 0 && state.version > expected;
  },
};

/** A write that found an entry and says no more of it than its version. */
function isSeeing({ op, outcome, result }: Call): boolean {
  return op === 'setIfAbsent' && outcome === 'ok' && (result as HistoryFields)['isSet'] === false;
}

/** Whether an unknown call, somewhere before `call`, can make it possible. */
function helps(unknown: Call, call: Call, known: KnownVersions): boolean {
  const isRemoval = unknown.op === 'remove' || unknown.op === EXPIRE;
  const { args, op, outcome } = call;
  if (op === EXPIRE) return !isRemoval && unknown.args['value'] === args['value'];
  if (outcome === 'fail') return true;
  if (outcome !== 'ok')
    return op === 'remove' || (op === 'compareAndSet' && args['version'] !== 0) ? !isRemoval : op !== 'set' && isRemoval;
  const isAbsent = needsNoEntry(call);
  if (isRemoval || isAbsent) return isRemoval === isAbsent;
  const seen = seenVersion(call);
  if (seen === null) return true;
  const value = known.valueOf(seen);
  return value === undefined || unknown.args['value'] === value;
}

/** An answered call that says that there was no entry. */
function needsNoEntry({ op, args, result }: Call): boolean {
  const fields = result as HistoryFields | null;
  switch (op) {
    case 'get':
      return result === null;
    case 'set':
      return fields?.['previousVersion'] === null;
    case 'compareAndSet':
      return args['version'] === 0;
    case 'setIfAbsent':
      return fields?.['isSet'] === true;
    default:
      return result === false;
  }
}

function removed(state: EntryState): EntryState {
  return { value: null, version: state.version + 1, isExact: false };
}

function stepGet(state: EntryState, result: HistoryValue): EntryState | undefined {
  if (result === null) return state.value === null ? state : undefined;
  const { value, version } = result as { readonly value: string; readonly version: number };
  if (state.isUnnamed === true) return mayHaveVersion(state, version) ? { value, version, isExact: true } : undefined;
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
