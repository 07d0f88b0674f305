// What resources promise to whoever uses them, wherever the replica is. A case gets clients of sessions of their own, names that nobody else has,
// and a `sleep` of the time that its replicas live in.
import assert from 'node:assert/strict';
import { bytes, text } from '@quorate/resources';

/** The code that a call is refused with. */
async function codeOf(promise) {
  try {
    const value = await promise;
    return `resolved: ${JSON.stringify(value)}`;
  } catch (error) {
    if (error?.name !== 'QuorateError') throw error;
    return error.code;
  }
}

async function all(generator) {
  const items = [];
  for await (const item of generator) items.push(item);
  return items;
}

/** The next `count` items; the generator goes on. */
async function take(generator, count) {
  const items = [];
  while (items.length < count) {
    const { done, value } = await generator.next();
    if (done) break;
    items.push(value);
  }
  return items;
}

const told = ({ type, key, value, version }) => [type, key, value ?? null, version];

const MAP_CASES = {
  'map: set, get, has → value and version; versions count the changes of the map': async ({ a, b, name }) => {
    const map = a.map(name);
    assert.equal(await map.get('x'), undefined);
    assert.equal(await map.has('x'), false);
    assert.deepEqual(await map.set('x', { deep: [1, 'zwei', null] }), { version: 1 });
    assert.deepEqual(await map.set('y', 'ü'), { version: 2 });
    assert.deepEqual(await map.set('x', 3), { version: 3, previousVersion: 1 });
    assert.deepEqual(await b.map(name).get('x'), { value: 3, version: 3 });
    assert.deepEqual(await b.map(name).get('y'), { value: 'ü', version: 2 });
    assert.equal(await b.map(name).has('x'), true);
    assert.deepEqual([await map.size(), await map.version()], [2, 3]);
  },
  'map: setIfAbsent, compareAndSet, remove with a version → only what fits happens': async ({ a, b, name }) => {
    const map = a.map(name);
    assert.deepEqual(await map.setIfAbsent('x', 'first'), { isSet: true, version: 1 });
    assert.deepEqual(await b.map(name).setIfAbsent('x', 'second'), { isSet: false, version: 1 });
    assert.deepEqual(await map.compareAndSet('x', 1, 'next'), { version: 2 });
    assert.equal(await codeOf(b.map(name).compareAndSet('x', 1, 'late')), 'versionMismatch');
    assert.equal(await codeOf(map.compareAndSet('x', 0, 'new')), 'versionMismatch');
    assert.deepEqual(await map.compareAndSet('y', 0, 'new'), { version: 3 });
    assert.equal(await codeOf(map.remove('x', { version: 1 })), 'versionMismatch');
    assert.equal(await map.remove('x', { version: 2 }), true);
    assert.equal(await map.remove('x'), false);
    assert.equal(await map.get('x'), undefined);
  },
  'map: scans by range, prefix, backwards, with a limit → in the order of the bytes': async ({ a, name }) => {
    const map = a.map(name);
    const keys = ['a', 'a/1', 'a/2', 'a/10', 'b', 'é', 'z', '\u{10000}', '\uFFFD'];
    await Promise.all(keys.map((key, number) => map.set(key, number)));
    const sorted = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
    assert.deepEqual(await all(map.keys()), sorted);
    assert.deepEqual(await all(map.keys({ reverse: true })), sorted.toReversed?.() ?? [...sorted].reverse());
    assert.deepEqual(await all(map.keys({ prefix: 'a/' })), ['a/1', 'a/10', 'a/2']);
    assert.deepEqual(await all(map.keys({ from: 'a/10', to: 'z' })), ['a/10', 'a/2', 'b']);
    assert.deepEqual(await all(map.keys({ prefix: 'a', reverse: true, limit: 2 })), ['a/2', 'a/10']);
    assert.deepEqual(
      (await all(map.entries({ prefix: 'b' }))).map(({ key, value }) => [key, value]),
      [['b', 4]],
    );
  },
  'map: more entries than a page → each once': async ({ a, b, name }) => {
    const map = a.map(name);
    const keys = Array.from({ length: 2500 }, (_, number) => `k${String(number).padStart(5, '0')}`);
    await Promise.all(keys.map((key) => map.set(key, key)));
    assert.deepEqual(await all(b.map(name).keys()), keys);
    assert.equal((await all(b.map(name).entries({ reverse: true, limit: 1200 }))).at(-1).key, keys[1300]);
  },
  'map: time to live → gone and told when it is over, unless it was set anew': async ({ a, b, name, sleep }) => {
    const map = a.map(name);
    await map.size();
    const changes = b.map(name).watch({ afterVersion: 0 });
    await map.set('short', 1, { ttlMs: 300 });
    await map.set('kept', 2, { ttlMs: 300 });
    await map.set('kept', 3);
    await sleep(1500);
    assert.equal(await map.get('short'), undefined);
    assert.deepEqual((await map.get('kept')).value, 3);
    assert.deepEqual((await take(changes, 4)).map(told), [
      ['set', 'short', 1, 1],
      ['set', 'kept', 2, 2],
      ['set', 'kept', 3, 3],
      ['expired', 'short', null, 4],
    ]);
    await changes.return();
  },
  'map: watches of all, a key, a prefix → each change once, in order': async ({ a, b, name }) => {
    const map = b.map(name);
    await map.size();
    const watches = [map.watch(), map.watch({ key: 'p/1' }), map.watch({ prefix: 'p/' })];
    await map.set('p/1', 'from b');
    const writer = a.map(name);
    await Promise.all(['p/1', 'p/2', 'q', 'p/1', 'p'].map((key, number) => writer.set(key, number)));
    await writer.remove('p/1');
    const [whole, one, some] = await Promise.all([take(watches[0], 7), take(watches[1], 4), take(watches[2], 5)]);
    assert.deepEqual(
      whole.map(({ version }) => version),
      [1, 2, 3, 4, 5, 6, 7],
    );
    assert.deepEqual(one.map(told), [
      ['set', 'p/1', 'from b', 1],
      ['set', 'p/1', 0, 2],
      ['set', 'p/1', 3, 5],
      ['removed', 'p/1', null, 7],
    ]);
    assert.deepEqual(
      some.map(({ version }) => version),
      [1, 2, 3, 5, 7],
    );
    for (const watch of watches) assert.deepEqual(await watch.return(), { done: true, value: undefined });
  },
  'map: watch from a version of the past → what came since; too old → watchCompacted': async ({ a, b, name }) => {
    const map = a.map(name);
    await Promise.all(Array.from({ length: 1100 }, (_, number) => map.set(`k${number % 7}`, number)));
    const changes = b.map(name).watch({ afterVersion: 1000 });
    assert.deepEqual(
      (await take(changes, 100)).map(({ version, value }) => [version, value]),
      Array.from({ length: 100 }, (_, at) => [1001 + at, 1000 + at]),
    );
    await changes.return();
    assert.equal(await codeOf(take(b.map(name).watch({ afterVersion: 1 }), 1)), 'watchCompacted');
    assert.equal(await codeOf(take(b.map(name).watch({ afterVersion: 5000 }), 1)), 'invalidArgument');
  },
  'map: a watch is aborted → ends with aborted': async ({ a, name }) => {
    const controller = new AbortController();
    await a.map(name).set('x', 1);
    const next = take(a.map(name).watch({ signal: controller.signal }), 1);
    controller.abort();
    assert.equal(await codeOf(next), 'aborted');
  },
  'map: codecs → bytes as they are, text as UTF-8; what a codec refuses is not sent': async ({ a, b, name }) => {
    const blob = Uint8Array.from({ length: 256 }, (_, at) => at);
    await a.map(name, { codec: bytes() }).set('blob', blob);
    assert.deepEqual((await b.map(name, { codec: bytes() }).get('blob')).value, blob);
    await a.map(name, { codec: text() }).set('text', 'ÄÖÜ €');
    assert.equal((await b.map(name, { codec: text() }).get('text')).value, 'ÄÖÜ €');
    assert.equal(await codeOf(a.map(name).set('x', 1n)), 'valueInvalid');
    assert.equal(await codeOf(b.map(name).get('blob')), 'valueInvalid');
    assert.equal(await a.map(name).version(), 2);
  },
  'map: bad input → typed errors, nothing happens': async ({ a, name }) => {
    const map = a.map(name);
    assert.equal(await codeOf(map.set('k'.repeat(4097), 1)), 'keyTooLarge');
    assert.equal(await codeOf(map.set('', 1)), 'invalidArgument');
    assert.equal(await codeOf(map.set(7, 1)), 'invalidArgument');
    assert.equal(await codeOf(map.set('x', 'v'.repeat(1_048_576))), 'valueTooLarge');
    assert.equal(await codeOf(map.set('x', 1, { ttlMs: -1 })), 'invalidArgument');
    assert.equal(await codeOf(map.get('x', { deadlineMs: -5 })), 'invalidArgument');
    assert.equal(await codeOf(map.get('x', { consistency: 'maybe' })), 'invalidArgument');
    assert.deepEqual([await map.size(), await map.version()], [0, 0]);
  },
  'map: the largest key and value → stored': async ({ a, b, name }) => {
    const key = 'k'.repeat(4096);
    const value = new Uint8Array(1_048_576).fill(7);
    await a.map(name, { codec: bytes() }).set(key, value, { deadlineMs: 20_000 });
    assert.deepEqual((await b.map(name, { codec: bytes() }).get(key, { deadlineMs: 20_000 })).value, value);
  },
  'names: of another kind → kindMismatch; not allowed → nameInvalid': async ({ a, b, name }) => {
    await a.counter(name).add();
    assert.equal(await codeOf((async () => a.map(name).size())()), 'kindMismatch');
    assert.equal(await codeOf(b.map(name).size()), 'kindMismatch');
    assert.equal(await codeOf((async () => b.map('').size())()), 'nameInvalid');
  },
  'reads: sequential → see what the same client wrote; linearizable → what others had acknowledged': async ({ a, b, name }) => {
    for (let number = 1; number <= 50; number++) {
      await a.map(name).set('x', number);
      assert.equal((await a.map(name).get('x', { consistency: 'sequential' })).value, number);
      assert.equal((await b.map(name).get('x')).value, number);
    }
  },
  'order: calls that are not awaited, on several resources → happen in the order in which they were made': async ({ a, b, name }) => {
    const [first, second, counter] = [a.map(`${name}-1`), a.map(`${name}-2`), a.counter(`${name}-3`)];
    const calls = [];
    for (let number = 0; number < 40; number++) {
      calls.push(counter.add(), first.set('x', number), second.set('x', number), counter.get());
    }
    const results = await Promise.all(calls);
    for (let number = 0; number < 40; number++) {
      const [added, first1, second1, seen] = results.slice(number * 4, number * 4 + 4);
      assert.deepEqual([added, first1.version, second1.version], Array(3).fill(number + 1));
      // A read sees all that was called before it, and maybe more.
      assert.ok(seen > number && seen <= 40);
    }
    assert.equal((await b.map(`${name}-2`).get('x')).value, 39);
  },
};

const COUNTER_CASES = {
  'counter: add, set, compareAndSet → exact': async ({ a, b, name }) => {
    const counter = a.counter(name);
    assert.equal(await counter.get(), 0);
    assert.deepEqual([await counter.add(), await counter.add(41), await counter.add(-2)], [1, 42, 40]);
    assert.equal(await b.counter(name).set(7), 40);
    assert.equal(await counter.compareAndSet(8, 9), false);
    assert.equal(await counter.compareAndSet(7, 9), true);
    assert.equal(await b.counter(name).get(), 9);
  },
  'counter: over its bounds, no whole number → refused, unchanged': async ({ a, name }) => {
    const counter = a.counter(name);
    await counter.set(Number.MAX_SAFE_INTEGER);
    assert.equal(await codeOf(counter.add(1)), 'counterOverflow');
    assert.equal(await codeOf(counter.add(0.5)), 'invalidArgument');
    assert.equal(await codeOf(counter.add('1')), 'invalidArgument');
    assert.equal(await counter.get(), Number.MAX_SAFE_INTEGER);
  },
  'counter: three clients add at once → every addition counts once, every answer is another': async ({ a, b, c, name }) => {
    const answers = await Promise.all([a, b, c].flatMap((client) => Array.from({ length: 300 }, () => client.counter(name).add())));
    assert.deepEqual(
      answers.sort((x, y) => x - y),
      Array.from({ length: 900 }, (_, at) => at + 1),
    );
  },
};

const LOCK_CASES = {
  'lock: in order of coming, each with a greater token': async ({ a, b, c, name }) => {
    const first = await a.lock(name).acquire();
    const second = b.lock(name).acquire();
    await waitersOf(a.lock(name), 1);
    const third = c.lock(name).acquire();
    await waitersOf(a.lock(name), 2);
    assert.equal(await c.lock(name).tryAcquire(), null);
    await first.release();
    const next = await second;
    assert.ok(next.isHeld && !first.isHeld && next.token.index > first.token.index);
    await next.release();
    const last = await third;
    assert.ok(last.token.index > next.token.index);
    assert.deepEqual((await a.lock(name).holder()).token, last.token);
    await last.release();
    assert.equal(await a.lock(name).holder(), null);
  },
  'lock: the wait is over, or given up → lockTimeout, aborted, and the claim is gone': async ({ a, b, name, sleep }) => {
    const held = await a.lock(name).acquire();
    assert.equal(await codeOf(b.lock(name).acquire({ waitMs: 200 })), 'lockTimeout');
    const controller = new AbortController();
    const waiting = codeOf(b.lock(name).acquire({ signal: controller.signal }));
    await waitersOf(a.lock(name), 1);
    controller.abort();
    assert.equal(await waiting, 'aborted');
    await waitersOf(a.lock(name), 0);
    assert.equal(await codeOf(b.lock(name).acquire({ waitMs: -1 })), 'invalidArgument');
    await held.release();
    await sleep(50);
    assert.equal(await a.lock(name).holder(), null);
  },
  'lock: not re-entrant; a second release is the first': async ({ a, name }) => {
    const held = await a.lock(name).acquire();
    assert.equal(await a.lock(name).tryAcquire(), null);
    await Promise.all([held.release(), held.release()]);
    assert.ok((await a.lock(name).tryAcquire()).isHeld);
  },
  'fence: of the holder → writes happen; after its release, or with a token of another → fenced': async ({ a, b, name }) => {
    const held = await a.lock(`${name}-lock`).acquire();
    const { fence } = held;
    const map = a.map(`${name}-map`);
    await map.set('x', 1, { fence });
    await a.counter(`${name}-counter`).add(1, { fence });
    await held.release();
    assert.equal(await codeOf(map.set('x', 2, { fence })), 'fenced');
    const next = await b.lock(`${name}-lock`).acquire();
    assert.equal(await codeOf(map.set('x', 3, { fence })), 'fenced');
    assert.equal(await codeOf(a.counter(`${name}-counter`).add(1, { fence })), 'fenced');
    assert.equal(await codeOf(map.remove('x', { fence })), 'fenced');
    await map.set('x', 4, { fence: next.fence });
    assert.deepEqual(await map.get('x'), { value: 4, version: 2 });
    await next.release();
  },
};

const ELECTION_CASES = {
  'election: campaign, observe, resign → one leader at a time, terms grow, observers see each': async ({ a, b, c, name }) => {
    const first = await a.election(name).campaign({ host: 'a' });
    const leaders = c.election(name).observe();
    const [present] = await take(leaders, 1);
    assert.deepEqual([present.about, present.token, present.isOwn], [{ host: 'a' }, first.token, false]);
    const waiting = b.election(name).campaign({ host: 'b' });
    assert.equal((await a.election(name).leader()).isOwn, true);
    // Its candidacy must be there before the leader resigns.
    await b.counter(`${name}-fence`).add();
    await first.resign();
    const second = await waiting;
    assert.ok(second.token.index > first.token.index && !first.isHeld);
    const [next] = (await take(leaders, 1)).filter((leader) => leader !== null);
    assert.deepEqual([next.about, next.token], [{ host: 'b' }, second.token]);
    assert.equal(await codeOf(a.map(`${name}-map`).set('x', 1, { fence: first.fence })), 'fenced');
    await b.map(`${name}-map`).set('x', 1, { fence: second.fence });
    await second.resign();
    assert.equal(await a.election(name).leader(), null);
    await leaders.return();
  },
};

/** Each closes its last client. */
const CLOSING_CASES = {
  'close: of a client that holds → the lock goes on, leadership too, calls end with closed': async ({ a, closing, name }) => {
    const held = await closing.lock(`${name}-lock`).acquire();
    const leads = await closing.election(`${name}-election`).campaign();
    const lock = a.lock(`${name}-lock`).acquire();
    const leadership = a.election(`${name}-election`).campaign();
    await waitersOf(a.lock(`${name}-lock`), 1);
    await a.counter(`${name}-fence`).add();
    await closing.close();
    assert.ok(!held.isHeld && !leads.isHeld);
    assert.ok((await lock).token.index > held.token.index);
    assert.ok((await leadership).token.index > leads.token.index);
    assert.equal(await codeOf(closing.counter(`${name}-fence`).add()), 'closed');
    assert.equal(await a.counter(`${name}-fence`).get(), 1);
    await (await lock).release();
    await (await leadership).resign();
  },
};

async function waitersOf(lock, count) {
  for (;;) {
    const holder = await lock.holder();
    if ((holder?.waiters ?? 0) === count) return;
  }
}

/** In this order: the last ones close a client. */
export const RESOURCE_CASES = { ...MAP_CASES, ...COUNTER_CASES, ...LOCK_CASES, ...ELECTION_CASES, ...CLOSING_CASES };
