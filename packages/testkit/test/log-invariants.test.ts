import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogIndex, type Term, crc32c, encodeBatch, groupId, nodeId } from '@quorate/base';
import type { LookedAtReplica } from '@quorate/host';
import { LogInvariants } from '@quorate/testkit';
import { STREAM, ready } from './ready-cluster.js';

const GROUP = groupId(7);
const VOTERS = [1, 2, 3].map(nodeId);

/** A replica whose log is written down by hand: each batch is one entry. */
class HandmadeReplica {
  readonly node: { nodeId: (typeof VOTERS)[number]; name: string; starts: number };
  role: 'leader' | 'follower' = 'follower';
  term = 1;
  commitIndex = 0;
  isLearner = false;
  /** Up to and including it a snapshot holds all. */
  start: { index: LogIndex; term: Term } = { index: 0, term: 0 };
  entries: { term: Term; text: string }[] = [];
  durableIndex = 0;
  stopError: Error | null = null;
  #log: object | null = null;

  constructor(id: number) {
    this.node = { nodeId: nodeId(id), name: `n${id}`, starts: 1 };
  }

  append(term: Term, ...texts: string[]): this {
    for (const text of texts) this.entries.push({ term, text });
    return this;
  }

  cut(after: LogIndex): this {
    this.entries.length = after - this.start.index;
    this.durableIndex = Math.min(this.durableIndex, after);
    return this;
  }

  /** All that it had is gone. */
  reset(): void {
    this.#log = null;
    this.entries = [];
    this.start = { index: 0, term: 0 };
    this.commitIndex = 0;
    this.durableIndex = 0;
  }

  installed(index: LogIndex, term: Term): void {
    this.start = { index, term };
    this.entries = [];
    this.commitIndex = index;
    this.durableIndex = index;
  }

  get lastIndex(): LogIndex {
    return this.start.index + this.entries.length;
  }

  get replica(): LookedAtReplica {
    const { role, term, commitIndex, isLearner, stopError } = this;
    const raft = { role, term, commitIndex, isLearner, configuration: { voters: VOTERS } };
    return { group: GROUP, raft, log: this.log, view: { hash: 0 }, appliedIndex: 0, stopError } as unknown as LookedAtReplica;
  }

  /** The same object as long as the log is the same one. */
  get log(): object {
    this.#log ??= Object.defineProperties(
      {},
      Object.fromEntries(
        (['firstIndex', 'previousTerm', 'lastIndex', 'durableIndex', 'terms', 'read'] as const).map((name) => [
          name,
          { get: () => this.#facts()[name] },
        ]),
      ),
    );
    return this.#log;
  }

  #facts() {
    const firstIndex = this.start.index + 1;
    const all = this.entries.map(({ term, text }, at) => ({ index: firstIndex + at, term, text }));
    const terms = all
      .filter(({ term }, at) => at === 0 || all[at - 1]?.term !== term)
      .map(({ index, term }) => ({ firstIndex: index, term }));
    const read = (from: LogIndex): Uint8Array[] => all.filter(({ index }) => index >= from).map(batchOf);
    return { firstIndex, previousTerm: this.start.term, lastIndex: this.lastIndex, durableIndex: this.durableIndex, terms, read };
  }
}

function batchOf({ index, term, text }: { index: LogIndex; term: Term; text: string }): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const header = { kind: 'commands', group: GROUP, term, baseIndex: index, count: 1, loggedTimeMs: 0 } as const;
  return encodeBatch({ ...header, payloadChecksum: crc32c(payload) }, payload, crc32c);
}

/** Three replicas with empty logs, seen once; `look` tells of the turn of one of them. */
function group(): {
  a: HandmadeReplica;
  b: HandmadeReplica;
  c: HandmadeReplica;
  look: (...of: HandmadeReplica[]) => string | null;
  seen: LogInvariants;
} {
  const seen = new LogInvariants();
  const [a, b, c] = [1, 2, 3].map((id) => new HandmadeReplica(id)) as [HandmadeReplica, HandmadeReplica, HandmadeReplica];
  const look = (...of: HandmadeReplica[]): string | null => {
    for (const each of of) {
      const fault = seen.observe(each.node, each.replica);
      if (fault !== null) return fault;
    }
    return null;
  };
  assert.equal(look(a, b, c), null);
  return { a, b, c, look, seen };
}

/** `a` led term 1 and committed two entries that `b` holds as well. */
function committedTwo(): ReturnType<typeof group> {
  const all = group();
  const { a, b, look } = all;
  a.role = 'leader';
  for (const each of [a, b]) each.append(1, 'x', 'y').durableIndex = 2;
  assert.equal(look(b, a), null);
  a.commitIndex = 2;
  assert.equal(look(a), null);
  return all;
}

test('logs: an entry goes from the leader to all, is committed, told, and cut off by a snapshot → nothing to say, everything was judged', () => {
  const { a, b, c, look, seen } = committedTwo();
  c.append(1, 'x', 'y').durableIndex = 2;
  for (const each of [b, c]) each.commitIndex = 2;
  assert.equal(look(b, c), null);
  c.installed(2, 1);
  assert.equal(look(c), null);
  b.role = 'leader';
  a.role = 'follower';
  for (const each of [a, b, c]) {
    each.term = 2;
    each.append(2, 'z').durableIndex = 3;
  }
  assert.equal(look(a, c, b), null);
  for (const each of [b, a, c]) {
    each.commitIndex = 3;
    assert.equal(look(each), null);
  }
  assert.deepEqual([seen.batchesCompared, seen.quorumsCounted, seen.leadersJudged], [6, 2, 2]);
});

test('logs: two nodes have other bytes, or another entry before, at the same index and term → log matching is broken', () => {
  for (const broken of ['bytes', 'before'] as const) {
    const { a, b, look } = group();
    a.append(1, 'x').append(2, 'y');
    if (broken === 'bytes') b.append(1, 'x').append(2, 'other');
    // What the follower had at index 1 should have been cut.
    else b.append(2, 'old', 'y');
    assert.equal(look(a), null);
    assert.match(look(b) ?? '', /^group 7, node 2, term 1: log matching: the batch [12]\.\.[12] of term 2, after one of term/, broken);
  }
});

test('logs: a conflicting end is cut and replaced in one turn, to the same length → only what is new is compared, with what the leader has', () => {
  for (const text of ['right', 'wrong']) {
    const { a, b, look, seen } = group();
    a.append(1, 'x').append(2, 'y', 'z').append(3, 'right');
    b.append(1, 'x', 'old', 'old', 'old');
    assert.equal(look(a, b), null);
    b.cut(1).append(2, 'y', 'z').append(3, text);
    const fault = look(b);
    assert.equal(fault === null, text === 'right', fault ?? 'no fault');
    assert.equal(seen.batchesCompared, text === 'right' ? 4 : 3);
  }
});

test('logs: committed with one durable copy of three, with a learner, or with one that lost the entry before it was durable → no quorum', () => {
  const missing: Record<string, (b: HandmadeReplica) => void> = {
    'not durable': (b) => b.append(1, 'x', 'y'),
    'in part': (b) => (b.append(1, 'x', 'y').durableIndex = 1),
    'a learner': (b) => {
      b.isLearner = true;
      b.append(1, 'x', 'y').durableIndex = 2;
    },
    'of another term': (b) => (b.append(0, 'x', 'y').durableIndex = 2),
  };
  for (const [what, action] of Object.entries(missing)) {
    const { a, b, look } = group();
    a.role = 'leader';
    a.append(1, 'x', 'y').durableIndex = 2;
    action(b);
    assert.equal(look(a, b), null, what);
    a.commitIndex = 2;
    assert.match(look(a) ?? '', /durable quorum: index 2 of term 1 is committed, and of voters 1, 2, 3 only \[1\]/, what);
  }
});

test('logs: the holder of the second copy lost its data, was restarted, or stopped in the turn of its answer → it counts all the same', () => {
  const happened: Record<string, (b: HandmadeReplica) => void> = {
    wiped: (b) => {
      b.node.starts++;
      b.isLearner = true;
      b.reset();
    },
    restarted: (b) => b.node.starts++,
    cut: (b) => b.cut(0).append(2, 'other'),
  };
  for (const [what, action] of Object.entries(happened)) {
    const { a, b, look } = group();
    a.role = 'leader';
    for (const each of [a, b]) each.append(1, 'x').durableIndex = 1;
    assert.equal(look(a, b), null, what);
    action(b);
    a.commitIndex = 1;
    assert.equal(look(b, a), null, what);
  }
  const { a, b, look } = group();
  a.role = 'leader';
  for (const each of [a, b]) each.append(1, 'x');
  assert.equal(look(a, b), null);
  for (const each of [a, b]) each.durableIndex = 1;
  b.stopError = new Error('another state');
  a.commitIndex = 1;
  assert.equal(look(b, a), null, 'stopped');
});

test('logs: a learner is admitted with everything durable that it has → it counts from then on', () => {
  const { a, b, look } = group();
  a.role = 'leader';
  b.isLearner = true;
  for (const each of [a, b]) each.append(1, 'x').durableIndex = 1;
  assert.equal(look(a, b), null);
  b.isLearner = false;
  a.commitIndex = 1;
  assert.equal(look(b, a), null);
});

test('logs: another entry is committed where one was → state machine safety is broken', () => {
  const { c, look } = committedTwo();
  c.term = 2;
  c.append(1, 'x').append(2, 'other').durableIndex = 2;
  c.commitIndex = 1;
  assert.equal(look(c), null);
  c.commitIndex = 2;
  assert.match(look(c) ?? '', /node 3, term 2: state machine safety: it commits index 2 of term 2, where term 1 was committed/);
});

test('logs: a cluster that begins with a snapshot here and an older log there → nothing is known of what the snapshot took the place of, but of its last entry', () => {
  const seen = new LogInvariants();
  const [a, b, c] = [1, 2, 3].map((id) => new HandmadeReplica(id)) as [HandmadeReplica, HandmadeReplica, HandmadeReplica];
  c.installed(3, 2);
  c.append(2, 'z').commitIndex = 4;
  a.append(1, 'x', 'y').commitIndex = 2;
  b.append(1, 'x', 'y', 'w').commitIndex = 3;
  assert.equal(seen.observe(c.node, c.replica), null);
  assert.equal(seen.observe(a.node, a.replica), null);
  assert.match(seen.observe(b.node, b.replica) ?? '', /state machine safety: it commits index 3 of term 1, where term 2 was committed/);
});

test('logs: a new leader has a shorter log, or another entry there, or a snapshot of it → complete only with the snapshot', () => {
  const logs: Record<string, (c: HandmadeReplica) => void> = {
    shorter: (c) => c.append(1, 'x'),
    // Its first entry stands where the committed one should.
    other: (c) => c.append(1, 'x').append(2, 'noop'),
    snapshot: (c) => c.installed(2, 1),
  };
  for (const [what, action] of Object.entries(logs)) {
    const { c, look } = committedTwo();
    action(c);
    assert.equal(look(c), null, what);
    c.role = 'leader';
    c.term = 2;
    const fault = look(c);
    if (what === 'snapshot') assert.equal(fault, null);
    else assert.match(fault ?? '', /leader completeness: it leads without index 2 of term 1, which was committed in term 1/, what);
  }
});

test('logs: who hears late of the votes for an older term, when a later leader has committed → no fault', () => {
  const { a, b, c, look } = group();
  a.role = 'leader';
  a.term = 5;
  for (const each of [a, c]) each.append(5, 'x').durableIndex = 1;
  a.commitIndex = 1;
  assert.equal(look(c, a), null);
  b.role = 'leader';
  b.term = 4;
  b.append(4, 'noop');
  assert.equal(look(b), null);
  b.term = 6;
  assert.match(look(b) ?? '', /leader completeness/);
});

test('logs: a cluster that works → batches are compared, quorums counted and leaders judged by the way', () => {
  const { cluster, client } = ready(1);
  client.startWork({ streams: [STREAM], lanes: 4 });
  cluster.runFor(300);
  const { logs } = cluster.invariants;
  assert.ok(logs.batchesCompared > 100 && logs.quorumsCounted > 50 && logs.leadersJudged >= 3, JSON.stringify(logs));
});
