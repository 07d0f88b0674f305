import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Quorate } from 'quorate';
import { CALL_MS, startMembers } from './harness/homes.js';
import { pageExample } from './harness/page-example.js';

test('docs: the example of fences → runs on a real node and prints what its comments say', async () => {
  const { nodes, addresses } = await startMembers(1);
  try {
    const { example, program } = pageExample('fences.md');
    const printed: string[] = [];
    const connect = () => Quorate.connect(addresses, { deadlineMs: CALL_MS });
    await program({ connect }, { log: (value: unknown) => void printed.push(String(value)) });
    const promised = [...example.matchAll(/console\.log\(.*\);.*?\/\/ (.+)$/gm)].flatMap(([, what]) => (what as string).split(' … '));
    assert.deepEqual(promised, ['fenced', '1', 'fenced', 'one', 'late']);
    assert.deepEqual(printed, promised);
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
});
