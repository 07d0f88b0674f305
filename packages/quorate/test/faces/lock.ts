import assert from 'node:assert/strict';
import { QuorateError } from 'quorate';
import { coded } from '../harness/coded.js';
import { fired } from '../harness/waiting.js';
import type { FaceTests } from './face-test.js';

export const tests: FaceTests = {
  'lock: acquired, wanted by the other, released → the other has it with a greater token': async ({ a, b, name, until }) => {
    const first = await a.lock(name).acquire();
    assert.ok(first.isHeld);
    assert.equal(await b.lock(name).tryAcquire(), null);
    await assert.rejects(b.lock(name).acquire({ waitMs: 50 }), coded('lockTimeout', 'safe'));
    const waiting = b.lock(name).acquire({ waitMs: 60_000 });
    await until(async () => (await a.lock(name).holder())?.waiters === 1);
    await first.release();
    const second = await waiting;
    assert.ok(second.token.index > first.token.index);
    assert.deepEqual((await a.lock(name).holder())?.token, second.token);
    assert.ok(!first.isHeld && !first.lost.aborted && second.isHeld);
    await second.release();
    assert.equal(await b.lock(name).holder(), null);
  },

  'lock: many of one client at once → one after the other, in the order of the calls': async ({ a, name }) => {
    const order: number[] = [];
    let inside = 0;
    await Promise.all(
      Array.from({ length: 10 }, async (_, at) => {
        await using held = await a.lock(name).acquire();
        assert.ok(held.isHeld);
        assert.equal(++inside, 1);
        order.push(at);
        await a.counter(`${name}-work`).add();
        inside -= 1;
      }),
    );
    assert.deepEqual(
      order,
      order.map((_, at) => at),
    );
  },

  'lock: three clients claim it one after the other → granted in that order, each with a greater token': async ({
    a,
    b,
    connect,
    name,
    until,
  }) => {
    await using c = await connect();
    const waitersAre = (count: number): Promise<void> => until(async () => (await a.lock(name).holder())?.waiters === count);
    const first = await a.lock(name).acquire();
    const second = b.lock(name).acquire();
    await waitersAre(1);
    const third = c.lock(name).acquire();
    await waitersAre(2);
    await first.release();
    const { token } = await second;
    assert.ok(token.index > first.token.index);
    await (await second).release();
    await using last = await third;
    assert.ok(last.token.index > token.index);
    assert.deepEqual((await a.lock(name).holder())?.token, last.token);
  },

  'lock: acquired again by its holder, and released twice → it would wait for itself; the second release is the first': async ({
    a,
    name,
  }) => {
    const held = await a.lock(name).acquire();
    assert.equal(await a.lock(name).tryAcquire(), null);
    await Promise.all([held.release(), held.release()]);
    await using again = await a.lock(name).tryAcquire();
    assert.ok(again?.isHeld === true);
  },

  'lock: a wait is aborted → aborted with its reason, and no claim is left': async ({ a, b, name, until }) => {
    await using _held = await a.lock(name).acquire();
    const abort = new AbortController();
    const waiting = b.lock(name).acquire({ signal: abort.signal });
    await until(async () => (await a.lock(name).holder())?.waiters === 1);
    abort.abort(new Error('enough'));
    await assert.rejects(
      waiting,
      (thrown) => coded('aborted', 'unknown')(thrown) && ((thrown as Error).cause as Error).message === 'enough',
    );
    await until(async () => (await a.lock(name).holder())?.waiters === 0);
  },

  'lock: writes fenced by who holds it, by who held it, and with the token of another lock → done, fenced, fenced': async ({
    a,
    b,
    name,
  }) => {
    const map = a.map<number>(name);
    const first = await a.lock(`${name}-lock`).acquire();
    await map.set('k', 1, { fence: first.fence });
    await a.counter(`${name}-counter`).add(1, { fence: first.fence });
    await first.release();
    await using second = await b.lock(`${name}-lock`).acquire();
    const late = { fence: first.fence };
    for (const write of [
      () => map.set('k', 9, late),
      () => map.setIfAbsent('new', 9, late),
      () => map.compareAndSet('k', 1, 9, late),
      () => map.remove('k', late),
      () => a.counter(`${name}-counter`).add(1, late),
      () => a.counter(`${name}-counter`).set(9, late),
      () => a.counter(`${name}-counter`).compareAndSet(1, 9, late),
    ]) {
      await assert.rejects(write(), coded('fenced', 'never'));
    }
    const foreign = { ...second.fence, token: { ...second.fence.token, index: second.fence.token.index + 1000 } };
    await assert.rejects(map.set('k', 9, { fence: foreign }), coded('fenced', 'never'));
    await using other = await a.lock(`${name}-other`).acquire();
    await assert.rejects(map.set('k', 9, { fence: { ...second.fence, token: other.token } }), coded('fenced', 'never'));
    await b.map<number>(name).set('k', 2, { fence: second.fence });
    assert.deepEqual([(await map.get('k'))?.value, await map.size(), await a.counter(`${name}-counter`).get()], [2, 1, 1]);
  },

  'lock: T57: its holder is paused for longer than the ttl → lost before it can do anything; release is notHeld; its late write is fenced':
    async ({ a, connect, freeze, name }) => {
      await using holder = await connect({ sessionTtlMs: 400 });
      const held = await holder.lock(name).acquire();
      freeze(holder, 600);
      assert.equal(held.isHeld, false, 'known by the clock, before anybody was told');
      const reason = await fired(held.lost);
      assert.ok(reason instanceof QuorateError && reason.code === 'sessionExpired');
      await assert.rejects(held.release(), coded('notHeld', 'never'));
      await using next = await a.lock(name).acquire({ waitMs: 60_000 });
      assert.ok(next.token.index > held.token.index);
      const map = holder.map<number>(`${name}-map`);
      await assert.rejects(map.set('k', 1, { fence: held.fence }), coded('fenced', 'never'));
      await a.map<number>(`${name}-map`).set('k', 2, { fence: next.fence });
      await held[Symbol.asyncDispose]();
    },

  'lock: its holder closes → the next has it at once': async ({ a, connect, name }) => {
    const holder = await connect();
    const held = await holder.lock(name).acquire();
    const waiting = a.lock(name).acquire();
    await holder.close();
    await using next = await waiting;
    assert.ok(next.isHeld && !held.isHeld);
    await assert.rejects(held.release(), QuorateError);
  },
};
