import assert from 'node:assert/strict';
import type { Fence } from 'quorate';
import { coded } from '../harness/coded.js';
import { collect, take } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

const textOf = ({ value }: { readonly value: Uint8Array }): string => Buffer.from(value).toString();

export const streamTests: FaceTests = {
  'stream: created, appended by both clients, read, tailed and listed → dense, in order, the same for both': async ({ a, b, name }) => {
    const mine = await a.createStream(name);
    const tailed = take(b.stream(name).tail({ from: 'start' }), 202);
    const results = await Promise.all(
      [a, b].flatMap((client) => Array.from({ length: 100 }, (_, at) => client.stream(name).append(`${at}`))),
    );
    assert.deepEqual(
      results.map(({ offset }) => offset).toSorted((x, y) => x - y),
      Array.from({ length: 200 }, (_, at) => at),
    );
    assert.deepEqual(await mine.append(['y', 'z']), { offset: 200, count: 2, lastOffset: 201 });
    const read = (await collect(b.stream(name).read())).map(textOf);
    assert.deepEqual((await tailed).map(textOf), read);
    assert.deepEqual(read.slice(200), ['y', 'z']);
    const [entry] = await collect(b.listStreams({ prefix: name }));
    assert.equal(entry?.name, name);
    await assert.rejects(b.stream(`${name}-none`).append('x'), coded('streamNotFound', 'never'));
  },

  'stream: rule 21, T65: fenced by a holder and the next, of a lock and of an election → the last one writes until the next has, then never':
    async ({ a, b, name }) => {
      const stream = await a.createStream(name);
      const map = a.map<number>(`${name}-map`);
      const lock = await a.lock(`${name}-lock`).acquire();
      const term = await a.election(`${name}-term`).campaign();
      for (const { fence } of [lock, term]) await stream.append('first', { fence });
      await lock.release();
      await term.resign();
      await using nextLock = await b.lock(`${name}-lock`).acquire();
      await using nextTerm = await b.election(`${name}-term`).campaign();
      for (const [last, next] of [
        [lock, nextLock],
        [term, nextTerm],
      ] as const) {
        const late = { fence: last.fence };
        // In the group of the lock at once, in that of the stream only by what the stream has seen.
        await assert.rejects(map.set('k', 1, late), coded('fenced', 'never'));
        await stream.append('late', late);
        await b.stream(name).append('next', { fence: next.fence });
        await assert.rejects(stream.append('too late', late), coded('fenced', 'never', /newer token/));
        await assert.rejects(stream.append(['too', 'late'], late), coded('fenced', 'never'));
      }
      // What is not fenced, and what the present holders write, goes on; one refused among others harms none of them.
      const results = await Promise.allSettled([
        stream.append('free'),
        stream.append('too late', { fence: lock.fence }),
        stream.append('last', { fence: nextLock.fence }),
      ]);
      assert.deepEqual(
        results.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual((await collect(b.stream(name).read())).map(textOf), [
        ...['first', 'first', 'late', 'next', 'late', 'next', 'free', 'last'],
      ]);
    },

  'stream: fences that no lock or election gives, or of a group without locks → typed errors, nothing is stored': async ({ a, name }) => {
    const stream = await a.createStream(name);
    const { group } = await stream.info();
    await using held = await a.lock(name).acquire();
    const { fence } = held;
    const some = (value: unknown): Fence => value as Fence;
    for (const bad of [
      7,
      '1.2',
      {},
      held.token,
      { ...fence, resource: name },
      { ...fence, resource: 0 },
      { ...fence, group: 0 },
      { ...fence, group: 2 ** 32 },
      { ...fence, token: undefined },
      { ...fence, token: { epoch: 0, index: 1 } },
      { ...fence, token: { epoch: 1, index: 2 ** 53 } },
      { ...fence, token: { epoch: 1, index: 0 } },
    ]) {
      await assert.rejects(stream.append('x', { fence: some(bad) }), coded('invalidArgument', 'never', /fence/), JSON.stringify(bad));
    }
    await assert.rejects(stream.append('x', { fence: { ...fence, group } }), coded('kindMismatch', 'never', /no locks/));
    assert.equal((await stream.info()).nextOffset, 0);
    assert.equal((await stream.append('x', { fence })).offset, 0);
  },
};
