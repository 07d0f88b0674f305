import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import type { Ready, SnapshotReadFact, SnapshotRequest } from '@quorate/raft';
import { Cluster, electLeader, others } from './harness/cluster.js';
import type { PlainReader } from './harness/machine.js';

/** A leader that is to send a snapshot of 200 bytes in pieces of 64, whose reads the test does by hand. */
class Scene {
  readonly cluster = new Cluster({ nodes: 3 });
  readonly leader: number;
  readonly away: number;
  /** What the core asked for and nobody has read. */
  facts: SnapshotReadFact[] = [];
  readonly sent: SnapshotRequest[] = [];

  constructor() {
    const { cluster } = this;
    this.leader = electLeader(cluster);
    cluster.run(100);
    this.away = others(this.leader)[0] as number;
    cluster.crash(this.away);
    for (let i = 0; i < 10; i++) cluster.propose(this.leader, `missed ${i}`);
    cluster.run(200);
    assert.ok(cluster.compact(this.leader, { bytes: 200 }) > 0);
    const raft = cluster.raft(this.leader);
    const ready = raft.ready.bind(raft);
    raft.ready = (): Ready => {
      const taken = ready();
      this.facts.push(...taken.snapshotReads);
      return { ...taken, snapshotReads: [] };
    };
    cluster.filter = ({ message }) => {
      if (message.type === 'snapshotRequest') this.sent.push(message);
      return true;
    };
    cluster.restart(this.away);
    cluster.run(50);
  }

  /** The one thing that is to be read now. */
  take(): SnapshotReadFact {
    const [fact] = this.facts;
    assert.ok(fact !== undefined && this.facts.length === 1, `${this.facts.length} pieces to be read`);
    this.facts = [];
    return fact;
  }

  give(fact: SnapshotReadFact, bytes: Uint8Array | null = (fact.reader as PlainReader).read(fact.offset, fact.maxBytes)): void {
    this.cluster.act(this.leader, (raft) => raft.snapshotRead(fact, bytes, this.cluster.nowMs));
  }

  get openReaders(): number {
    return this.cluster.member(this.leader).openReaders;
  }
}

test('snapshot reads: the disk takes its time → one piece is asked for, nothing is sent, heartbeats go on; then it is sent, and the next is asked for', () => {
  const scene = new Scene();
  const { cluster } = scene;
  const { term } = cluster.raft(scene.leader);
  const first = scene.take();
  assert.deepEqual([first.offset, first.maxBytes], [0, 64]);
  cluster.run(3000);
  assert.deepEqual([scene.facts.length, scene.sent.length, scene.openReaders], [0, 0, 1]);
  assert.deepEqual([cluster.leader, cluster.raft(scene.leader).term], [scene.leader, term], 'nobody stands for election');
  for (const offset of [0, 64, 128, 192]) {
    const fact = offset === 0 ? first : scene.take();
    assert.equal(fact.offset, offset);
    scene.give(fact);
    cluster.run(30);
  }
  assert.deepEqual(
    scene.sent.map((message) => [message.offset, message.bytes.length, message.isLast]),
    [
      [0, 64, false],
      [64, 64, false],
      [128, 64, false],
      [192, 8, true],
      [200, 0, true],
    ],
  );
  cluster.run(100);
  assert.deepEqual([cluster.member(scene.away).installs, scene.openReaders], [1, 0]);
  cluster.checkConverged();
});

test('snapshot reads: a part of what was asked for is read → it is sent, and the rest is asked for', () => {
  const scene = new Scene();
  let pieces = 0;
  for (let fact = scene.take(); ; fact = scene.take()) {
    pieces++;
    scene.give(fact, (fact.reader as PlainReader).read(fact.offset, 7));
    scene.cluster.run(30);
    if (scene.facts.length === 0) break;
  }
  assert.equal(pieces, Math.ceil(200 / 7));
  scene.cluster.run(100);
  assert.equal(scene.cluster.member(scene.away).installs, 1);
  scene.cluster.checkConverged();
});

for (const [what, bytes] of [
  ['cannot be read', null],
  ['is empty', new Uint8Array(0)],
  ['is longer than the snapshot', new Uint8Array(201)],
] as const) {
  test(`snapshot reads: a piece ${what} → the transfer is given up, and begun anew with a heartbeat`, () => {
    const scene = new Scene();
    scene.give(scene.take());
    scene.cluster.run(10);
    const second = scene.take();
    scene.give(second, bytes);
    assert.deepEqual([scene.openReaders, scene.sent.length, scene.facts.length], [0, 1, 0]);
    scene.cluster.run(100);
    const again = scene.take();
    assert.notEqual(again.reader, second.reader);
    assert.deepEqual([again.offset, scene.openReaders], [64, 1], 'it goes on where it was');
    for (let fact = again; ; fact = scene.take()) {
      scene.give(fact);
      scene.cluster.run(30);
      if (scene.facts.length === 0) break;
    }
    scene.cluster.run(100);
    assert.equal(scene.cluster.member(scene.away).installs, 1);
  });
}

test('T39: the connection breaks while a piece is read → what comes of that read is not sent; the piece is asked for anew', () => {
  const scene = new Scene();
  const old = scene.take();
  const bytes = (old.reader as PlainReader).read(0, 64);
  scene.cluster.act(scene.leader, (raft) => {
    raft.connectionLost(nodeId(scene.away), scene.cluster.nowMs);
    raft.connectionOpened(nodeId(scene.away), scene.cluster.nowMs);
  });
  scene.cluster.run(100);
  const fact = scene.take();
  assert.notEqual(fact.reader, old.reader);
  scene.give(old, bytes);
  scene.cluster.run(30);
  assert.deepEqual([scene.sent.length, scene.facts.length], [0, 0]);
  scene.give(fact);
  assert.equal(scene.sent.length, 1);
});

test('T39: the peer says that it began anew while a later piece is read → the first is asked for; the later one is not sent', () => {
  const scene = new Scene();
  scene.give(scene.take());
  scene.cluster.run(10);
  const second = scene.take();
  assert.equal(second.offset, 64);
  const { term, commitIndex } = scene.cluster.raft(scene.leader);
  assert.ok(commitIndex > 0);
  const answer = { type: 'snapshotResponse', term, snapshotIndex: second.reader.index, receivedBytes: 0, isInstalled: false } as const;
  scene.cluster.act(scene.leader, (raft) => raft.step(nodeId(scene.away), answer, scene.cluster.nowMs));
  const first = scene.take();
  assert.deepEqual([first.offset, first.reader === second.reader], [0, true]);
  scene.give(second);
  assert.equal(scene.sent.length, 1);
  scene.give(first);
  assert.deepEqual([scene.sent.length, scene.sent[1]?.offset, scene.sent[1]?.head?.length], [2, 0, 200]);
});

test('snapshot reads: leadership ends while a piece is read → the reader is closed, and what comes of the read changes nothing', () => {
  const scene = new Scene();
  const fact = scene.take();
  const bytes = (fact.reader as PlainReader).read(0, 64);
  scene.cluster.isolate(scene.leader);
  scene.cluster.run(2000);
  assert.notEqual(scene.cluster.raft(scene.leader).role, 'leader');
  assert.equal(scene.openReaders, 0);
  scene.give(fact, bytes);
  assert.equal(scene.sent.filter(({ term }) => term === 1).length, 0);
});
