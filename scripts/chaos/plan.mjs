// What the clients work with.
import { DEFAULT_GROUP } from '@quorate/base';
import { guardedBy, objectOf } from '@quorate/testkit';

const named = (kind, count) => Array.from({ length: count }, (_, at) => `${kind}-${at}`);

/** Of the clients of resources. Many keys and counters: calls whose outcome nobody knows then stand apart, and a history can be judged. */
export const PLAN = {
  maps: named('map', 4),
  keys: named('k', 12),
  counters: named('counter', 8),
  locks: named('lock', 3),
  elections: named('election', 2),
  lanes: 4,
  pauseMsMax: 50,
  burstMs: 0,
  holdMsMax: 200,
  watches: 2,
  weights: {
    get: 5,
    set: 6,
    setWithTtl: 2,
    setIfAbsent: 2,
    compareAndSet: 4,
    remove: 2,
    size: 1,
    scan: 1,
    add: 4,
    count: 2,
    lock: 4,
    lead: 2,
  },
  deadlineMs: 3000,
  valueBytesMax: 60,
};

/**
 * Of a client that only reads: what it calls never waits for a quorum to store it, so it goes on asking a leader that has lost its own. Mostly how
 * far a map is, which every write of it changes.
 */
export const READING = {
  ...PLAN,
  pauseMsMax: 20,
  weights: { ...Object.fromEntries(Object.keys(PLAN.weights).map((kind) => [kind, 0])), get: 2, size: 4, scan: 1, count: 1 },
};

export const STREAMS = named('stream', 3);
/** Those that are written at random, and those that are written only under a lock or a leadership. */
export const MAPS = [...PLAN.maps, ...[...PLAN.locks, ...PLAN.elections].map(guardedBy)];

/** All that the history speaks of. */
export const OBJECTS = [
  ...MAPS.map((name) => ({ name: objectOf('map', name), kind: 'map', group: DEFAULT_GROUP })),
  ...PLAN.counters.map((name) => ({ name: objectOf('counter', name), kind: 'counter', group: DEFAULT_GROUP })),
  ...PLAN.locks.map((name) => ({ name: objectOf('lock', name), kind: 'lock', group: DEFAULT_GROUP })),
  ...PLAN.elections.map((name) => ({ name: objectOf('election', name), kind: 'election', group: DEFAULT_GROUP })),
  ...STREAMS.map((name) => ({ name: objectOf('stream', name), kind: 'stream' })),
];
