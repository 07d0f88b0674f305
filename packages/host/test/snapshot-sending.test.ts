import assert from 'node:assert/strict';
import test from 'node:test';
import { QuorateError, type TimerHandle, type Timers, groupId } from '@quorate/base';
import { SnapshotSending } from '@quorate/host';
import type { Raft, SnapshotReadFact, SnapshotReader } from '@quorate/raft';
import type { SnapshotFile, SnapshotRead, Storage } from '@quorate/storage';

const LENGTH = 1000;

/** A file whose reads the test ends, time that the test moves, and a core that takes down what it is told. */
class Scene {
  nowMs = 0;
  open = 0;
  readonly reads: { readonly offset: number; readonly done: SnapshotRead }[] = [];
  readonly told: { readonly fact: SnapshotReadFact; readonly bytes: Uint8Array | null }[] = [];
  timer: { readonly afterMs: number; readonly callback: () => void } | null = null;
  /** Time that the core takes for a piece. */
  stepMs = 0;
  readonly sending: SnapshotSending;
  readonly #timers: Timers = {
    set: (afterMs, callback): TimerHandle => {
      this.timer = { afterMs, callback };
      return {};
    },
    clear: () => {
      this.timer = null;
    },
    defer: () => assert.fail('nothing is deferred'),
    soon: () => assert.fail('nothing is deferred'),
  };

  constructor() {
    const file = {
      ...{ group: groupId(1), index: 9, term: 2, voters: [], loggedTimeMs: 5, length: LENGTH },
      open: () => {
        this.open++;
        const read = (offset: number, _maxBytes: number, done: SnapshotRead): unknown => this.reads.push({ offset, done });
        return { read, close: () => this.open-- };
      },
    } as unknown as SnapshotFile;
    const storage = { snapshot: () => file } as unknown as Storage;
    const clock = { nowMs: (): number => this.nowMs, wallMs: (): number => 0 };
    this.sending = new SnapshotSending(storage, groupId(1), { clock, timers: this.#timers });
  }

  begin(): SnapshotReader {
    const reader = this.sending.open();
    assert.ok(reader);
    return reader;
  }

  want(reader: SnapshotReader, offset: number): void {
    const raft = {
      snapshotRead: (fact: SnapshotReadFact, bytes: Uint8Array | null) => {
        this.nowMs += this.stepMs;
        this.told.push({ fact, bytes });
      },
    } as unknown as Raft;
    this.sending.read([{ reader, offset, maxBytes: 100 }], (step) => step(raft, this.nowMs));
  }

  /** Ends the read under way. */
  end(error: QuorateError | null = null): void {
    const read = this.reads.shift();
    assert.ok(read);
    read.done(error, error === null ? new Uint8Array(100).fill(read.offset / 10) : new Uint8Array(0));
  }

  ring(lateMs = 0): void {
    const { timer } = this;
    assert.ok(timer);
    this.timer = null;
    this.nowMs += timer.afterMs + lateMs;
    timer.callback();
  }
}

const damaged = new QuorateError('dataDamaged', 'x');

test('sending a snapshot: a piece is wanted → read, then given as a copy; one that cannot be read → null', () => {
  const scene = new Scene();
  const reader = scene.begin();
  assert.deepEqual([reader.index, reader.term, reader.head.length], [9, 2, LENGTH]);
  scene.want(reader, 100);
  assert.deepEqual([scene.reads.length, scene.told.length], [1, 0]);
  const shared = new Uint8Array(100).fill(10);
  scene.reads.shift()?.done(null, shared);
  shared.fill(0xee);
  assert.deepEqual(scene.told[0]?.bytes, new Uint8Array(100).fill(10), 'what was read into is used again');
  scene.want(reader, 200);
  scene.end(damaged);
  assert.deepEqual([scene.told[1]?.bytes, scene.told[1]?.fact.offset], [null, 200]);
  reader.close();
  assert.equal(scene.open, 0);
});

test('sending a snapshot: something else is wanted while a piece is read → that is given, the other is not', () => {
  const scene = new Scene();
  const reader = scene.begin();
  scene.want(reader, 500);
  scene.want(reader, 0);
  assert.equal(scene.reads.length, 1, 'one read at a time');
  scene.end();
  scene.end();
  assert.deepEqual(
    scene.told.map(({ fact }) => fact.offset),
    [0],
  );
});

test('sending a snapshot: closed while a piece is read, or in a rest → nothing is told any more, nothing is set', () => {
  const scene = new Scene();
  const one = scene.begin();
  scene.want(one, 0);
  one.close();
  scene.want(one, 100);
  assert.equal(scene.reads.length, 1);
  scene.reads.length = 0;
  const two = scene.begin();
  scene.stepMs = 1;
  scene.want(two, 0);
  scene.end();
  assert.ok(scene.timer);
  two.close();
  assert.deepEqual([scene.timer, scene.told.length, scene.open], [null, 1, 0]);
});

test('sending a snapshot: the same piece is wanted for five seconds → it does not get on; it does with another one, also of an earlier place', () => {
  const scene = new Scene();
  const reader = scene.begin();
  const movesAfter = (ms: number): boolean => {
    scene.nowMs += ms;
    return scene.sending.isMoving;
  };
  scene.want(reader, 0);
  assert.deepEqual([movesAfter(4999), movesAfter(1)], [true, false]);
  scene.want(reader, 0);
  assert.equal(movesAfter(0), false);
  scene.want(reader, 100);
  assert.deepEqual([movesAfter(4999), movesAfter(1)], [true, false]);
  scene.want(reader, 0);
  assert.equal(movesAfter(0), true);
  reader.close();
  assert.equal(movesAfter(0), false);
});

test('pace: pieces wanted at once after each other → not before a rest of three times the work, or of as long as the loop is late; 15 ms at most', () => {
  const scene = new Scene();
  const reader = scene.begin();
  scene.stepMs = 1;
  const rests: number[] = [];
  scene.want(reader, 0);
  for (const lateMs of [0, 9, 500, 0, 0]) {
    assert.equal(scene.reads.length, 1, 'the rest is over: it is read');
    const told = scene.told.length;
    scene.end();
    assert.equal(scene.told.length, told + 1);
    scene.want(reader, 100 * (told + 1));
    assert.equal(scene.reads.length, 0, 'in a rest nothing is read for the core');
    rests.push(scene.timer?.afterMs ?? 0);
    scene.ring(lateMs);
  }
  assert.deepEqual(rests, [3, 3, 9, 15, 3]);
});
