import type { Call } from '../history/call.js';
import { type HistoryToken, compareTokens, tokenKey, tokenOf } from '../history/token.js';
import { ImpliedCall, type Model } from './model.js';

/** A lock or an election. */
interface HolderState {
  /** Null: free. */
  readonly holder: HistoryToken | null;
  /** Granted to a call that never learned of it: its token is unknown, or known from others, and it goes at any time. */
  readonly isOrphan: boolean;
  /** The newest token granted that is known; none is -1. */
  readonly last: HistoryToken;
}

const NO_TOKEN = -1;
const FREE: HolderState = { holder: null, isOrphan: false, last: NO_TOKEN };
const EXPIRE = '(expire)';
/** Room for 2^41 log indexes and 4096 epochs in a safe integer. */
const EPOCH = 2 ** 41;

/** One holder at a time, each with a token greater than all before. Who holds may lose it at any time; whether it should have is for `HolderRule`. */
export const lockModel: Model<HolderState> = {
  name: 'lock',
  initial: FREE,
  unknowns: 'before',
  partition: (call) => ((call.op === 'holder' || call.op === 'leader') && call.consistency !== 'linearizable' ? undefined : ''),
  isTelling: (call) => call.error === 'notHeld' && (call.op === 'release' || call.op === 'resign'),
  isPure: ({ op, outcome, result }) =>
    op === 'holder' || op === 'leader' || outcome === 'fail' || (op === 'tryAcquire' && outcome === 'ok' && result === null),
  order(call) {
    if (call.outcome !== 'ok' || !isClaim(call)) return Number.NaN;
    const token = tokenOf(call.result);
    if (token === null) return Number.NaN;
    const [epoch, index] = typeof token === 'number' ? [0, token] : token;
    return epoch < 4096 && index < EPOCH ? epoch * EPOCH + index : Number.NaN;
  },
  key: ({ holder, isOrphan, last }) => `${holder === null ? '' : tokenKey(holder)}${isOrphan ? '?' : ''} ${tokenKey(last)}`,
  describe: ({ holder, isOrphan, last }) => {
    if (isOrphan) return holder === null ? 'perhaps held by a call that was never answered' : `perhaps held by token ${tokenKey(holder)}`;
    if (holder !== null) return `held by token ${tokenKey(holder)}`;
    return last === NO_TOKEN ? 'free' : `free, the last token was ${tokenKey(last)}`;
  },
  step(state, call) {
    switch (call.op) {
      case 'acquire':
      case 'campaign':
      case 'tryAcquire':
        return stepClaim(state, call);
      case 'holder':
      case 'leader':
        return call.outcome === 'ok' ? stepQuery(state, tokenOf(call.result)) : undefined;
      default:
        return stepRelease(state, call);
    }
  },
  implied: (call) => (isClaim(call) ? [new ImpliedCall(call, EXPIRE, {})] : []),
  isOver(unknown, state) {
    const token = unknown instanceof ImpliedCall ? grantOf(unknown.origin) : ((unknown.args['token'] as HistoryToken | undefined) ?? null);
    if (token === null) return unknown instanceof ImpliedCall && unknown.origin.outcome !== 'open';
    return compareTokens(state.last, token) >= 0 && (state.holder === null || tokenKey(state.holder) !== tokenKey(token));
  },
};

function isClaim(call: Call): boolean {
  return call.op === 'acquire' || call.op === 'campaign' || call.op === 'tryAcquire';
}

/** The token that a claim got; null if none, or if it is unknown. */
function grantOf(call: Call): HistoryToken | null {
  return call.outcome === 'ok' ? tokenOf(call.result) : null;
}

function stepClaim(state: HolderState, call: Call): HolderState | undefined {
  const isFree = state.holder === null || state.isOrphan;
  if (call.outcome === 'info') return state.holder === null && !state.isOrphan ? { ...state, isOrphan: true } : undefined;
  const token = tokenOf(call.result);
  if (token === null) return state.holder !== null || state.isOrphan ? state : undefined;
  if (!isFree || compareTokens(token, state.last) <= 0) return undefined;
  return { holder: token, isOrphan: false, last: token };
}

function stepQuery(state: HolderState, token: HistoryToken | null): HolderState | undefined {
  if (token === null) {
    if (state.isOrphan) return { holder: null, isOrphan: false, last: state.last };
    return state.holder === null ? state : undefined;
  }
  if (state.holder !== null) return tokenKey(state.holder) === tokenKey(token) ? state : undefined;
  return state.isOrphan && compareTokens(token, state.last) > 0 ? { holder: token, isOrphan: true, last: token } : undefined;
}

function stepRelease(state: HolderState, call: Call): HolderState | undefined {
  const token = call instanceof ImpliedCall ? grantOf(call.origin) : (call.args['token'] as HistoryToken);
  const isHolder = token !== null && state.holder !== null && tokenKey(state.holder) === tokenKey(token);
  if (call.outcome === 'fail') return isHolder ? undefined : state;
  if (state.isOrphan && state.holder === null && token !== null && compareTokens(token, state.last) > 0) {
    return { holder: null, isOrphan: false, last: token };
  }
  return isHolder ? { holder: null, isOrphan: false, last: state.last } : undefined;
}
