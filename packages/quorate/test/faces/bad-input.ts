import assert from 'node:assert/strict';
import { QuorateError, type ValueCodec } from 'quorate';
import { coded } from '../harness/coded.js';
import { collect } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

const invalid = (pattern?: RegExp) => coded('invalidArgument', 'never', pattern);
// oxlint-disable-next-line typescript/no-explicit-any -- the same
const some = (value: unknown): any => value;

export const badInputTests: FaceTests = {
  'bad input: names that are none, or of another kind → nameInvalid, invalidArgument, kindMismatch; the resource is as it was': async ({
    a,
    b,
    name,
  }) => {
    for (const bad of ['', 'n'.repeat(256), 'a\nb', '\ud800']) {
      await assert.rejects(async () => a.counter(bad).add(), coded('nameInvalid', 'never'), JSON.stringify(bad));
    }
    for (const bad of [undefined, null, 7, {}]) await assert.rejects(async () => a.map(some(bad)).get('k'), invalid());
    await a.counter(name).add(5);
    await assert.rejects(async () => a.map(name).set('k', 1), coded('kindMismatch', 'never', new RegExp(name)));
    await assert.rejects(async () => b.lock(name).acquire(), coded('kindMismatch', 'never', new RegExp(name)));
    await assert.rejects(async () => collect(b.map(name).watch()), coded('kindMismatch', 'never', new RegExp(name)));
    assert.equal(await b.counter(name).get(), 5);
  },

  'bad input: keys → keyTooLarge over 4096 bytes, invalidArgument for what is no key; the largest is taken': async ({ a, name }) => {
    const map = a.map<number>(name);
    const large = 'é'.repeat(2049);
    const watch = (): Promise<unknown> => collect(map.watch({ key: large }));
    for (const call of [() => map.get(large), () => map.set(large, 1), () => map.remove(large), () => map.has(large), watch]) {
      await assert.rejects(call, coded('keyTooLarge', 'never', /4096/));
    }
    for (const bad of ['', '\udc00', undefined, null, 7, new Uint8Array(1)]) {
      await assert.rejects(map.set(some(bad), 1), invalid(/key/));
      await assert.rejects(map.get(some(bad)), invalid(/key/));
    }
    await assert.rejects(collect(map.entries({ prefix: some(7) })), invalid(/prefix/));
    await assert.rejects(collect(map.watch({ key: 'a', prefix: 'b' })), invalid());
    await map.set('é'.repeat(2048), 1);
    assert.equal(await map.size(), 1);
  },

  'bad input: values → valueTooLarge over 1 MiB, valueInvalid for what JSON cannot hold; nothing is written': async ({ a, name }) => {
    const map = a.map(name);
    await assert.rejects(map.set('k', 'x'.repeat(1_048_575)), coded('valueTooLarge', 'never', /1048576/));
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    for (const bad of [
      undefined,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      10n,
      () => 1,
      Symbol('s'),
      new Map(),
      { deep: [undefined] },
      circle,
    ]) {
      await assert.rejects(map.set('k', bad), coded('valueInvalid', 'never'));
    }
    await assert.rejects(a.election(`${name}-e`).campaign('x'.repeat(4096)), coded('valueTooLarge', 'never', /4096/));
    assert.equal(await map.version(), 0);
    const largest = 'x'.repeat(1_048_574);
    await map.set('k', largest);
    assert.equal((await map.get('k'))?.value, largest);
  },

  'bad input: numbers, times, versions, consistency and fences of the wrong type or size → invalidArgument that names it': async ({
    a,
    name,
  }) => {
    const map = a.map<number>(name);
    const counter = a.counter(`${name}-c`);
    for (const bad of [-1, 0, 1.5, Number.NaN, '5']) {
      await assert.rejects(map.set('k', 1, { ttlMs: some(bad) }), invalid(/ttlMs/), `ttlMs ${bad}`);
    }
    for (const bad of [-1, 1.5, Number.NaN, '5']) {
      await assert.rejects(a.lock(`${name}-l`).acquire({ waitMs: some(bad) }), invalid(/waitMs/), `waitMs ${bad}`);
      await assert.rejects(map.compareAndSet('k', some(bad), 1), invalid(/version/), `version ${bad}`);
      await assert.rejects(map.remove('k', { version: some(bad) }), invalid(/version/));
      await assert.rejects(collect(map.watch({ afterVersion: some(bad) })), invalid(/afterVersion/));
    }
    for (const bad of [-1, 0, Number.NaN, '5']) await assert.rejects(map.get('k', { deadlineMs: some(bad) }), invalid(/deadlineMs/));
    for (const bad of [1.5, Number.NaN, '1', 2 ** 53]) await assert.rejects(counter.add(some(bad)), invalid(/delta/));
    for (const bad of [7, 'x', {}, { group: 1, resource: 1 }])
      await assert.rejects(map.set('k', 1, { fence: some(bad) }), invalid(/fence/));
    for (const bad of [-1, Number.NaN]) await assert.rejects(collect(map.keys({ limit: bad })), invalid(/limit/));
    await assert.rejects(map.get('k', { consistency: some('strong') }), invalid(/consistency/));
    assert.deepEqual([await map.version(), await counter.get(), await a.lock(`${name}-l`).holder()], [0, 0, null]);
  },

  'bad input: a codec that throws, gives no bytes, or cannot read → valueInvalid with the cause; the client goes on': async ({
    a,
    b,
    name,
  }) => {
    const faulty = (codec: Partial<ValueCodec<unknown>>): ValueCodec<unknown> => ({
      encode: () => new Uint8Array(1),
      decode: () => 1,
      ...codec,
    });
    const boom = (): never => {
      throw new Error('boom');
    };
    const isBoom = (thrown: unknown): boolean => coded('valueInvalid', 'never', /boom/)(thrown) && thrown instanceof QuorateError;
    await assert.rejects(a.map(name, { codec: faulty({ encode: boom }) }).set('k', 1), isBoom);
    await assert.rejects(a.map(name, { codec: faulty({ encode: () => some('text') }) }).set('k', 1), coded('valueInvalid', 'never'));
    assert.equal(await a.map(name).version(), 0);
    await a.map<number>(name).set('k', 1);
    const unreadable = a.map(name, { codec: faulty({ decode: boom }) });
    await assert.rejects(unreadable.get('k'), isBoom);
    await assert.rejects(collect(unreadable.entries()), isBoom);
    const watching = assert.rejects(collect(unreadable.watch()), isBoom);
    // It must have begun, or it would not see the change.
    await a.map(name).version();
    await b.map<number>(name).set('k', 2);
    await watching;
    const elected = await a.election(`${name}-e`).campaign('me');
    await assert.rejects(b.election(`${name}-e`, { codec: faulty({ decode: boom }) }).leader(), isBoom);
    await elected.resign();
    assert.equal((await a.map<number>(name).get('k'))?.value, 2);
  },

  'bad input: a signal that fired before → cancelled with its reason, not unknown, and nothing was sent': async ({ a, name }) => {
    const signal = AbortSignal.abort(new Error('before'));
    const map = a.map<number>(name);
    const calls = [
      () => map.set('k', 1, { signal }),
      () => map.get('k', { signal }),
      () => collect(map.keys({ signal })),
      () => collect(map.watch({ signal })),
      () => a.counter(`${name}-c`).add(1, { signal }),
      () => a.lock(`${name}-l`).acquire({ signal }),
      () => a.election(`${name}-e`).campaign('x', { signal }),
    ];
    for (const [at, call] of calls.entries()) {
      const isBefore = (thrown: unknown): boolean =>
        coded('cancelled', 'never')(thrown) && ((thrown as Error).cause as Error).message === 'before';
      await assert.rejects(call, isBefore, `call ${at}`);
    }
    assert.deepEqual([await map.version(), await a.counter(`${name}-c`).get(), await a.lock(`${name}-l`).holder()], [0, 0, null]);
  },
};
