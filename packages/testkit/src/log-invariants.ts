import { type LogIndex, type NodeId, type Term, readU16, readU32, readU64 } from '@quorate/base';
import type { LookedAtReplica } from '@quorate/host';
import type { ObservedNode } from './cluster-invariants.js';

type Log = LookedAtReplica['log'];
type TermRun = Log['terms'][number];

/** Most batches remembered of a term, and most terms and runs of committed entries of a group; the oldest are forgotten first. */
const BATCHES_REMEMBERED = 10_000;
const TERMS_REMEMBERED = 200;
const RUNS_REMEMBERED = 1000;

/** What was last seen of the log of one life of a replica. */
interface KnownLog {
  readonly starts: number;
  /** A log that was reset is another one. */
  readonly log: Log;
  lastIndex: LogIndex;
  lastTerm: Term;
  firstIndex: LogIndex;
  previousTerm: Term;
  runs: readonly TermRun[];
  /** As the log is now, it is in the books as durable up to here. */
  durableIndex: LogIndex;
  commitIndex: LogIndex;
  /** Newest term in which it led. */
  ledTerm: Term;
}

/** Entries from `firstIndex` to `lastIndex` have `term`; whoever was first seen to commit them was in `inTerm`. What a snapshot took the place of is in no run. */
interface CommittedRun {
  readonly firstIndex: LogIndex;
  lastIndex: LogIndex;
  readonly term: Term;
  readonly inTerm: Term;
}

/** What is known of a group, by all its replicas together. */
interface GroupFacts {
  readonly logs: Map<NodeId, KnownLog>;
  /** Fingerprint of each batch, by term and base index. */
  readonly batches: Map<Term, Map<LogIndex, number>>;
  /** Highest index of each term that a node, as a voter, ever held durably. */
  readonly durable: Map<NodeId, Map<Term, LogIndex>>;
  readonly committed: CommittedRun[];
  committedIndex: LogIndex;
}

/**
 * What must hold of all logs of a group together (thesis, figure 3.2), looked at whenever a replica had its turn, and only as far as that turn
 * changed it:
 *
 *   log matching         same index and term  ⇒  same bytes, after an entry of the same term
 *   durable quorum       first commit of (i, t)  ⇒  a majority of the voters has held (i, t) durably
 *   state machine safety (i, t) and (i, u) committed  ⇒  t = u
 *   leader completeness  (i, t) committed by a leader of a term < T  ⇒  (i, t) is in the log of the leader of T
 *
 * Exact, because a node tells of a turn before anything that it sends in that turn can leave: who acknowledges an index was seen to hold it. What
 * storage takes for durable counts as that; whether it was is for power cuts and the history to show. A node that lost its data was counted
 * rightly before; what it holds as a learner does not count. Of a log that was just recovered the batches are not compared: that would read the disk.
 */
export class LogInvariants {
  readonly #groups = new Map<number, GroupFacts>();
  /** Batches that were compared with the same batch of another node; commits whose quorum was counted; logs of new leaders that were judged. */
  batchesCompared = 0;
  quorumsCounted = 0;
  leadersJudged = 0;

  /** The fault that the last turn of this replica shows, null if there is none. */
  observe(node: ObservedNode, replica: LookedAtReplica): string | null {
    const { raft, log, group, stopError } = replica;
    const facts = this.#factsOf(group);
    const known = facts.logs.get(node.nodeId);
    const isNew = known === undefined || known.log !== log || known.starts !== node.starts;
    if (stopError !== null) {
      // It may have acknowledged something before it stopped in that turn.
      if (!isNew) noteDurable(facts, node.nodeId, known, replica);
      return null;
    }
    const now = isNew ? startOf(node, log) : known;
    if (isNew) facts.logs.set(node.nodeId, now);
    const fault = this.#changed(facts, now, log);
    noteDurable(facts, node.nodeId, now, replica);
    const broken = fault ?? this.#committed(facts, now, replica, isNew) ?? this.#leads(facts, now, replica);
    return broken === null ? null : `group ${group}, node ${node.nodeId}, term ${raft.term}: ${broken}`;
  }

  #factsOf(group: number): GroupFacts {
    let facts = this.#groups.get(group);
    if (facts === undefined) {
      facts = { logs: new Map(), batches: new Map(), durable: new Map(), committed: [], committedIndex: 0 };
      this.#groups.set(group, facts);
    }
    return facts;
  }

  /** Log matching, of what is new in a log. */
  #changed(facts: GroupFacts, known: KnownLog, log: Log): string | null {
    const lastTerm = lastTermOf(log);
    if (known.lastIndex === log.lastIndex && known.lastTerm === lastTerm && known.firstIndex === log.firstIndex) return null;
    const common = commonIndex(known, log);
    known.durableIndex = Math.min(known.durableIndex, common);
    // What was appended in this turn is in memory: nothing is read from the disk.
    const fault = log.lastIndex > common ? this.#compare(facts, log, common) : null;
    known.lastIndex = log.lastIndex;
    known.firstIndex = log.firstIndex;
    known.previousTerm = log.previousTerm;
    if (known.lastTerm !== lastTerm || known.runs.length !== log.terms.length || known.runs[0] !== log.terms[0])
      known.runs = [...log.terms];
    known.lastTerm = lastTerm;
    return fault;
  }

  #compare(facts: GroupFacts, log: Log, after: LogIndex): string | null {
    let previousTerm = termAt(log, after) ?? 0;
    for (const batch of log.read(after + 1, Number.POSITIVE_INFINITY)) {
      const term = readU64(batch, 12);
      const baseIndex = readU64(batch, 20);
      // The header's checksum covers all of the header, and with it the checksum of the payload.
      const print = readU32(batch, 0) ^ Math.imul(previousTerm, 0x9e37_79b1);
      let batches = facts.batches.get(term);
      if (batches === undefined) facts.batches.set(term, bounded((batches = new Map<LogIndex, number>()), facts.batches, TERMS_REMEMBERED));
      const other = batches.get(baseIndex);
      if (other === undefined) {
        if (batches.size >= BATCHES_REMEMBERED) forgetFirst(batches);
        batches.set(baseIndex, print);
      } else if (other === print) {
        this.batchesCompared++;
      } else {
        return `log matching: the batch ${baseIndex}..${baseIndex + readU16(batch, 6) - 1} of term ${term}, after one of term ${previousTerm}, is not what it is elsewhere`;
      }
      previousTerm = term;
    }
    return null;
  }

  /** State machine safety and the durable quorum, of what this replica committed in this turn. */
  #committed(facts: GroupFacts, known: KnownLog, { raft, log }: LookedAtReplica, isNew: boolean): string | null {
    const { commitIndex } = raft;
    const from = known.commitIndex;
    if (commitIndex <= from) return null;
    known.commitIndex = commitIndex;
    const term = termAt(log, commitIndex);
    if (term === null) return `commit index ${commitIndex} is not in the log, which ends at ${log.lastIndex}`;
    const before = facts.committedIndex;
    const fault = differenceIn(facts.committed, log, from, Math.min(before, commitIndex));
    if (fault !== null || commitIndex <= before) return fault;
    noteCommitted(facts, log, commitIndex, raft.term);
    // A life begins with what its snapshot holds: in a cluster that starts from images of disks nobody has seen who acknowledged that.
    if (isNew) return null;
    this.quorumsCounted++;
    const { voters } = raft.configuration;
    const holders = voters.filter((voter) => (facts.durable.get(voter)?.get(term) ?? 0) >= commitIndex);
    return holders.length * 2 > voters.length
      ? null
      : `durable quorum: index ${commitIndex} of term ${term} is committed, and of voters ${voters.join(', ')} only [${holders.join(', ')}] ever held it durably`;
  }

  /** Leader completeness, once in each term that a replica leads. */
  #leads(facts: GroupFacts, known: KnownLog, { raft, log }: LookedAtReplica): string | null {
    const { role, term } = raft;
    if (role !== 'leader' || known.ledTerm === term) return null;
    known.ledTerm = term;
    this.leadersJudged++;
    // A leader of a later term may have committed something before this one heard of the votes that elected it.
    const run = facts.committed.findLast(({ inTerm }) => inTerm < term);
    if (run === undefined || run.lastIndex < log.firstIndex - 1 || termAt(log, run.lastIndex) === run.term) return null;
    return `leader completeness: it leads without index ${run.lastIndex} of term ${run.term}, which was committed in term ${run.inTerm}; its log ends at ${log.lastIndex}`;
  }
}

/** The first sight of a log. */
function startOf({ starts }: ObservedNode, log: Log): KnownLog {
  const { lastIndex, firstIndex, previousTerm } = log;
  const start = { lastIndex, firstIndex, previousTerm, lastTerm: lastTermOf(log), runs: [...log.terms] };
  return { ...start, starts, log, durableIndex: firstIndex - 2, commitIndex: firstIndex - 1, ledTerm: 0 };
}

/** Everything that is durable in the log of a voter, as far as it is not in the books: the last index of each term. */
function noteDurable(facts: GroupFacts, node: NodeId, known: KnownLog, { log, raft }: LookedAtReplica): void {
  const { durableIndex, terms, firstIndex } = log;
  if (raft.isLearner || durableIndex <= known.durableIndex || durableIndex < firstIndex - 1 || durableIndex > log.lastIndex) return;
  let held = facts.durable.get(node);
  if (held === undefined) facts.durable.set(node, (held = new Map<Term, LogIndex>()));
  let until = durableIndex;
  for (let at = terms.length - 1; at >= 0 && until > known.durableIndex; at--) {
    const { firstIndex: from, term } = terms[at] as TermRun;
    if (from > until) continue;
    note(held, term, until);
    until = from - 1;
  }
  if (until === firstIndex - 1) note(held, log.previousTerm, until);
  known.durableIndex = durableIndex;
}

function note(held: Map<Term, LogIndex>, term: Term, index: LogIndex): void {
  if ((held.get(term) ?? -1) >= index) return;
  if (held.size >= TERMS_REMEMBERED) forgetFirst(held);
  held.set(term, index);
}

/** What was committed between two indexes differs from what this log has there; null if not, or if that was forgotten. */
function differenceIn(committed: readonly CommittedRun[], log: Log, after: LogIndex, upTo: LogIndex): string | null {
  for (let at = committed.length - 1; at >= 0; at--) {
    const { firstIndex, lastIndex, term } = committed[at] as CommittedRun;
    // The ends of the runs of both sides: between them neither changes.
    const index = Math.min(lastIndex, upTo);
    const first = Math.max(firstIndex, after + 1, log.firstIndex - 1);
    if (lastIndex <= after) return null;
    if (first > index) continue;
    for (const each of [index, first]) {
      const own = termAt(log, each);
      if (own !== null && own !== term)
        return `state machine safety: it commits index ${each} of term ${own}, where term ${term} was committed`;
    }
  }
  return null;
}

/** Writes down the terms of what was committed for the first time. */
function noteCommitted(facts: GroupFacts, log: Log, commitIndex: LogIndex, inTerm: Term): void {
  const { committed } = facts;
  const add = (firstIndex: LogIndex, lastIndex: LogIndex, term: Term): void => {
    const last = committed.at(-1);
    if (last !== undefined && last.term === term && last.inTerm === inTerm && last.lastIndex + 1 === firstIndex) last.lastIndex = lastIndex;
    else committed.push({ firstIndex, lastIndex, term, inTerm });
    if (committed.length > RUNS_REMEMBERED) committed.shift();
  };
  if (log.firstIndex - 1 > facts.committedIndex) add(log.firstIndex - 1, log.firstIndex - 1, log.previousTerm);
  log.terms.forEach(({ firstIndex, term }, at) => {
    const lastIndex = Math.min((log.terms[at + 1]?.firstIndex ?? log.lastIndex + 1) - 1, commitIndex);
    if (firstIndex <= commitIndex && lastIndex > facts.committedIndex) add(Math.max(firstIndex, facts.committedIndex + 1), lastIndex, term);
  });
  facts.committedIndex = commitIndex;
}

/** The highest index up to which a log is what it was; the entry before its first one if it is not known to be more. */
function commonIndex(known: KnownLog, log: Log): LogIndex {
  let at = Math.min(known.lastIndex, log.lastIndex);
  while (at >= log.firstIndex && at >= known.firstIndex) {
    const before = runAt(known.runs, at);
    const after = runAt(log.terms, at);
    if (before?.term === after?.term) return at;
    at = Math.max(before?.firstIndex ?? 0, after?.firstIndex ?? 0) - 1;
  }
  return Math.max(at, log.firstIndex - 1);
}

/** Null: the log does not know. */
function termAt(log: Log, index: LogIndex): Term | null {
  if (index > log.lastIndex || index < log.firstIndex - 1) return null;
  return runAt(log.terms, index)?.term ?? log.previousTerm;
}

/** From the end: what is asked for is nearly always the newest. */
function runAt(runs: readonly TermRun[], index: LogIndex): TermRun | undefined {
  for (let at = runs.length - 1; at >= 0; at--) if ((runs[at] as TermRun).firstIndex <= index) return runs[at];
  return undefined;
}

function lastTermOf({ terms, previousTerm }: Log): Term {
  return terms.at(-1)?.term ?? previousTerm;
}

/** Makes room for one more entry of `map`; gives `value`. */
function bounded<T>(value: T, map: Map<number, unknown>, sizeMax: number): T {
  if (map.size >= sizeMax) forgetFirst(map);
  return value;
}

function forgetFirst(map: Map<number, unknown>): void {
  map.delete(map.keys().next().value as number);
}
