import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupId } from '@quorate/base';
import { type Fence, SeenTokens, type Token, type TokenStore, decodeValue } from '@quorate/machine';
import { CELL } from './cell.js';
import { Driver, GROUP, cell, resultsOf } from './driver.js';

const OTHER = groupId(7);

function fenced(resource: number, fence: Fence) {
  return cell(resource, 'add', { amount: 1, fence });
}

function prepared(limits = {}): {
  driver: Driver;
  holder: number;
  writer: number;
  lock: number;
  data: number;
  take: (session: number) => Token;
} {
  const driver = new Driver({ limits });
  const [holder, writer] = [driver.open(), driver.open()];
  const [lock, data] = [driver.openCell(holder, 'lock'), driver.openCell(writer, 'data')];
  const take = (session: number): Token => {
    const [reply] = driver.run(session, cell(lock, 'take', {}));
    assert.ok(reply?.isOk, JSON.stringify(reply));
    return decodeValue(CELL.operations.take.result, reply.result);
  };
  return { driver, holder, writer, lock, data, take };
}

test('rule 21: tokens of one lock → each is the index of its grant, and they rise', () => {
  const { driver, holder, writer, lock, take } = prepared();
  const first = take(holder);
  assert.deepEqual(first, { epoch: 1, index: driver.machine.appliedIndex });
  driver.run(holder, cell(lock, 'release', {}));
  const second = take(writer);
  assert.ok(second.index > first.index);
});

test('rule 21, T65: a fence of the same group → passes while the token is held; refused after release, hand-over, or expiry, before any new write', () => {
  const { driver, holder, writer, lock, data, take } = prepared();
  const fence = { group: GROUP, resource: lock, token: take(holder) };
  assert.deepEqual(resultsOf(driver.run(writer, fenced(data, fence)), 'add'), [1]);
  driver.expire(holder);
  assert.deepEqual(resultsOf(driver.run(writer, fenced(data, fence)), 'add'), ['fenced']);
  const next = { ...fence, token: take(writer) };
  assert.deepEqual(resultsOf(driver.run(writer, fenced(data, fence), fenced(data, next)), 'add'), ['fenced', 2]);
  driver.run(writer, cell(lock, 'release', {}));
  assert.deepEqual(resultsOf(driver.run(writer, fenced(data, next)), 'add'), ['fenced']);
});

test('fence: of the same group on what cannot be held, does not exist, or by a made-up token → fenced', () => {
  const { driver, writer, lock, data } = prepared();
  const token = { epoch: 1, index: 999 };
  const replies = driver.run(
    writer,
    fenced(data, { group: GROUP, resource: 12_345, token }),
    fenced(data, { group: GROUP, resource: lock, token }),
    fenced(data, { group: GROUP, resource: 0, token }),
  );
  assert.deepEqual(resultsOf(replies, 'add'), ['fenced', 'fenced', 'fenced']);
});

test('fence: of another group → the highest token seen counts, by epoch and then index; also one that only a refused command has shown', () => {
  const { driver, writer, data } = prepared();
  const of = (epoch: number, index: number): Fence => ({ group: OTHER, resource: 5, token: { epoch, index } });
  const run = (...fences: Fence[]): unknown[] => resultsOf(driver.run(writer, ...fences.map((fence) => fenced(data, fence))), 'add');
  assert.deepEqual(run(of(1, 10), of(1, 9), of(1, 10), of(1, 11), of(1, 10)), [1, 'fenced', 2, 3, 'fenced']);
  assert.deepEqual(run(of(2, 1), of(1, 12)), [4, 'fenced']);
  const [refused] = driver.run(writer, cell(data, 'fail', { how: 'refuse', fence: of(2, 20) }));
  assert.equal(refused?.isOk === false && refused.code, 'versionMismatch');
  assert.deepEqual(run(of(2, 19), of(2, 20)), ['fenced', 5], 'a newer holder was here');
  driver.reload();
  assert.deepEqual(run(of(2, 19), { ...of(2, 1), resource: 6 }, { ...of(1, 1), group: groupId(8) }), ['fenced', 6, 7]);
});

test('fence: several tokens of one lock shown by one command, each checked before any counts → the highest lasts', () => {
  const kept = new Map<number, Token>();
  const store: TokenStore = {
    get size() {
      return kept.size;
    },
    get: ({ resource }) => kept.get(resource),
    set: ({ resource, token }) => void kept.set(resource, token),
  };
  const seen = new SeenTokens(store, 10);
  const fences = [20, 30, 10].map((index): Fence => ({ group: OTHER, resource: 5, token: { epoch: 1, index } }));
  for (const fence of fences) assert.equal(seen.refusalOf(fence), null);
  for (const fence of fences) seen.remember(fence);
  assert.deepEqual(kept.get(5), { epoch: 1, index: 30 });
});

test('T71: fences of more locks than can be remembered → tooManyFences; those known still work', () => {
  const { driver, writer, data } = prepared({ seenTokensMax: 2 });
  const of = (resource: number): Fence => ({ group: OTHER, resource, token: { epoch: 1, index: 1 } });
  const replies = driver.run(writer, ...[1, 2, 3, 1].map((resource) => fenced(data, of(resource))));
  assert.deepEqual(resultsOf(replies, 'add'), [1, 2, 'tooManyFences', 3]);
});
