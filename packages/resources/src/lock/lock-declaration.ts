import { choice, declareResource, flag, nothing, optional, record, token, u53 } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';

const waitMs = optional(u53({ max: RESOURCE_LIMITS.durationMsMax }));

/** A lock that one claim at a time holds, in order of coming. Each grant has a fencing token. Freed when its session ends. Not re-entrant. */
export const LOCK = declareResource({
  type: 'lock',
  version: 1,
  doc: 'A lock: one holder at a time, in order of coming, with a fencing token for each grant; freed when the session of its holder ends.',
  operations: {
    acquire: {
      kind: 'command',
      code: 1,
      doc: 'Claims the lock: acquired at once, or queued for at most `waitMs` (none: for ever), or busy if it may not wait (0).',
      args: { waitMs },
      result: record({ status: choice(['acquired', 'queued', 'busy']), ticket: u53(), token: optional(token()) }),
      errors: ['overloaded'],
    },
    release: {
      kind: 'command',
      code: 2,
      doc: 'Gives the lock up, if this session holds it by this token; the claim that waits longest gets it.',
      args: { token: token() },
      result: nothing(),
      errors: ['notHeld'],
    },
    cancel: {
      kind: 'command',
      code: 3,
      doc: 'Takes a claim of this session back, whether it waits or was granted meanwhile.',
      args: { ticket: u53() },
      result: choice(['none', 'waited', 'held']),
      errors: [],
    },
    holder: {
      kind: 'query',
      code: 4,
      doc: 'Who holds the lock and how many wait.',
      args: {},
      result: record({ isHeld: flag(), session: u53(), token: optional(token()), waiters: u53() }),
      errors: [],
    },
  },
  events: {
    acquired: { code: 1, doc: 'A claim that waited has the lock.', fields: { ticket: u53(), token: token() } },
    timedOut: { code: 2, doc: 'The time of a claim that waited is up; it is gone.', fields: { ticket: u53() } },
  },
});
export type LockDeclaration = typeof LOCK;
