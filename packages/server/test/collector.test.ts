import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type CollectionKind, Collections, CollectorTuning, type CollectorTuningOptions } from '@quorate/server';

const MIB = 1_048_576;

/** A tuning of a node that is told of collections by the test. */
class Tuned {
  bytes = 10 * MIB;
  halfBytes = 2 * MIB;
  /** True while it is told of any. */
  isTold = false;
  #told: (kind: CollectionKind) => void = () => {};
  readonly #set: string[] = [];
  readonly #tuning: CollectorTuning;

  constructor(flags: CollectorTuningOptions['flags'] = []) {
    this.#tuning = new CollectorTuning({
      bytes: () => this.bytes,
      collections: (told) => {
        this.#told = told;
        this.isTold = true;
        return { stop: () => void (this.isTold = false) };
      },
      halfBytes: () => this.halfBytes,
      flags,
      setFlag: (flag) => this.#set.push(flag),
    });
  }

  collect(kind: CollectionKind): void {
    if (this.isTold) this.#told(kind);
  }

  /** What was set since this was asked last. */
  set(): string[] {
    return this.#set.splice(0);
  }

  stop(): void {
    this.#tuning.stop();
  }
}

test('collector: the state grows large and small again → room between collections in proportion while it is large, V8 decides otherwise', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tuned = new Tuned();
  const setAt = (mib: number): string[] => {
    tuned.bytes = mib * MIB;
    t.mock.timers.tick(1000);
    return tuned.set();
  };
  assert.deepEqual(setAt(100), []);
  assert.deepEqual(setAt(128), ['--heap-growing-percent=300']);
  assert.deepEqual(setAt(200), []);
  assert.deepEqual(setAt(1024), ['--heap-growing-percent=1422']);
  assert.deepEqual(setAt(1100), []);
  assert.deepEqual(setAt(10), ['--heap-growing-percent=0']);
  tuned.stop();
  assert.deepEqual(setAt(200), []);
  assert.equal(tuned.isTold, false);
});

test('collector: a small node collects all the time → the least room until it has hardly collected for half a minute, and the room of its state beside it', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tuned = new Tuned();
  /** `ms` long, so many full collections, and as many young ones, in each half second. */
  const setIn = (ms: number, perLook: (look: number) => number): string[] => {
    for (let look = 0; look < ms / 500; look++) {
      for (let i = 0; i < perLook(look); i++) {
        tuned.collect('full');
        tuned.collect('young');
      }
      t.mock.timers.tick(500);
    }
    return tuned.set();
  };
  const each = (count: number) => (): number => count;
  const everySecond = (look: number): number => look % 2;
  // A few a second bring back as much as they cost.
  assert.deepEqual(setIn(1000, each(2)), []);
  assert.deepEqual(setIn(1000, each(3)), ['--heap-growing-percent=300']);
  assert.deepEqual(setIn(60_000, everySecond), []);
  tuned.bytes = 1024 * MIB;
  assert.deepEqual(setIn(500, each(0)), ['--heap-growing-percent=1422']);
  tuned.bytes = 10 * MIB;
  assert.deepEqual(setIn(500, each(0)), ['--heap-growing-percent=300']);
  assert.deepEqual(setIn(24_000, each(0)), []);
  assert.deepEqual(setIn(5000, each(0)), ['--heap-growing-percent=0']);
  assert.deepEqual(setIn(60_000, each(1)), []);
  tuned.stop();
});

test('collector: young space of a node grows → no further than 8 MiB a half while the state is small, as V8 likes while it is large', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const tuned = new Tuned();
  let kind: CollectionKind = 'full';
  const setAt = (halfMib: number): string[] => {
    tuned.halfBytes = halfMib * MIB;
    kind = kind === 'full' ? 'young' : 'full';
    tuned.collect(kind);
    return tuned.set();
  };
  assert.deepEqual(setAt(1), []);
  assert.deepEqual(setAt(4), []);
  assert.deepEqual(setAt(7.9), ['--semi-space-growth-factor=1']);
  assert.deepEqual(setAt(7.9), []);
  assert.deepEqual(setAt(4), ['--semi-space-growth-factor=2'], 'V8 took some back');
  assert.deepEqual(setAt(7.9), ['--semi-space-growth-factor=1']);
  tuned.bytes = 500 * MIB;
  t.mock.timers.tick(1000);
  assert.equal(tuned.set().length, 1, 'the room');
  assert.deepEqual(setAt(7.9), ['--semi-space-growth-factor=2']);
  assert.deepEqual(setAt(15.8), []);
  tuned.stop();
});

test('collections: some in this process → told of, each once', async (t) => {
  let full = 0;
  let young = 0;
  const collections = new Collections((kind) => (kind === 'full' ? full++ : young++));
  t.after(() => collections.stop());
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  for (let i = 0; i < 3; i++) {
    collect();
    collect({ type: 'minor' });
    collect({ type: 'minor' });
  }
  const until = performance.now() + 10_000;
  while ((full < 3 || young < 6) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(full, 3);
  // Node may need some itself.
  assert.ok(young >= 6 && young < 12, String(young));
});

test('collector: users set flags → those stay, the other one is set', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const setWith = (...flags: string[]): string[] | null => {
    const tuned = new Tuned(flags);
    const { isTold } = tuned;
    tuned.halfBytes = 7.9 * MIB;
    tuned.collect('young');
    tuned.bytes = 500 * MIB;
    t.mock.timers.tick(5000);
    const set = tuned.set();
    tuned.stop();
    return isTold ? set : null;
  };
  assert.deepEqual(setWith('--heap_growing_percent=50'), ['--semi-space-growth-factor=1']);
  assert.deepEqual(setWith('--max-semi-space-size=16'), ['--heap-growing-percent=533']);
  assert.deepEqual(setWith('--heap-growing-percent=50', '--semi-space-growth-factor=2'), null, 'nothing is set, nor looked at');
});

test('young space: V8 is told to keep it small → it does, in a process whose garbage lives for a while', async () => {
  // In a process of its own: how large it is here depends on the tests before.
  const script = `
    import { CollectorTuning } from '@quorate/server';
    import { getHeapSpaceStatistics } from 'node:v8';
    const half = () => { const { space_used_size: used, space_available_size: free } = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space'); return used + free; };
    const tuning = process.argv[1] === 'tuned' ? new CollectorTuning({ bytes: () => 0 }) : null;
    let kept = [];
    const until = performance.now() + 1500;
    const turn = () => {
      for (let i = 0; i < 20_000; i++) { kept.push({ i }); if (kept.length > 100_000) kept = []; }
      if (performance.now() < until) setImmediate(turn);
      else { console.log(half() / ${MIB}); tuning?.stop(); }
    };
    turn();`;
  const halfMib = (how: string): Promise<number> =>
    new Promise((resolve, reject) => {
      execFile(process.execPath, ['--input-type=module', '-e', script, how], { cwd: import.meta.dirname }, (error, out) =>
        error === null ? resolve(Number(out)) : reject(error),
      );
    });
  const [tuned, plain] = [await halfMib('tuned'), await halfMib('plain')];
  assert.ok(tuned <= 8 && tuned > 6, `${tuned} MiB`);
  assert.ok(plain > 12, `V8 by itself: ${plain} MiB`);
});
