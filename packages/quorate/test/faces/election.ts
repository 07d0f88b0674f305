import assert from 'node:assert/strict';
import { coded } from '../harness/coded.js';
import { take } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

export const tests: FaceTests = {
  'election: two candidates, the first resigns → the second leads with a greater term; an observer sees each': async ({ a, b, name }) => {
    const observed = take(b.election<string>(name).observe(), 4);
    assert.equal(await b.election<string>(name).leader(), null);
    const first = await a.election<string>(name).campaign('a');
    const waiting = b.election<string>(name).campaign('b');
    await b.election(name).leader();
    const seenByB = await b.election<string>(name).leader();
    assert.deepEqual([seenByB?.about, seenByB?.isOwn, seenByB?.token], ['a', false, first.token]);
    await first.resign();
    const second = await waiting;
    assert.ok(second.token.index > first.token.index && second.isHeld && !first.isHeld);
    assert.equal((await b.election<string>(name).leader())?.isOwn, true);
    await second.resign();
    assert.deepEqual(
      (await observed).map((leader) => leader?.about ?? null),
      [null, 'a', 'b', null],
    );
  },

  'election: a candidacy is aborted → withdrawn; writes fenced by a past leader → fenced (T65)': async ({ a, b, name, until }) => {
    const first = await a.election(name).campaign();
    const abort = new AbortController();
    const waiting = b.election(name).campaign(undefined, { signal: abort.signal });
    await b.election(name).leader();
    abort.abort();
    await assert.rejects(waiting, coded('aborted', 'unknown'));
    await a.map<number>(`${name}-map`).set('k', 1, { fence: first.fence });
    await first.resign();
    await until(async () => (await a.election(name).leader()) === null);
    await assert.rejects(a.map<number>(`${name}-map`).set('k', 2, { fence: first.fence }), coded('fenced', 'never'));
    await using next = await b.election(name).campaign();
    await b.map<number>(`${name}-map`).set('k', 3, { fence: next.fence });
    assert.equal((await a.map<number>(`${name}-map`).get('k'))?.value, 3);
  },
};
