import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { BUILTIN_TYPES } from 'quorate';
import { runPageExample } from './harness/page-example.js';

const PAGES = [...BUILTIN_TYPES.map(({ declaration }) => declaration.type), 'fences'];

for (const page of PAGES) {
  test(`docs: the example of ${page} → runs on a real node and prints what its comments say`, async () => {
    const { printed, promised } = await runPageExample(`${page}.md`);
    assert.ok(promised.length > 0);
    assert.deepEqual(printed, promised);
  });
}

test('docs: the example of sessions → runs on a real node and prints what its comments say', async () => {
  const done: string[] = [];
  const { printed, promised } = await runPageExample('sessions.md', {
    pauseWork: () => done.push('pause'),
    goOn: () => done.push('go'),
    startAnew: () => done.push('anew'),
  });
  assert.deepEqual(promised, ['opening open', 'open closed']);
  assert.deepEqual(printed, promised);
  assert.deepEqual(done, ['go']);
});

test('docs: the pages under docs/resources → the examples of all of them are run here', () => {
  const pages = readdirSync(new URL('../../../docs/resources/', import.meta.url));
  assert.deepEqual(pages.sort(), [...PAGES, 'sessions'].map((page) => `${page}.md`).sort());
});
