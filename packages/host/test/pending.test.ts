import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupId, LIMITS, QuorateError } from '@quorate/base';
import { PendingProposals, PendingReads } from '@quorate/host';

const GROUP = 7 as GroupId;
const LOST = new QuorateError('leadershipLost', 'lost');

function recorder(): { told: string[]; applied(id: number): void; failed(id: number, error: QuorateError): void } {
  const told: string[] = [];
  return { told, applied: (id) => told.push(`${id} applied`), failed: (id, error) => told.push(`${id} ${error.code}`) };
}

test('pending proposals: batches applied in order, some of others → each of ours is told once', () => {
  const proposals = new PendingProposals(GROUP);
  const proposer = recorder();
  for (const [index, id] of [
    [5, 1],
    [6, 2],
    [9, 3],
  ] as const)
    proposals.add({ index, term: 2, count: 1, bytes: 10, nowMs: 0, of: 'client', proposer, requestId: id });
  proposals.applied(4, 1, { view: 'none' }, 0);
  proposals.applied(5, 2, { view: 'none' }, 0);
  proposals.applied(6, 2, { view: 'none' }, 0);
  assert.deepEqual(proposer.told, ['1 applied', '2 applied']);
  proposals.failAll(LOST);
  proposals.failAll(LOST);
  assert.deepEqual(proposer.told, ['1 applied', '2 applied', '3 leadershipLost']);
  assert.equal(proposals.size, 0);
});

test('pending proposals: the index was taken by a batch of another term → not told as applied', () => {
  const proposals = new PendingProposals(GROUP);
  const proposer = recorder();
  proposals.add({ index: 5, term: 2, count: 1, bytes: 10, nowMs: 0, of: 'client', proposer, requestId: 1 });
  proposals.applied(5, 3, { view: 'none' }, 0);
  assert.deepEqual(proposer.told, []);
});

test('T71: more bytes proposed than the limit → full until some are applied', () => {
  const proposals = new PendingProposals(GROUP);
  const proposer = recorder();
  const half = LIMITS.groupProposalBytesMax / 2;
  proposals.add({ index: 1, term: 1, count: 1, bytes: half, nowMs: 0, of: 'client', proposer, requestId: 1 });
  assert.equal(proposals.refusal('node'), null);
  proposals.add({ index: 2, term: 1, count: 1, bytes: half, nowMs: 0, of: 'client', proposer, requestId: 2 });
  assert.equal(proposals.refusal('node')?.code, 'overloaded');
  proposals.applied(1, 1, { view: 'none' }, 0);
  assert.equal(proposals.refusal('node'), null);
});

test('T74: what clients propose is applied late → as much is taken as is applied in time; what the node proposes itself is taken always', () => {
  const proposals = new PendingProposals(GROUP);
  const proposer = recorder();
  let proposed = 0;
  let applied = 0;
  let refusal = 'none';
  for (let nowMs = 0; nowMs < 10_000; nowMs++) {
    // Five times of what is applied: one a millisecond.
    for (let i = 0; i < 5; i++) {
      refusal = proposals.refusal('client')?.message ?? refusal;
      if (proposals.refusal('client') !== null) break;
      proposals.add({ index: ++proposed, term: 1, count: 1, bytes: 10, nowMs, of: 'client', proposer, requestId: nowMs });
    }
    proposals.applied(++applied, 1, { view: 'none' }, nowMs);
    assert.equal(proposals.refusal('node'), null);
    if (nowMs > 5000) assert.ok(proposals.size >= 100 && proposals.size <= 600, `${proposals.size} wait`);
  }
  assert.match(refusal, /as much to apply as it can soon/);
});

test('pending proposals: many through a short queue → memory of settled ones is given back', () => {
  const proposals = new PendingProposals(GROUP);
  const proposer = recorder();
  for (let index = 1; index <= 10_000; index++) {
    proposals.add({ index, term: 1, count: 1, bytes: 1, nowMs: 0, of: 'client', proposer, requestId: index });
    if (index > 3) proposals.applied(index - 3, 1, { view: 'none' }, 0);
    assert.ok(proposals.size <= 4);
  }
  assert.equal(proposer.told.length, 9997);
});

test('T74: what clients ask is answered late → as much is taken as is answered in time; what is no query is taken always', () => {
  let nowMs = 0;
  const reads = new PendingReads(GROUP, { nowMs: () => nowMs, wallMs: () => 0 });
  const asked: number[] = [];
  let refusal = 'none';
  for (; nowMs < 10_000; nowMs++) {
    // Five times of what is answered: one a millisecond.
    for (let i = 0; i < 5; i++) {
      const read = { run: () => {}, fail: () => {}, queries: 1 };
      refusal = reads.refusal(read)?.code ?? refusal;
      if (reads.refusal(read) === null) asked.push(reads.add(read));
    }
    reads.confirmed(asked.shift() as number, nowMs);
    reads.applied(nowMs);
    assert.equal(reads.refusal({ run: () => {}, fail: () => {} }), null);
    if (nowMs > 5000) assert.ok(reads.size >= 100 && reads.size <= 600, `${reads.size} wait`);
  }
  assert.equal(refusal, 'overloaded');
});

test('T52: pending reads: confirmed but not applied → waits; failed, confirmed again or unknown → told once', () => {
  const reads = new PendingReads(GROUP, { nowMs: () => 0, wallMs: () => 0 });
  const told: string[] = [];
  const read = (name: string): number =>
    reads.add({ run: () => told.push(`${name} ran`), fail: (error) => told.push(`${name} ${error.code}`) });
  const [a, b, c] = [read('a'), read('b'), read('c')];
  reads.confirmed(a, 7);
  reads.applied(6);
  assert.deepEqual(told, []);
  reads.applied(7);
  reads.confirmed(a, 8);
  reads.applied(8);
  assert.deepEqual(told, ['a ran']);
  reads.failed(b, LOST);
  reads.failed(b, LOST);
  reads.failAll(LOST);
  assert.deepEqual(told, ['a ran', 'b leadershipLost', 'c leadershipLost']);
  assert.equal(reads.size, 0);
  reads.confirmed(c, 1);
});

test('T71: pending reads: some run, fail or are given up together → what they keep is let go exactly once', () => {
  const reads = new PendingReads(GROUP, { nowMs: () => 0, wallMs: () => 0 });
  const quiet = { run: () => {}, fail: () => {} };
  const [a, b] = [reads.add({ ...quiet, bytes: 5 }), reads.add({ ...quiet, bytes: 7 })];
  reads.add({ ...quiet, bytes: 11 });
  reads.add(quiet);
  assert.equal(reads.bytes, 23);
  reads.confirmed(a, 3);
  assert.equal(reads.bytes, 23);
  reads.applied(3);
  reads.failed(a, LOST);
  assert.equal(reads.bytes, 18);
  reads.failed(b, LOST);
  reads.failed(b, LOST);
  assert.equal(reads.bytes, 11);
  reads.failAll(LOST);
  assert.equal(reads.bytes, 0);
});
