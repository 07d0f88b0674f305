import assert from 'node:assert/strict';
import test from 'node:test';
import { type QuorateError as Fault, QuorateError, type TimerHandle, type Timers, groupId } from '@quorate/base';
import { LogKeeping, SlicedWork, SnapshotQueue, SnapshotTaking } from '@quorate/host';
import type { MachineSnapshot } from '@quorate/machine';
import type { SnapshotFile, SnapshotWriter } from '@quorate/storage';
import fc from 'fast-check';

/** A clock that moves only when told, and a queue of what was deferred. */
class Loop {
  nowMs = 0;
  readonly deferred: (() => void)[] = [];
  readonly clock = { nowMs: (): number => this.nowMs, wallMs: (): number => 0 };
  readonly timers: Timers = {
    set: (): TimerHandle => ({}),
    clear: (): void => {},
    defer: (callback: () => void): void => {
      this.deferred.push(callback);
    },
    soon: (callback: () => void): void => {
      this.deferred.push(callback);
    },
  };

  turn(): boolean {
    const next = this.deferred.shift();
    next?.();
    return next !== undefined;
  }
}

test('snapshots: work of many steps → no slice is longer than its time and one step, other work comes in between', () => {
  const loop = new Loop();
  let steps = 0;
  let isDone = false;
  new SlicedWork({
    ports: loop,
    step: () => {
      loop.nowMs += 1.2;
      return ++steps === 100 ? 'over' : 'more';
    },
    done: (error) => {
      assert.equal(error, null);
      isDone = true;
    },
    pace: null,
  });
  assert.equal(steps, 0, 'never within the call');
  while (!isDone) {
    const before = loop.nowMs;
    assert.ok(loop.turn());
    assert.ok(loop.nowMs - before <= 3 + 1.2);
  }
  assert.equal(steps, 100);
  assert.equal(loop.turn(), false);
});

test('snapshots: work that throws, or is cancelled, also by its own step → told once, or never', () => {
  const loop = new Loop();
  const told: (Fault | null)[] = [];
  const done = (error: Fault | null): void => {
    told.push(error);
  };
  new SlicedWork({
    ports: loop,
    step: () => {
      throw new QuorateError('dataDamaged', 'x');
    },
    done,
    pace: null,
  });
  while (loop.turn());
  assert.deepEqual(
    told.map((error) => error?.code),
    ['dataDamaged'],
  );
  const work = new SlicedWork({ ports: loop, step: () => 'more', done, pace: null });
  loop.turn();
  work.cancel();
  let steps = 0;
  const cancelledWithin: SlicedWork = new SlicedWork({
    ports: loop,
    step: () => {
      steps++;
      cancelledWithin.cancel();
      return steps === 2 ? 'over' : 'more';
    },
    done,
    pace: null,
  });
  while (loop.turn());
  assert.equal(told.length, 1);
  assert.equal(steps, 1);
});

test('snapshots: work that waits → nothing is done before it is told to go on, and told twice is told once', () => {
  const loop = new Loop();
  let steps = 0;
  let ended = 0;
  const work = new SlicedWork({
    ports: loop,
    step: () => (++steps % 3 === 0 ? 'waits' : steps === 8 ? 'over' : 'more'),
    done: () => ended++,
    pace: null,
  });
  for (const upTo of [3, 6]) {
    while (loop.turn());
    assert.deepEqual([steps, ended], [upTo, 0]);
    work.goOn();
    work.goOn();
    assert.equal(steps, upTo, 'never within the call');
  }
  while (loop.turn());
  assert.deepEqual([steps, ended], [8, 1]);
});

test('snapshots: the bytes of a log by index → as a plain list of batches says, to within the distance of two marks', () => {
  const action = fc.oneof(
    { weight: 20, arbitrary: fc.record({ bytes: fc.integer({ min: 50, max: 20_000 }) }) },
    { weight: 1, arbitrary: fc.record({ drop: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), fc.array(action, { maxLength: 600, size: 'max' }), (start, actions) => {
      const keeping = new LogKeeping(start);
      let batches: { index: number; bytes: number }[] = [];
      let index = start;
      let total = 0;
      for (const each of actions) {
        if ('bytes' in each) {
          keeping.applied(++index, each.bytes);
          batches.push({ index, bytes: each.bytes });
          total += each.bytes;
        } else {
          const at = Math.floor(start + (index - start) * each.drop);
          keeping.dropped(at);
          batches = batches.filter((batch) => batch.index > at);
        }
      }
      const after = (from: number): number => batches.reduce((sum, batch) => sum + (batch.index > from ? batch.bytes : 0), 0);
      const slack = 2 * 20_000 + total / 64;
      for (const part of [0, 0.3, 0.7, 1]) {
        const bytes = after(0) * part;
        const found = keeping.indexBefore(bytes);
        if (found !== null && bytes > 0)
          assert.ok(after(found) >= bytes || found < (batches[0]?.index ?? 0) - 1, 'never less than asked for');
        if (found !== null && bytes > 0) assert.ok(after(found) <= bytes + slack, 'not much more');
        const from = batches[0] === undefined ? index : batches[0].index - 1;
        const at = Math.floor(from + (index - from) * part);
        assert.ok(keeping.bytesAfter(at) >= after(at), 'never too few');
        assert.ok(keeping.bytesAfter(at) <= after(at) + slack, 'not many too many');
      }
    }),
    { numRuns: 200 },
  );
});

test('T41: several groups want to write → one at a time, in order; one that no longer wants to is left out; done twice counts once', () => {
  const queue = new SnapshotQueue();
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const taker = (name: string): { take: (done: () => void) => void } => ({
    take: (done) => {
      begun.push(name);
      ends.push(done);
    },
  });
  const [a, b, c] = [taker('a'), taker('b'), taker('c')] as const;
  for (const each of [a, b, c]) queue.add(each);
  assert.deepEqual(begun, ['a']);
  assert.equal(queue.metrics.taking, 1);
  queue.remove(b);
  ends[0]?.();
  assert.deepEqual(begun, ['a', 'c']);
  ends[0]?.();
  queue.add(b);
  assert.deepEqual(begun, ['a', 'c'], 'c is still being written');
  ends[1]?.();
  ends[2]?.();
  assert.deepEqual(begun, ['a', 'c', 'b']);
  assert.equal(queue.metrics.taking, 0);
});

test('snapshots: a snapshot is written, fails at any step, or is given up → the view of the state is released, told once', () => {
  const pieces = [1, 2, 3].map((byte) => Uint8Array.of(byte));
  for (const failAt of [-1, 0, 1, 2, 3]) {
    for (const how of ['told', 'aborted', 'thrown'] as const) {
      const loop = new Loop();
      let left = pieces.length;
      let isReleased = false;
      let aborted = 0;
      let steps = 0;
      const state = {
        next: () => {
          if (how === 'thrown' && pieces.length - left === failAt) throw new QuorateError('invariantBroken', 'x');
          return left === 0 ? null : (pieces[pieces.length - left--] ?? null);
        },
        release: () => {
          isReleased = true;
        },
      } as unknown as MachineSnapshot;
      const error = new QuorateError('diskFull', 'x');
      let abortError: Fault | null = null;
      const step = (done: (error: Fault | null) => void): void => {
        const fault = how === 'told' && steps++ === failAt ? error : null;
        loop.timers.defer(() => done(abortError ?? fault));
      };
      const file = { group: groupId(1), index: 9 } as unknown as SnapshotFile;
      const writer = {
        write: (_: Uint8Array, done: (fault: Fault | null) => void) => step(done),
        finish: (done: (fault: Fault | null, file: SnapshotFile | null) => void) =>
          step((fault) => done(fault, fault === null ? file : null)),
        abort: () => {
          aborted++;
          abortError = new QuorateError('aborted', 'x');
        },
      } as unknown as SnapshotWriter;
      const told: unknown[] = [];
      const done = (fault: Fault | null, result: SnapshotFile | null): unknown => told.push(fault?.code ?? result?.index);
      const taking = new SnapshotTaking({ state, writer, ports: loop, appliedBytes: () => 1e9, done });
      taking.start();
      for (let turn = 0; ; turn++) {
        if (how === 'aborted' && turn === failAt) taking.abort();
        if (!loop.turn()) break;
      }
      const expected = { told: 'diskFull', aborted: 'aborted', thrown: 'invariantBroken' }[how];
      assert.deepEqual(told, [failAt < 0 ? 9 : expected], `${how} at ${failAt}`);
      assert.ok(isReleased);
      assert.equal(aborted > 0, failAt >= 0 && how !== 'told');
    }
  }
});

/** Virtual time: timers fire when the clock is moved to them, `lateMs` after their time. */
class TimedLoop extends Loop {
  lateMs = 0;
  readonly rests: number[] = [];
  #timer: { readonly atMs: number; readonly callback: () => void } | null = null;
  override readonly timers: Timers = {
    set: (delayMs: number, callback: () => void): TimerHandle => {
      this.rests.push(delayMs);
      this.#timer = { atMs: this.nowMs + delayMs + this.lateMs, callback };
      return {};
    },
    clear: (): void => {
      this.#timer = null;
    },
    defer: (callback: () => void): void => {
      this.deferred.push(callback);
    },
    soon: (callback: () => void): void => {
      this.deferred.push(callback);
    },
  };

  override turn(): boolean {
    if (super.turn()) return true;
    const timer = this.#timer;
    if (timer === null) return false;
    this.#timer = null;
    this.nowMs = timer.atMs;
    timer.callback();
    return true;
  }
}

/** A snapshot of so many pieces, each of which takes `workMs`; gives how long it took. */
function takeIn(loop: TimedLoop, init: { pieces: number; workMs: number; appliedBytes?: () => number }): { ms: number; told: unknown[] } {
  let left = init.pieces;
  const state = {
    next: (bytes: number) => {
      loop.nowMs += left === 0 ? 0 : init.workMs;
      return left-- === 0 ? null : new Uint8Array(bytes);
    },
    release: () => {},
  } as unknown as MachineSnapshot;
  const step = (done: (error: null) => void): void => loop.timers.defer(() => done(null));
  const writer = { write: (_: Uint8Array, done: () => void) => step(done), finish: (done: () => void) => step(done) };
  const told: unknown[] = [];
  const taking = new SnapshotTaking({
    state,
    writer: writer as unknown as SnapshotWriter,
    ports: loop,
    appliedBytes: init.appliedBytes ?? ((): number => 0),
    done: (error) => told.push(error),
  });
  const sinceMs = loop.nowMs;
  taking.start();
  while (loop.turn());
  assert.equal(told.length, 1);
  return { ms: loop.nowMs - sinceMs, told };
}

test('pace: a calm loop → a snapshot takes a quarter of its time', () => {
  const loop = new TimedLoop();
  const { ms } = takeIn(loop, { pieces: 100, workMs: 1 });
  assert.equal(ms, 400);
  assert.deepEqual(new Set(loop.rests), new Set([3]));
});

test('pace: a loop that is late → longer rests, never more than 5 ms, and the snapshot ends', () => {
  const loop = new TimedLoop();
  loop.lateMs = 4;
  takeIn(loop, { pieces: 10, workMs: 0.1 });
  assert.deepEqual(loop.rests, [1, ...Array.from({ length: 9 }, () => 4)]);
  loop.lateMs = 1000;
  loop.rests.length = 0;
  takeIn(loop, { pieces: 10, workMs: 50 });
  assert.deepEqual(new Set(loop.rests), new Set([5]));
});

test('pace: as much is applied meanwhile as the loop can take → no rests before one and a half times as much is written', () => {
  const loop = new TimedLoop();
  loop.lateMs = 5;
  takeIn(loop, { pieces: 100, workMs: 1, appliedBytes: () => 40 * 65_536 });
  assert.equal(loop.rests.length, 100 - 59, 'rests begin with the piece that makes 60 of them');
});

test('pace: given up in a rest → told at once, the writer is not touched again', () => {
  const loop = new TimedLoop();
  let calls = 0;
  const state = { next: (bytes: number) => new Uint8Array(bytes), release: () => {} } as unknown as MachineSnapshot;
  const writer = {
    write: (_: Uint8Array, done: (error: null) => void) => {
      calls++;
      loop.nowMs += 1;
      loop.timers.defer(() => done(null));
    },
    finish: () => calls++,
    abort: () => {},
  } as unknown as SnapshotWriter;
  const told: (Fault | null)[] = [];
  const taking = new SnapshotTaking({ state, writer, ports: loop, appliedBytes: () => 0, done: (error) => told.push(error) });
  taking.start();
  loop.turn();
  assert.equal(loop.rests.length, 1);
  taking.abort();
  while (loop.turn());
  assert.deepEqual([told.map((error) => error?.code), calls], [['aborted'], 1]);
});
