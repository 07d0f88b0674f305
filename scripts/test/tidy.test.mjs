import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkTidy } from '../tidy.mjs';

const MANIFEST = {
  name: '@quorate/base',
  version: '0.1.0',
  description: 'A package for tests',
  license: 'Apache-2.0',
  exports: { '.': { default: './dist/index.js' } },
};

async function checked(t, changes) {
  const root = mkdtempSync(join(tmpdir(), 'quorate-tidy-'));
  t.after(() => rmSync(root, { recursive: true }));
  const files = {
    'package.json': '{ "version": "0.1.0" }\n',
    'scripts/tidy-ratchet.json': '{ "fileLines": {}, "functionLines": {} }\n',
    'packages/base/package.json': `${JSON.stringify(MANIFEST)}\n`,
    'packages/base/src/index.ts': "export * from './thing.js';\nexport { kept } from './more.js';\n",
    'packages/base/src/thing.ts': '/** A thing. */\nexport const thing = 1;\n',
    'packages/base/src/more.ts': '/** Kept. */\nexport const kept = 1;\nexport const internal = 2;\n',
    'packages/base/src/errors.ts':
      "/** Codes. */\nexport const ERROR_CODES = {\n  // Group.\n  one: 'safe',\n  two: 'never',\n} as const;\n",
    'docs/errors.md': '| `one` | `safe` | text |\n| `two` | `never` | text |\n',
  };
  for (const [path, text] of Object.entries({ ...files, ...changes })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkTidy(root);
}

test('tidy: a sound small repository → no violation', async (t) => {
  assert.deepEqual(await checked(t, {}), []);
});

const longFile = '// line\n'.repeat(401);
const longFunction = `/** Long. */\nexport function long(): void {\n${'  void 0;\n'.repeat(95)}}\n`;
const BROKEN = [
  ['a file over 400 lines', { 'packages/base/src/a.ts': longFile }, /401 lines, at most 400/],
  ['a function over 90 lines', { 'packages/base/src/a.ts': longFunction }, /long has \d+ lines, at most 90/],
  ['a name that says nothing', { 'packages/base/src/string-utils.ts': '' }, /"utils" says nothing/],
  ['a folder name that says nothing', { 'packages/base/src/common/a.ts': '' }, /"common" says nothing/],
  ['unfinished work', { 'packages/base/src/a.ts': '// TODO later\n' }, /unfinished work/],
  ['a path of one machine', { 'docs/a.md': 'see /home/someone/file\n' }, /a path of one machine/],
  ['a registry host', { 'a.json': '"https://registry.example.org/x"\n' }, /package registry/],
  ['blanks at the end', { 'docs/a.md': 'text \n' }, /blanks at the end/],
  ['no newline at the end', { 'docs/a.md': 'text' }, /does not end with a newline/],
  ['carriage returns', { 'docs/a.md': 'text\r\n' }, /carriage returns/],
  ['a silenced linter without reason', { 'packages/base/src/a.ts': '// oxlint-disable-next-line no-eval\n' }, /silenced linter/],
  ['a test that is switched off', { 'packages/base/test/a.test.ts': "test.skip('x: y → z', () => {});\n" }, /every test runs/],
  ['a test that runs alone', { 'packages/base/test/a.test.ts': "test('x: y → z', { only: true }, () => {});\n" }, /every test runs/],
  ['no description', { 'packages/base/package.json': `${JSON.stringify({ ...MANIFEST, description: '' })}\n` }, /needs a description/],
  ['another version', { 'packages/base/package.json': `${JSON.stringify({ ...MANIFEST, version: '0.2.0' })}\n` }, /version 0\.2\.0/],
  [
    'a public name without a comment',
    { 'packages/base/src/thing.ts': 'export const thing = 1;\n' },
    /thing is public and has no doc comment/,
  ],
  ['a public name that says nothing', { 'packages/base/src/thing.ts': '/** X. */\nexport class LogManager {}\n' }, /LogManager: name it/],
  ['an error that is not explained', { 'docs/errors.md': '| `one` | `safe` | text |\n' }, /two is missing/],
  [
    'an error with another class',
    { 'docs/errors.md': '| `one` | `never` | x |\n| `two` | `never` | x |\n' },
    /one has the retry class safe/,
  ],
  [
    'an error that is gone',
    { 'docs/errors.md': '| `one` | `safe` | x |\n| `two` | `never` | x |\n| `six` | `never` | x |\n' },
    /there is no code six/,
  ],
  [
    'a ratchet that could be lower',
    { 'scripts/tidy-ratchet.json': '{ "fileLines": { "packages/base/src/thing.ts": 500 }, "functionLines": {} }\n' },
    /shrank to 2 lines/,
  ],
  [
    'a ratchet of a file that is gone',
    { 'scripts/tidy-ratchet.json': '{ "fileLines": { "packages/base/src/gone.ts": 500 }, "functionLines": {} }\n' },
    /is gone/,
  ],
  [
    'a ratchet of a function that is short',
    { 'scripts/tidy-ratchet.json': '{ "fileLines": {}, "functionLines": { "packages/base/src/thing.ts#x": 95 } }\n' },
    /within the limit now/,
  ],
];

for (const [title, changes, expected] of BROKEN) {
  test(`tidy: ${title} → found`, async (t) => {
    const violations = await checked(t, changes);
    assert.ok(
      violations.some((violation) => expected.test(violation)),
      `expected ${expected} in:\n${violations.join('\n')}`,
    );
  });
}

test('tidy: a file in the ratchet at its present size → no violation; one line more → found', async (t) => {
  const ratchet = '{ "fileLines": { "packages/base/src/a.ts": 401 }, "functionLines": {} }\n';
  assert.deepEqual(await checked(t, { 'packages/base/src/a.ts': longFile, 'scripts/tidy-ratchet.json': ratchet }), []);
  const grown = await checked(t, { 'packages/base/src/a.ts': `${longFile}//\n`, 'scripts/tidy-ratchet.json': ratchet });
  assert.match(grown.join('\n'), /grew to 402 lines over its ratchet of 401/);
});
