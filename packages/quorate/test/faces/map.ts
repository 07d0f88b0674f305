import assert from 'node:assert/strict';
import { bytes, json, text, validated } from 'quorate';
import { messagePack } from 'quorate/message-pack';
import { coded } from '../harness/coded.js';
import { collect, take } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

export const tests: FaceTests = {
  'map: set, get, has, size, remove → versions of the map, seen by both clients': async ({ a, b, name }) => {
    const mine = a.map<{ n: number }>(name);
    const theirs = b.map<{ n: number }>(name);
    assert.equal(await mine.get('k'), undefined);
    assert.deepEqual(await mine.set('k', { n: 1 }), { version: 1 });
    assert.deepEqual(await theirs.get('k'), { value: { n: 1 }, version: 1 });
    assert.deepEqual(await theirs.set('k', { n: 2 }), { version: 2, previousVersion: 1 });
    assert.deepEqual([await mine.has('k'), await mine.has('other'), await mine.size(), await mine.version()], [true, false, 1, 2]);
    assert.deepEqual(await mine.get('k', { consistency: 'sequential' }), { value: { n: 2 }, version: 2 });
    assert.deepEqual([await mine.remove('k'), await mine.remove('k'), await theirs.has('k')], [true, false, false]);
    assert.equal(await theirs.version(), 3);
  },

  'map: setIfAbsent, compareAndSet and remove by version → only on the version expected, else versionMismatch with what was found': async ({
    a,
    b,
    name,
  }) => {
    const map = a.map<string>(name);
    assert.deepEqual(await map.setIfAbsent('k', 'x'), { isSet: true, version: 1 });
    assert.deepEqual(await b.map<string>(name).setIfAbsent('k', 'y'), { isSet: false, version: 1 });
    assert.deepEqual(await map.compareAndSet('k', 1, 'z'), { version: 2 });
    await assert.rejects(map.compareAndSet('k', 1, 'old'), detailed('versionMismatch', { found: 2 }));
    await assert.rejects(map.compareAndSet('none', 1, 'old'), detailed('versionMismatch', { found: 0 }));
    assert.deepEqual(await map.compareAndSet('new', 0, 'n'), { version: 3 });
    await assert.rejects(map.remove('k', { version: 1 }), coded('versionMismatch', 'never'));
    assert.equal(await map.remove('k', { version: 2 }), true);
    assert.deepEqual(await collect(map.keys()), ['new']);
  },

  'map: a time to live → gone after it, as expired; a later write without one lasts': async ({ a, b, name, until }) => {
    const map = a.map<number>(name);
    // Long enough for the next write to come in time on any machine.
    await map.set('short', 1, { ttlMs: 1500 });
    await map.set('kept', 1, { ttlMs: 1500 });
    await map.set('kept', 2);
    await until(async () => !(await map.has('short')));
    assert.deepEqual(await map.get('kept'), { value: 2, version: 3 });
    const changes = await take(b.map<number>(name).watch({ afterVersion: 0 }), 4);
    assert.deepEqual(
      changes.map(({ type, key, version }) => `${type} ${key} ${version}`),
      ['set short 1', 'set kept 2', 'set kept 3', 'expired short 4'],
    );
  },

  'map: entries by range, prefix, limit and direction, in many pages → in the order of the bytes of their keys': async ({ a, b, name }) => {
    const map = a.map<number>(name);
    const keys = ['', '!', 'é', '~', '😀'].flatMap((end) => ['p', 'q'].map((start) => `${start}${end}`));
    await Promise.all(keys.map((key, at) => map.set(key, at)));
    const sorted = keys.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
    assert.deepEqual(await collect(b.map(name).keys()), sorted);
    assert.deepEqual(await collect(map.keys({ reverse: true })), sorted.toReversed());
    assert.deepEqual(await collect(map.keys({ prefix: 'q', limit: 2 })), sorted.filter((key) => key.startsWith('q')).slice(0, 2));
    assert.deepEqual(
      await collect(map.keys({ from: 'p!', to: 'q' })),
      sorted.filter((key) => key.startsWith('p') && key !== 'p'),
    );
    const many = a.map<number>(`${name}-many`);
    await Promise.all(Array.from({ length: 2500 }, (_, at) => many.set(String(at).padStart(5, '0'), at)));
    const values = (await collect(many.entries())).map(({ value }) => value);
    assert.deepEqual(
      values,
      Array.from({ length: 2500 }, (_, at) => at),
    );
  },

  'map: codecs: bytes, text, one with a validator → values as they were; what the validator refuses is valueInvalid': async ({
    a,
    b,
    name,
  }) => {
    const raw = a.map(`${name}-bytes`, { codec: bytes() });
    const all = Uint8Array.from({ length: 256 }, (_, at) => at);
    await raw.set('k', all);
    await raw.set('empty', new Uint8Array(0));
    assert.deepEqual((await b.map(`${name}-bytes`, { codec: bytes() }).get('k'))?.value, all);
    assert.deepEqual((await raw.get('empty'))?.value, new Uint8Array(0));
    const plain = a.map(`${name}-text`, { codec: text() });
    await plain.set('k', 'é😀');
    assert.equal((await plain.get('k'))?.value, 'é😀');
    const positive = validated<number>(json(), {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value) => (typeof value === 'number' && value > 0 ? { value } : { issues: [{ message: 'not positive' }] }),
      },
    });
    const checked = a.map(`${name}-checked`, { codec: positive });
    await checked.set('k', 1);
    await assert.rejects(checked.set('k', -1), coded('valueInvalid', 'never', /not positive/));
    assert.equal((await checked.get('k'))?.value, 1);
  },

  'map: the largest key and the largest value → stored and read by the other': async ({ a, b, name }) => {
    const key = 'k'.repeat(4096);
    const value = new Uint8Array(1_048_576).fill(7);
    await a.map(name, { codec: bytes() }).set(key, value);
    assert.deepEqual((await b.map(name, { codec: bytes() }).get(key))?.value, value);
  },

  'map: values as MessagePack, with bytes, dates and 64-bit integers → read equal by the other, watched and scanned; a value or bytes that are none → valueInvalid':
    async ({ a, b, name }) => {
      const value = { raw: Uint8Array.of(0, 255), at: new Date(1), count: 2n ** 64n - 1n, list: [1.5, Number.NaN, null] };
      const mine = a.map(name, { codec: messagePack() });
      const theirs = b.map(name, { codec: messagePack() });
      const watching = take(theirs.watch(), 1);
      await theirs.version();
      await mine.set('k', value);
      assert.deepEqual((await theirs.get('k'))?.value, value);
      assert.deepEqual(
        (await collect(theirs.entries())).map((entry) => entry.value),
        [value],
      );
      assert.deepEqual(
        (await watching).map((change) => 'value' in change && change.value),
        [value],
      );
      await assert.rejects(mine.set('k', new Map()), coded('valueInvalid', 'never', /MessagePack/));
      await a.map(name, { codec: bytes() }).set('k', Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff));
      await assert.rejects(theirs.get('k'), coded('valueInvalid', 'never', /missing/));
    },

  'map: a thousand writes of one turn by two clients → each applied once, in the order of its client': async ({ a, b, name }) => {
    const results = await Promise.all(
      [a, b].flatMap((client, who) => Array.from({ length: 500 }, (_, at) => client.map<number>(name).set(`${who}`, at))),
    );
    const versions = results.map(({ version }) => version);
    assert.deepEqual(
      versions.slice(0, 500),
      versions.slice(0, 500).toSorted((x, y) => x - y),
    );
    assert.equal(new Set(versions).size, 1000);
    assert.equal(await a.map(name).version(), 1000);
    assert.equal((await a.map<number>(name).get('1'))?.value, 499);
  },
};

function detailed(code: 'versionMismatch', details: object): (thrown: unknown) => boolean {
  return (thrown) => {
    coded(code, 'never')(thrown);
    assert.deepEqual({ ...(thrown as { details: object }).details, ...details }, (thrown as { details: object }).details);
    return true;
  };
}
