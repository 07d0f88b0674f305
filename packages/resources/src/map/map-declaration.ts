import { bytes, choice, declareResource, fence, flag, list, nothing, optional, record, u53 } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';

const key = bytes({ min: 1, max: RESOURCE_LIMITS.keyBytesMax });
const border = optional(bytes({ max: RESOURCE_LIMITS.keyBytesMax }));
const value = bytes({ max: RESOURCE_LIMITS.valueBytesMax });
const version = u53();
const ttlMs = optional(u53({ min: 1, max: RESOURCE_LIMITS.durationMsMax }));
const entry = record({ value, version });

/** Ordered keys with values. Every change has a version: 1, 2, 3 … in the whole map; an entry has that of its last change. */
export const MAP = declareResource({
  type: 'map',
  version: 1,
  doc: 'Ordered keys with values, versions, times to live and watches.',
  operations: {
    get: { kind: 'query', code: 1, doc: 'The value of a key and its version.', args: { key }, result: optional(entry), errors: [] },
    size: {
      kind: 'query',
      code: 2,
      doc: 'Number of entries and version of the map.',
      args: {},
      result: record({ size: u53(), version }),
      errors: [],
    },
    scan: {
      kind: 'query',
      code: 3,
      doc: 'Entries in order of keys, from `from` on (included) up to `to` (excluded), at most `limit`; `hasMore` says whether it was cut off.',
      args: {
        from: border,
        to: border,
        prefix: border,
        limit: u53({ min: 1, max: RESOURCE_LIMITS.scanEntriesMax }),
        isReverse: flag(),
        isKeysOnly: flag(),
      },
      result: record({ entries: list(record({ key, value, version }), { max: RESOURCE_LIMITS.scanEntriesMax }), hasMore: flag() }),
      errors: [],
    },
    set: {
      kind: 'command',
      code: 16,
      doc: 'Sets a value; `ttlMs` limits its life from now on (logged time), none makes it last.',
      args: { key, value, ttlMs, fence: optional(fence()) },
      result: record({ version, previousVersion: optional(version) }),
      errors: ['fenced', 'overloaded'],
    },
    setIfAbsent: {
      kind: 'command',
      code: 17,
      doc: 'Sets a value if the key has none; gives the version of the entry that is there then.',
      args: { key, value, ttlMs, fence: optional(fence()) },
      result: record({ isSet: flag(), version }),
      errors: ['fenced', 'overloaded'],
    },
    compareAndSet: {
      kind: 'command',
      code: 18,
      doc: 'Sets a value if the entry still has the version expected (0: if there is none).',
      args: { key, version, value, ttlMs, fence: optional(fence()) },
      result: record({ version }),
      errors: ['versionMismatch', 'fenced', 'overloaded'],
    },
    remove: {
      kind: 'command',
      code: 19,
      doc: 'Removes an entry, if it has the version expected where one is given; says whether there was one.',
      args: { key, version: optional(version), fence: optional(fence()) },
      result: flag(),
      errors: ['versionMismatch', 'fenced'],
    },
    watch: {
      kind: 'command',
      code: 20,
      doc: 'From now on this session is told of each change of a key, or of all keys with a prefix; with `afterVersion` also of those since then.',
      args: { key: bytes({ max: RESOURCE_LIMITS.keyBytesMax }), isPrefix: flag(), afterVersion: optional(version) },
      result: record({ watch: u53(), version }),
      errors: ['overloaded', 'watchCompacted', 'invalidArgument'],
    },
    unwatch: {
      kind: 'command',
      code: 21,
      doc: 'Ends a watch of this session.',
      args: { watch: u53() },
      result: nothing(),
      errors: ['notHeld'],
    },
  },
  events: {
    changed: {
      code: 1,
      doc: 'A watched key changed; `value` is null unless it was set.',
      fields: { watch: u53(), version, change: choice(['set', 'removed', 'expired']), key, value: optional(value) },
    },
  },
});
export type MapDeclaration = typeof MAP;
