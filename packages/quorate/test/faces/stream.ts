import assert from 'node:assert/strict';
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
};
