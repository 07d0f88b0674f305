import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError, SeededRandom } from '@quorate/base';
import type { HeldLock, Leader, Leadership, MapEvent } from '@quorate/resources';
import { FakeCluster } from './faces-cluster.js';

const CLIENTS = 3;
const EXPECTED = new Set(['aborted', 'cancelled', 'sessionExpired', 'lockTimeout', 'unavailable', 'deadlineExceeded', 'notHeld', 'fenced']);

/** A watch and what it gave. */
interface Watch {
  readonly prefix: string;
  readonly seen: MapEvent<number>[];
  /** Versions of writes of the same client, made after the watch and acknowledged. */
  readonly own: number[];
  /** Undefined: it goes on. */
  end: unknown;
  stop(): void;
}

type Held = { readonly held: HeldLock | Leadership; end(): Promise<void> };

/** One client that does as it is told and remembers what came of it. */
class User {
  readonly #run: Run;
  readonly client: ReturnType<FakeCluster['resources']>;
  readonly locks: Held[] = [];
  readonly leaderships: Held[] = [];
  readonly waiting = new Map<Promise<void>, AbortController>();
  readonly watches: Watch[] = [];

  constructor(run: Run) {
    this.#run = run;
    this.client = run.cluster.resources();
  }

  claim(kind: 'lock' | 'election', waitMs: number): void {
    const controller = new AbortController();
    const { resources } = this.client;
    const { signal } = controller;
    const claim =
      kind === 'lock'
        ? resources.lock('lock').acquire(waitMs === 0 ? { signal } : { waitMs, signal })
        : resources.election<number>('election').campaign(waitMs, { signal });
    const promise: Promise<void> = claim.then(
      (held) => {
        this.waiting.delete(promise);
        const list = kind === 'lock' ? this.locks : this.leaderships;
        list.push({ held, end: () => ('release' in held ? held.release() : held.resign()) });
        this.#run.granted(kind, held);
        return undefined;
      },
      (error: unknown) => {
        this.waiting.delete(promise);
        expected(error);
      },
    );
    this.waiting.set(promise, controller);
  }

  giveUp(kind: 'lock' | 'election'): void {
    const held = (kind === 'lock' ? this.locks : this.leaderships).shift();
    if (held !== undefined) this.#run.also(held.end());
  }

  write(key: string, value: number): void {
    const watches = [...this.watches];
    const set = this.client.resources
      .map<number>('map')
      .set(key, value)
      .then(({ version }) => {
        for (const { prefix, own } of watches) if (key.startsWith(prefix)) own.push(version);
        return undefined;
      });
    this.#run.also(set);
  }

  watch(prefix: string): void {
    const changes = this.client.resources.map<number>('map').watch({ prefix });
    const watch: Watch = { prefix, seen: [], own: [], end: undefined, stop: () => void changes.return() };
    this.watches.push(watch);
    void (async () => {
      for await (const change of changes) watch.seen.push(change);
    })().then(
      () => (watch.end = 'left'),
      (error: unknown) => (watch.end = error),
    );
  }
}

/** All clients of one run and what must hold at any moment. */
class Run {
  readonly cluster = new FakeCluster();
  readonly users: User[] = [];
  readonly #tokens = { lock: [] as number[], election: [] as number[] };
  readonly #others = new Set<Promise<unknown>>();

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.cluster.delayMs = () => random.nextUint32() % 8;
    for (let i = 0; i < CLIENTS; i++) this.users.push(new User(this));
  }

  granted(kind: 'lock' | 'election', { token }: HeldLock | Leadership): void {
    assert.ok(!this.#tokens[kind].includes(token.index), `token ${token.index} was given twice`);
    this.#tokens[kind].push(token.index);
  }

  also(promise: Promise<unknown>): void {
    const settled: Promise<unknown> = promise.then(() => undefined, expected).then(() => this.#others.delete(settled));
    this.#others.add(settled);
  }

  check(): void {
    for (const kind of ['locks', 'leaderships'] as const) {
      const held = this.users.flatMap((user) => user[kind]).filter(({ held: { isHeld } }) => isHeld);
      assert.ok(held.length <= 1, `${held.length} hold it at once`);
      for (const { held: one } of this.users.flatMap((user) => user[kind])) assert.equal(one.isHeld, !one.lost.aborted);
    }
  }

  /** Everything is given up as soon as it is held: nobody may be left waiting. */
  async finish(): Promise<void> {
    const { time } = this.cluster;
    for (const { client } of this.users) client.commands.cut(false);
    for (let round = 0; round < 500; round++) {
      await time.runFor(50);
      this.check();
      for (const user of this.users) for (const kind of ['lock', 'election'] as const) user.giveUp(kind);
      if (this.users.every(({ waiting }) => waiting.size === 0) && this.#others.size === 0) return;
    }
    assert.fail('somebody waits for ever');
  }
}

function expected(error: unknown): void {
  assert.ok(error instanceof QuorateError && EXPECTED.has(error.code), String(error));
}

const step = fc.record({
  user: fc.nat(CLIENTS - 1),
  what: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constant('claim' as const),
        kind: fc.constantFrom('lock', 'election'),
        waitMs: fc.constantFrom(0, 0, 10, 100),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('giveUp' as const), kind: fc.constantFrom('lock', 'election') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('abort' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), afterMs: fc.nat(30) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), isCut: fc.boolean() }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), key: fc.constantFrom('a', 'b', 'ab', 'ba') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('watch' as const), prefix: fc.constantFrom('', 'a', 'b') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const) }) },
  ),
  waitMs: fc.constantFrom(0, 0, 0, 1, 3, 10, 40),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function perform(run: Run, { user: at, what }: Step, value: number): void {
  const user = run.users[at] as User;
  const { commands } = user.client;
  switch (what.do) {
    case 'claim':
      user.claim(what.kind, what.waitMs);
      return;
    case 'giveUp':
      user.giveUp(what.kind);
      return;
    case 'abort':
      for (const controller of user.waiting.values()) controller.abort();
      return;
    case 'lose':
      commands.lose(what.afterMs);
      return;
    case 'cut':
      commands.cut(what.isCut);
      return;
    case 'write':
      user.write(what.key, value);
      return;
    case 'watch':
      user.watch(what.prefix);
      return;
    default:
      user.watches.find(({ end }) => end === undefined)?.stop();
  }
}

test('T57, T66, rule 21: random use of locks, elections and watches with lost sessions → one holder, nobody forgotten, each change once in order', async () => {
  let grants = 0;
  let changes = 0;
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 20, maxLength: 120, size: 'max' }), async (seed, steps) => {
      const run = new Run(seed);
      const { time } = run.cluster;
      const witness = run.cluster.resources().resources;
      const truth: MapEvent<number>[] = [];
      const all = witness.map<number>('map').watch();
      void (async () => {
        for await (const change of all) truth.push(change);
      })();
      const leaders: (Leader<number> | null)[] = [];
      const observed = witness.election<number>('election').observe();
      void (async () => {
        for await (const leader of observed) leaders.push(leader);
      })();
      await time.runFor(50);
      for (const [value, each] of steps.entries()) {
        perform(run, each, value);
        await time.runFor(each.waitMs);
        run.check();
      }
      await run.finish();
      await time.runFor(1000);
      assert.deepEqual(
        truth.map(({ version }) => version),
        truth.map((_, i) => i + 1),
      );
      for (const { seen, prefix, own, end } of run.users.flatMap(({ watches }) => watches)) {
        const first = seen[0]?.version ?? own[0] ?? truth.length + 1;
        const last = end === undefined ? truth.length : (seen.at(-1)?.version ?? 0);
        const between = truth.filter(({ key, version }) => key.startsWith(prefix) && version >= first && version <= last);
        assert.deepEqual(seen, between);
        if (end === undefined)
          for (const version of own)
            assert.ok(
              seen.some((change) => change.version === version),
              `version ${version} was missed`,
            );
        const hasNotBegun = end instanceof QuorateError && end.code === 'sessionExpired' && seen.length === 0;
        assert.ok(end === undefined || end === 'left' || hasNotBegun, String(end));
        changes += seen.length;
      }
      assert.equal(await time.until(witness.lock('lock').holder()), null);
      assert.equal(leaders.at(-1), null);
      const terms = leaders.flatMap((leader) => (leader === null ? [] : [leader.token.index]));
      assert.deepEqual(
        terms,
        [...new Set(terms)].toSorted((x, y) => x - y),
      );
      grants += terms.length;
      assert.deepEqual(run.cluster.thrown, []);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 40) },
  );
  // So that the test cannot pass by doing nothing.
  assert.ok(grants > 20 && changes > 50, `${grants} grants, ${changes} changes`);
});
