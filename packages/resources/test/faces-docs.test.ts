import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BUILTIN_TYPES, bytes, describeResource, json, text, validated } from '@quorate/resources';
import { FakeCluster } from './faces-cluster.js';

const PAGES = new URL('../../../docs/resources/', import.meta.url);

type Body = (quorate: unknown, codecs: unknown, console: unknown) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => Body;

/** Runs an example of a page; gives what it printed and what its comments say it prints. */
async function run(example: string): Promise<{ printed: string[]; promised: string[] }> {
  const cluster = new FakeCluster();
  const { resources } = cluster.resources();
  const printed: string[] = [];
  const client = Object.assign(resources, { close: async () => {} });
  const body = example.replaceAll(/^import .*$/gm, '');
  const program = new AsyncFunction('Quorate', 'codecs', 'console', body);
  const quorate = { connect: async () => client };
  const log = (...values: unknown[]): void => void printed.push(values.map(String).join(' '));
  await cluster.time.until(program(quorate, { bytes, json, text, validated }, { log }));
  const promised = [...example.matchAll(/console\.log\(.*\);.*?\/\/ ([^,\n]+)/g)].map(([, what]) => (what as string).trim());
  return { printed, promised };
}

for (const { declaration } of BUILTIN_TYPES) {
  const { type } = declaration;
  const page = new URL(`${type}.md`, PAGES);

  test(`docs: the page of ${type} → has the operations that the code declares (REWRITE=1 writes them)`, () => {
    const written = readFileSync(page, 'utf8');
    const [start, end] = [`<!-- operations:${type} -->\n`, '<!-- end -->\n'];
    const at = written.indexOf(start);
    const until = written.indexOf(end, at);
    assert.ok(at >= 0 && until > at, `no markers in ${type}.md`);
    const expected = `${written.slice(0, at)}${start}${describeResource(declaration)}${written.slice(until)}`;
    if (process.env['REWRITE'] === '1') writeFileSync(page, expected);
    else assert.equal(written, expected);
  });

  test(`docs: the example of ${type} → runs and prints what its comments say`, async () => {
    const written = readFileSync(page, 'utf8');
    const examples = [...written.matchAll(/^```js\n(.*?)^```$/gms)].map(([, body]) => body as string);
    assert.equal(examples.length, 1);
    for (const example of examples) {
      const { printed, promised } = await run(example);
      assert.ok(promised.length > 0);
      assert.deepEqual(printed, promised);
    }
  });
}
