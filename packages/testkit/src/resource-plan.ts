import { type Random, randomBetween, randomChance } from '@quorate/base';

/** What clients of resources do, and how often. All chance is drawn once, so that each run has a mix of its own. */
export interface ResourcePlan {
  readonly maps: readonly string[];
  readonly keys: readonly string[];
  readonly counters: readonly string[];
  readonly locks: readonly string[];
  readonly elections: readonly string[];
  /** Calls open at a time, per client. */
  readonly lanes: number;
  /** Longest pause between two calls of a lane, in ms. */
  readonly pauseMsMax: number;
  /** All lanes of a client call together, at multiples of so many ms; 0: each at its own time. */
  readonly burstMs: number;
  /** Longest time that a lock or leadership is held, in ms. */
  readonly holdMsMax: number;
  /** Watches of each client. */
  readonly watches: number;
  /** Parts of the calls of each kind. */
  readonly weights: Readonly<Record<ResourceCallKind, number>>;
  /** Time that calls may take; short ones end as unknown often. */
  readonly deadlineMs: number;
  readonly valueBytesMax: number;
}

/** A kind of call; `lock` and `lead` are a claim, some writes under it, and its end. */
export type ResourceCallKind =
  | 'get'
  | 'set'
  | 'setWithTtl'
  | 'setIfAbsent'
  | 'compareAndSet'
  | 'remove'
  | 'size'
  | 'scan'
  | 'add'
  | 'count'
  | 'lock'
  | 'lead';

/** All kinds of calls. */
export const RESOURCE_CALL_KINDS: readonly ResourceCallKind[] = [
  'get',
  'set',
  'setWithTtl',
  'setIfAbsent',
  'compareAndSet',
  'remove',
  'size',
  'scan',
  'add',
  'count',
  'lock',
  'lead',
];

const named = (kind: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${kind}-${at}`);

/** Calls of all clients together per second of virtual time, about: of a run with bursts, and of one without. */
const BURST_RATES = [30, 60, 100];
const SINGLE_RATES = [10, 20, 40];

/** A plan of its own for a run of so many clients. Most have bursts: many calls at once, over many keys, and nothing in between. */
export function randomResourcePlan(random: Random, clients = 2): ResourcePlan {
  const drawn = RESOURCE_CALL_KINDS.map((kind) => [kind, randomChance(random, 0.7) ? randomBetween(random, 1, 10) : 0] as const);
  // Something must change, or there is nothing to see.
  const hasBursts = randomChance(random, 0.8);
  const weights = { ...Object.fromEntries(drawn), set: 5 } as Record<ResourceCallKind, number>;
  const lanes = hasBursts ? ([32, 48, 64][randomBetween(random, 0, 2)] ?? 48) : randomBetween(random, 2, 8);
  const rate = (hasBursts ? BURST_RATES : SINGLE_RATES)[randomBetween(random, 0, 2)] ?? 100;
  const turnMs = Math.round((clients * lanes * 1000) / rate);
  return {
    maps: named('map', randomBetween(random, 1, 3)),
    // Of very many calls of one key at once no order could be found in bounded time.
    keys: named('k', hasBursts ? randomBetween(random, lanes / 2, lanes) : randomBetween(random, 1, 8)),
    counters: named('counter', hasBursts ? randomBetween(random, lanes / 4, lanes / 2) : randomBetween(random, 1, 2)),
    locks: named('lock', randomBetween(random, 1, hasBursts ? 6 : 3)),
    elections: named('election', 1),
    lanes,
    pauseMsMax: hasBursts ? turnMs / 2 : turnMs * 2,
    burstMs: hasBursts ? turnMs : 0,
    holdMsMax: [5, 50, 1000][randomBetween(random, 0, 2)] ?? 50,
    watches: randomBetween(random, 0, 2),
    weights,
    deadlineMs: [200, 1000, 5000][randomBetween(random, 0, 2)] ?? 5000,
    valueBytesMax: randomChance(random, 0.2) ? 3000 : 60,
  };
}

/** A kind of call by the weights. */
export function drawCallKind(random: Random, plan: ResourcePlan): ResourceCallKind {
  let total = 0;
  for (const kind of RESOURCE_CALL_KINDS) total += plan.weights[kind];
  let left = randomBetween(random, 1, total);
  for (const kind of RESOURCE_CALL_KINDS) {
    left -= plan.weights[kind];
    if (left <= 0) return kind;
  }
  return 'set';
}
