// What a leader sends to its peers (packages/raft/src/replication.ts), and how a learner becomes a voter by it.
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
  {
    id: 'admission-not-remembered',
    shows: ['T49'],
    bug: 'A learner that was admitted does not write it down: after a crash the others count it, and it refuses its vote.',
    file: 'packages/raft/src/roles/follower.ts',
    old: '  core.isLearner = false;\n  core.hardStateChanged();\n',
    new: '  core.isLearner = false;\n',
    tests: ['raft/learners.test.ts: T49: a learner was admitted and lags'],
  },
  {
    id: 'barrier-in-a-snapshot-never-held',
    shows: ['T49'],
    bug: 'A learner waits for its barrier in the part of the log that came by itself, so one that came within a snapshot leaves it a learner for ever.',
    file: 'packages/raft/src/roles/follower.ts',
    old: '  if (held < core.admitAt) return;\n',
    new: '  if (held < core.admitAt || core.admitAt < core.log.firstIndex) return;\n',
    tests: ['raft/learners.test.ts: T49: the learner is fed by a snapshot'],
  },
];
