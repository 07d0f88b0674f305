import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, type Incarnation, type NodeId, QuorateError, type ClusterId } from '@quorate/base';
import { openStorage } from '@quorate/storage';
import { G1, G2, IDENTITY, INCARNATION, Life, Rig, appendMany, batch, contentOf, logOf } from './rig.js';

test('storage: appends, hard state, configuration over several files, reopened → all as it was', () => {
  const rig = new Rig();
  const storage = rig.start();
  const one = storage.createGroup(G1, false);
  const two = storage.createGroup(G2, true);
  one.append(batch({ base: 1, kind: 'configuration' }));
  for (let round = 0; round < 30; round++) {
    appendMany(one, 3, { term: 2 + Math.floor(round / 10), bytes: 100 });
    appendMany(two, 1, { term: 7, count: 1, bytes: 300 });
    rig.settle(2);
  }
  two.append(batch({ group: G2, term: 8, base: 31, count: 50 }));
  one.setHardState({ term: 9, votedFor: 3 as NodeId, isLearner: false }, 5);
  rig.settle();
  assert.deepEqual(rig.life.durable.at(-1), { group: G1, hardStateVersion: 5, durableIndex: 91 });
  const before = [contentOf(one), contentOf(two), one.terms, two.terms, one.configurationIndexes];
  assert.equal(rig.close(), null);
  const again = rig.start();
  assert.deepEqual(again.identity, IDENTITY);
  assert.deepEqual(again.damage, []);
  const [first, second] = [logOf(again), logOf(again, G2)];
  assert.deepEqual([contentOf(first), contentOf(second), first.terms, second.terms, first.configurationIndexes], before);
  assert.deepEqual(first.hardState, { term: 9, votedFor: 3, isLearner: false });
  assert.deepEqual(second.hardState, { term: 0, votedFor: 0, isLearner: true });
  assert.deepEqual([second.lastIndex, second.durableIndex, second.batchBaseOf(60)], [80, 80, 31]);
});

test('storage: an idle journal → one marker, then nothing; reopened without writes → no growth', () => {
  const rig = new Rig();
  appendMany(rig.start().createGroup(G1, false), 1);
  rig.settle(1000);
  const { durableSequence } = rig.life.storage as NonNullable<typeof rig.life.storage>;
  assert.equal(durableSequence, 3, 'first marker, frame, idle marker');
  rig.scheduler.runFor(5000);
  assert.equal(rig.life.storage?.durableSequence, 3);
  for (let round = 0; round < 3; round++) {
    rig.close();
    assert.equal(rig.start().durableSequence, 3);
  }
});

test('storage: events → never from within a call', () => {
  const rig = new Rig({ storage: { syncMode: 'sync' } });
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 1);
  storage.flush();
  assert.equal(logOf(storage).durableIndex, 1, 'synchronous sync is done');
  assert.deepEqual(rig.life.durable, []);
  rig.scheduler.runFor(50);
  assert.deepEqual(rig.life.durable, [{ group: G1, hardStateVersion: 0, durableIndex: 1 }]);
});

test('storage: flush while a frame is written → the next frame holds all that came meanwhile', () => {
  const rig = new Rig({ storage: { syncMode: 'async' } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 1);
  storage.flush();
  for (let i = 0; i < 20; i++) {
    appendMany(log, 1);
    storage.flush();
  }
  rig.scheduler.runFor(5);
  assert.equal(storage.metrics.frames, 2);
  assert.equal(log.durableIndex, 21);
});

test('storage: batches not yet written and batches beyond the cache → both readable', () => {
  const rig = new Rig({ storage: { recentBatchesBytes: 2000 } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 50, { bytes: 100 });
  rig.settle();
  const expected = Array.from({ length: 60 }, (_, i) => `${i + 1}@1:${i + 1}`);
  appendMany(log, 10, { bytes: 100 });
  assert.deepEqual(contentOf(log), expected);
  assert.equal(log.read(1, 1).length, 1, 'at least one');
  assert.equal(log.read(1, 152 * 7).length, 7);
  assert.deepEqual(log.read(61, 1000), []);
  assert.throws(
    () => log.read(0, 100),
    (error: unknown) => error instanceof QuorateError && error.code === 'invariantBroken',
  );
});

test('storage: suffix cut across many batches and files, then other batches → readers see it at once, reopening too', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  for (let round = 0; round < 20; round++) {
    appendMany(log, 5, { bytes: 120 });
    rig.settle(2);
  }
  log.truncateSuffix(7);
  assert.equal(log.lastIndex, 7);
  assert.equal(log.durableIndex, 7);
  log.append(batch({ base: 8, term: 2, fill: 99 }));
  assert.deepEqual(contentOf(log).slice(6), ['7@1:7', '8@2:99']);
  assert.deepEqual(log.terms, [
    { firstIndex: 1, term: 1 },
    { firstIndex: 8, term: 2 },
  ]);
  rig.settle();
  rig.close();
  assert.deepEqual(contentOf(logOf(rig.start())).slice(6), ['7@1:7', '8@2:99']);
});

test('storage: a cut inside a batch, a gap, a batch of another group → refused', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  log.append(batch({ base: 1, count: 4 }));
  const broken = (error: unknown): boolean => error instanceof QuorateError && error.code === 'invariantBroken';
  assert.throws(() => log.truncateSuffix(2), broken);
  assert.throws(() => log.append(batch({ base: 6 })), broken);
  assert.throws(() => log.append(batch({ base: 5, group: G2 })), broken);
  assert.throws(() => log.append(batch({ base: 5 }).subarray(0, 60)), broken);
  assert.throws(() => log.truncatePrefix(4), broken, 'not durable yet');
  assert.deepEqual(contentOf(log), ['1+4@1:1']);
});

test('storage: prefix dropped → dead files are used again, a checkpoint keeps the rest; reopened → log start, vote and term are there', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  const other = storage.createGroup(G2, false);
  log.setHardState({ term: 1, votedFor: 2 as NodeId, isLearner: false }, 1);
  appendMany(other, 1, { term: 4 });
  for (let round = 0; round < 60; round++) {
    appendMany(log, 4, { bytes: 200, term: 1 + Math.floor(round / 20) });
    rig.settle(3);
    if (log.lastIndex > 20) log.truncatePrefix(log.lastIndex - 12);
  }
  rig.settle(200);
  const files = rig.disk.paths().filter((path) => path.startsWith('journal/'));
  assert.ok(files.length <= 8, `files are used again: ${files.join()}`);
  assert.ok(rig.disk.paths().includes('checkpoint-a') && rig.disk.paths().includes('checkpoint-b'), 'both checkpoint files were written');
  const expected = [contentOf(log), log.firstIndex, log.previousTerm, log.terms, contentOf(other)];
  rig.powerCut();
  const again = rig.start();
  assert.deepEqual(again.damage, []);
  const back = logOf(again);
  assert.deepEqual([contentOf(back), back.firstIndex, back.previousTerm, back.terms, contentOf(logOf(again, G2))], expected);
  assert.deepEqual(back.hardState, { term: 1, votedFor: 2, isLearner: false });
  assert.deepEqual(rig.inspect().damage, []);
});

test('storage: all of a log dropped, then appended → indexes go on', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  appendMany(log, 5, { term: 3 });
  rig.settle();
  log.truncatePrefix(5);
  assert.deepEqual([log.firstIndex, log.lastIndex, log.previousTerm, log.terms], [6, 5, 3, []]);
  rig.settle();
  rig.close();
  const back = logOf(rig.start());
  assert.deepEqual([back.firstIndex, back.lastIndex, back.previousTerm, back.terms], [6, 5, 3, []]);
  appendMany(back, 2, { term: 3 });
  assert.deepEqual(contentOf(back), ['6@3:6', '7@3:7']);
});

test('storage: a reset group → an empty log of a learner, the old one refuses writes, reopening keeps it', () => {
  const rig = new Rig();
  const storage = rig.start();
  const old = storage.createGroup(G1, false);
  appendMany(old, 30, { bytes: 400 });
  old.setHardState({ term: 5, votedFor: 1 as NodeId, isLearner: false }, 1);
  rig.settle();
  appendMany(old, 1);
  const fresh = storage.resetGroup(G1);
  assert.throws(() => appendMany(old, 1), /was reset/);
  assert.deepEqual([fresh.lastIndex, fresh.hardState], [0, { term: 0, votedFor: 0, isLearner: true }]);
  appendMany(fresh, 2, { term: 9 });
  rig.settle(200);
  rig.close();
  const again = rig.start();
  assert.deepEqual(contentOf(logOf(again)), ['1@9:1', '2@9:2']);
  assert.equal(logOf(again).hardState.isLearner, true);
});

test('storage: peer sequences → highest per incarnation, stored with the next frame', () => {
  const rig = new Rig();
  const storage = rig.start();
  const peer = 2 as NodeId;
  const other = '00000000000000bb' as Incarnation;
  storage.notePeerSequence(peer, INCARNATION, 10);
  storage.notePeerSequence(peer, INCARNATION, 7);
  storage.notePeerSequence(peer, other, 3);
  assert.equal(storage.hasPending, false);
  rig.close();
  const again = rig.start();
  assert.deepEqual(
    [again.peerSequence(peer, INCARNATION), again.peerSequence(peer, other), again.peerSequence(3 as NodeId, other)],
    [10, 3, 0],
  );
});

test('T37: storage: a peer told its sequence and nothing else happens → stored once the journal is idle, and not told in turn', () => {
  const rig = new Rig();
  const storage = rig.start();
  const peer = 2 as NodeId;
  for (const sequence of [10, 11]) {
    rig.settle(200);
    const before = { told: storage.durableSequence, frames: storage.metrics.frames };
    storage.notePeerSequence(peer, INCARNATION, sequence);
    rig.scheduler.runFor(60);
    assert.equal(storage.metrics.frames, before.frames + 1, 'one frame');
    rig.scheduler.runFor(1000);
    assert.equal(storage.metrics.frames, before.frames + 1, 'and no other after it');
    assert.equal(storage.durableSequence, before.told);
  }
  rig.powerCut();
  assert.equal(rig.start().peerSequence(peer, INCARNATION), 11);
});

test('storage: identity changed at formation → in force after reopening, with the journal', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 3);
  rig.settle();
  const formed = {
    ...IDENTITY,
    clusterId: 'cccccccccccccccc' as ClusterId,
    incarnation: 'dddddddddddddddd' as Incarnation,
    isRejoined: true,
  };
  storage.setIdentity(formed);
  rig.close();
  const again = rig.start();
  assert.deepEqual(again.identity, formed);
  assert.equal(logOf(again).lastIndex, 3);
});

test('storage: a second one on the same directory → directoryInUse; after close → opens', () => {
  const rig = new Rig();
  rig.start();
  let code = '';
  openStorage(new Life(rig.scheduler.forNode('second')).options(rig.disk, {}), (error) => {
    code = error?.code ?? 'opened';
  });
  rig.scheduler.runFor(10);
  assert.equal(code, 'directoryInUse');
  rig.close();
  rig.start();
});

test('storage: used before the identity is set, after close, with a bad file size → clear errors', () => {
  const rig = new Rig();
  const storage = rig.open();
  assert.throws(
    () => storage.createGroup(G1, false),
    (error: unknown) => error instanceof QuorateError && error.code === 'invalidArgument',
  );
  rig.close();
  assert.throws(
    () => storage.flush(),
    (error: unknown) => error instanceof QuorateError && error.code === 'closed',
  );
  rig.tryOpen({ journalFileBytes: 1000 });
  assert.equal(rig.life.openError?.code, 'invalidArgument');
});

test('T16: storage: batches at, below and above what a journal file and a frame take → stored whole or refused, the log goes on', () => {
  const rig = new Rig();
  const log = rig.start().createGroup(G1, false);
  const max = 8192 - 2048;
  for (const bytes of [max - 1, max]) log.append(batch({ base: log.lastIndex + 1, bytes: bytes - 52 }));
  assert.throws(
    () => log.append(batch({ base: 3, bytes: max - 51 })),
    (error: unknown) => error instanceof QuorateError && error.code === 'recordTooLarge',
  );
  appendMany(log, 1);
  rig.settle(100);
  assert.equal(log.durableIndex, 3);
  rig.close();
  assert.deepEqual(contentOf(logOf(rig.start())), ['1@1:1', '2@1:2', '3@1:3']);
});

// The smallest that a configuration may give, and a larger one.
for (const journalFileBytes of [LIMITS.frameBytesMax, 16_777_216]) {
  test(`T16: storage: the largest batches there are, files of ${journalFileBytes} bytes → all stored, over several frames`, () => {
    const rig = new Rig({ storage: { journalFileBytes } });
    const log = rig.start().createGroup(G1, false);
    const limit = LIMITS.batchPayloadBytesMax;
    for (const bytes of [limit - 1, limit, limit, 1, limit, limit, limit, limit]) log.append(batch({ base: log.lastIndex + 1, bytes }));
    rig.settle(500);
    assert.equal(log.durableIndex, 8);
    assert.ok((rig.life.storage?.metrics.frames ?? 0) >= 4, 'split over several frames');
    rig.close();
    const back = logOf(rig.start());
    assert.equal(back.lastIndex, 8);
    assert.equal(back.read(8, 1)[0]?.length, limit + 52);
  });
}
