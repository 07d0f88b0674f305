import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { BUILTIN_TYPES, describeResource } from '@quorate/resources';

const PAGES = new URL('../../../docs/resources/', import.meta.url);

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
}
