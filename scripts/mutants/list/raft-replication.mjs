// What a leader sends to its peers (packages/raft/src/replication.ts).
export const RAFT_REPLICATION = [
  {
    id: 'repeated-question-takes-the-entries-along',
    shows: ['T73'],
    bug: 'Where the logs meet is asked with all the entries that a message takes, with each heartbeat until there is an answer.',
    file: 'packages/raft/src/replication.ts',
    old: 'const batches = peer.isProbeSent ?',
    new: 'const batches = peer.isProbeSent && peer.nextIndex === 0 ?',
    tests: ['raft/bugs/slow-link.test.ts: T73:'],
  },
  {
    id: 'question-takes-half-a-log-along',
    shows: ['T73'],
    bug: 'Where the logs meet is asked with as many entries as a message takes.',
    file: 'packages/raft/src/replication.ts',
    old: 'const PROBE_BYTES = 65_536;',
    new: 'const PROBE_BYTES = TURN_BYTES;',
    tests: ['raft/bugs/slow-link.test.ts: T73:'],
  },
];
