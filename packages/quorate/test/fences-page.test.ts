import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Quorate } from 'quorate';
import { CALL_MS, startMembers } from './harness/homes.js';

const PAGE = new URL('../../../docs/resources/fences.md', import.meta.url);

type Body = (quorate: unknown, console: unknown) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => Body;

test('docs: the example of fences → runs on a real node and prints what its comments say', async () => {
  const { nodes, addresses } = await startMembers(1);
  try {
    const examples = [...readFileSync(PAGE, 'utf8').matchAll(/^```js\n(.*?)^```$/gms)].map(([, body]) => body as string);
    assert.equal(examples.length, 1);
    const example = examples[0] as string;
    const printed: string[] = [];
    const program = new AsyncFunction('Quorate', 'console', example.replaceAll(/^import .*$/gm, ''));
    const connect = () => Quorate.connect(addresses, { deadlineMs: CALL_MS });
    await program({ connect }, { log: (value: unknown) => void printed.push(String(value)) });
    const promised = [...example.matchAll(/console\.log\(.*\);.*?\/\/ (.+)$/gm)].flatMap(([, what]) => (what as string).split(' … '));
    assert.deepEqual(promised, ['fenced', '1', 'fenced', 'one', 'late']);
    assert.deepEqual(printed, promised);
  } finally {
    await Promise.all(nodes.map((node) => node.close()));
  }
});
