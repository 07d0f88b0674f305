import { bytes, choice, declareResource, optional, record, token, u53 } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';

const about = bytes({ max: RESOURCE_LIMITS.candidateBytesMax });
const leader = optional(record({ session: u53(), ticket: u53(), token: token(), about }));

/** One leader among candidates, in order of coming. Its term is a fencing token. */
export const ELECTION = declareResource({
  type: 'election',
  version: 1,
  doc: 'One leader among candidates, in order of coming; its term is a fencing token. A candidate whose session ends is out.',
  operations: {
    campaign: {
      kind: 'command',
      code: 1,
      doc: 'Stands for election: leads at once or waits until all before it are gone.',
      args: { about },
      result: record({ ticket: u53(), token: optional(token()) }),
      errors: ['overloaded'],
    },
    resign: {
      kind: 'command',
      code: 2,
      doc: 'Withdraws a candidacy of this session, leading or not.',
      args: { ticket: u53() },
      result: choice(['none', 'waited', 'held']),
      errors: [],
    },
    observe: {
      kind: 'command',
      code: 3,
      doc: 'From now on this session is told of each change of the leader; gives the present one.',
      args: {},
      result: leader,
      errors: ['overloaded'],
    },
    unobserve: { kind: 'command', code: 4, doc: 'Ends that.', args: {}, result: choice(['none', 'observed']), errors: [] },
    leader: { kind: 'query', code: 5, doc: 'The present leader.', args: {}, result: leader, errors: [] },
  },
  events: {
    elected: { code: 1, doc: 'A candidate that waited leads now.', fields: { ticket: u53(), token: token() } },
    leaderChanged: { code: 2, doc: 'Another leads now, or nobody.', fields: { leader } },
  },
});
/** The declaration of elections as a type: arguments, results and events follow from it. */
export type ElectionDeclaration = typeof ELECTION;
