import assert from 'node:assert/strict';
import type { MapEvent } from 'quorate';
import { coded } from '../harness/coded.js';
import { collect, take } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

const short = ({ type, key, version }: MapEvent<unknown>): string => `${type} ${key} ${version}`;

export const watchTests: FaceTests = {
  'watch: all, by prefix and by key, of both clients → every change once and in order': async ({ a, b, name }) => {
    const map = a.map<number>(name);
    const all = take(map.watch(), 5);
    const prefixed = take(b.map<number>(name).watch({ prefix: 'x/' }), 3);
    const one = take(map.watch({ key: 'x/1' }), 2);
    // Theirs begins when the cluster has it; what `a` does is behind its own.
    await b.map(name).version();
    await map.set('x/1', 1);
    await map.set('y', 1);
    await b.map<number>(name).set('x/2', 2);
    await map.remove('x/1');
    await map.set('z', 1, { ttlMs: 50 });
    assert.deepEqual((await all).map(short), ['set x/1 1', 'set y 2', 'set x/2 3', 'removed x/1 4', 'set z 5']);
    assert.deepEqual((await prefixed).map(short), ['set x/1 1', 'set x/2 3', 'removed x/1 4']);
    assert.deepEqual((await one).map(short), ['set x/1 1', 'removed x/1 4']);
    assert.deepEqual((await take(map.watch({ key: 'z', afterVersion: 5 }), 1)).map(short), ['expired z 6']);
  },

  'watch: after a version → what came since, then what comes; a version forgotten → watchCompacted': async ({ a, name }) => {
    const map = a.map<number>(name);
    await Promise.all(Array.from({ length: 10 }, (_, at) => map.set('k', at)));
    const seen: string[] = [];
    for await (const change of map.watch({ afterVersion: 7 })) {
      seen.push(short(change));
      if (change.version === 10) await map.set('k', 10);
      if (change.version === 11) break;
    }
    assert.deepEqual(seen, ['set k 8', 'set k 9', 'set k 10', 'set k 11']);
    await Promise.all(Array.from({ length: 1100 }, (_, at) => map.set('k', at)));
    await assert.rejects(collect(map.watch({ afterVersion: 1 })), coded('watchCompacted', 'never'));
    await assert.rejects(collect(map.watch({ afterVersion: 5000 })), coded('invalidArgument', 'never'));
    const remembered = (await take(map.watch({ afterVersion: 1011 }), 100)).map(({ version }) => version);
    assert.deepEqual(
      remembered,
      Array.from({ length: 100 }, (_, at) => 1012 + at),
    );
  },

  'watch: aborted, and left → ends with cancelled and its reason, or just ends; the other watches go on': async ({ a, name }) => {
    const map = a.map<number>(name);
    const abort = new AbortController();
    const aborted = collect(map.watch({ signal: abort.signal }));
    const staying = take(map.watch(), 2);
    await map.set('k', 1);
    abort.abort(new Error('enough'));
    await assert.rejects(
      aborted,
      (thrown) => coded('cancelled', 'never')(thrown) && ((thrown as Error).cause as Error).message === 'enough',
    );
    await map.set('k', 2);
    assert.equal((await staying).length, 2);
  },

  'watch: its session is lost → goes on in the next one without a gap; with resume false → sessionExpired': async ({
    a,
    connect,
    freeze,
    name,
  }) => {
    await using client = await connect({ sessionTtlMs: 400 });
    const resumed = take(client.map<number>(name).watch(), 3);
    const ending = collect(client.map<number>(name).watch({ resume: false }));
    const map = a.map<number>(name);
    await client.map<number>(name).set('k', 1);
    // Its process stands still for longer than the ttl: the client must take its session for lost.
    freeze(client, 600);
    await assert.rejects(ending, coded('sessionExpired', 'unknown'));
    await map.set('k', 2);
    await map.set('k', 3);
    assert.deepEqual((await resumed).map(short), ['set k 1', 'set k 2', 'set k 3']);
  },
};
