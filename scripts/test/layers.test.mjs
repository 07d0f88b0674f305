import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkLayers } from '../check-layers.mjs';
import { codeOnly, exportsOf, importsOf, reExportsOf } from '../source-text.mjs';

const RULES = {
  packages: {
    base: { layer: 0, kind: 'pure', mayImport: [] },
    wire: { layer: 1, kind: 'ports', mayImport: ['base'], asyncFiles: ['face.ts', '{kind}/{kind}.ts'] },
    server: { layer: 4, kind: 'io', mayImport: ['base', 'wire'] },
  },
};

/** A small sound repository with some files replaced; gives what the check says of it. */
function checked(t, changes) {
  const root = mkdtempSync(join(tmpdir(), 'quorate-layers-'));
  t.after(() => rmSync(root, { recursive: true }));
  const files = { 'layers.json': JSON.stringify(RULES) };
  for (const [name, { mayImport }] of Object.entries(RULES.packages)) {
    const dependencies = Object.fromEntries(mayImport.map((other) => [`@quorate/${other}`, '0.1.0']));
    const exports = { '.': './dist/index.js' };
    files[`packages/${name}/package.json`] = JSON.stringify({ name: `@quorate/${name}`, version: '0.1.0', exports, dependencies });
    files[`packages/${name}/tsconfig.json`] = JSON.stringify({ references: mayImport.map((other) => ({ path: `../${other}` })) });
    files[`packages/${name}/src/index.ts`] = mayImport.map((other) => `import '@quorate/${other}';\n`).join('');
  }
  for (const [path, text] of Object.entries({ ...files, ...changes })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkLayers(root);
}

test('layers: this repository → the rule holds', () => {
  assert.deepEqual(checkLayers(), []);
});

test('layers: a sound small repository → no violation', (t) => {
  assert.deepEqual(checked(t, {}), []);
});

const BROKEN = [
  [
    'an import that points up',
    'packages/base/src/a.ts',
    "import { x } from '@quorate/wire';",
    /imports @quorate\/wire, which layers\.json does not allow/,
  ],
  ['a type import that points up', 'packages/base/src/a.ts', "import type { X } from '@quorate/wire';", /layers\.json does not allow/],
  ['a lazy import that points up', 'packages/wire/src/a.ts', "const m = import('@quorate/server');", /imports @quorate\/server/],
  ['a re-export that points up', 'packages/base/src/a.ts', "export * from '@quorate/wire';", /imports @quorate\/wire/],
  ['Node in a ports package', 'packages/wire/src/a.ts', "import { readFileSync } from 'node:fs';", /node:fs in a package of kind ports/],
  ['Node without its prefix', 'packages/server/src/a.ts', "import { readFileSync } from 'fs';", /must be written with node:/],
  ['a deep import', 'packages/server/src/a.ts', "import { x } from '@quorate/base/dist/secret.js';", /is no door of @quorate\/base/],
  ['a path out of src', 'packages/server/src/a.ts', "import { x } from '../../base/src/index.js';", /leaves src/],
  ['a foreign dependency', 'packages/wire/src/a.ts', "import pino from 'pino';", /package\.json does not list/],
  ['the clock in a pure package', 'packages/base/src/a.ts', 'export const now = Date.now();', /"Date" in a package of kind pure/],
  ['a new Date in a ports package', 'packages/wire/src/a.ts', 'export const now = new Date();', /"new Date" in a package of kind ports/],
  ['chance in a pure package', 'packages/base/src/a.ts', 'export const x = Math.random();', /Math\.random/],
  ['a timer in a ports package', 'packages/wire/src/a.ts', 'setTimeout(() => {}, 1);', /setTimeout/],
  ['the locale in a pure package', 'packages/base/src/a.ts', "export const x = 'a'.localeCompare('b');", /localeCompare/],
  ['async in a pure package', 'packages/base/src/a.ts', 'export async function x() {}', /"async" outside the public face/],
  ['await inside a template', 'packages/base/src/a.ts', 'export const x = `${await y}`;', /"await" outside/],
  [
    'a promise beside the face of a folder',
    'packages/wire/src/map/map-set.ts',
    'export const x = new Promise(() => {});',
    /"Promise" outside/,
  ],
  [
    'a promise below the face of a folder',
    'packages/wire/src/a/map/map.ts',
    'export const x = new Promise(() => {});',
    /"Promise" outside/,
  ],
  ['a promise outside the face', 'packages/wire/src/a.ts', 'export const x = new Promise(() => {});', /"Promise" outside the public face/],
  [
    'an unlocked version',
    'packages/wire/package.json',
    '{"name":"@quorate/wire","version":"0.1.0","dependencies":{"@quorate/base":"^0.1.0"}}',
    /must have the version 0\.1\.0/,
  ],
  ['a dependency never used', 'packages/wire/src/index.ts', '', /depends on @quorate\/base and never imports it/],
  [
    'a project reference that points up',
    'packages/base/tsconfig.json',
    '{"references":[{"path":"../wire"}]}',
    /reference \.\.\/wire is not allowed/,
  ],
  [
    'types of Node in a pure package',
    'packages/base/tsconfig.json',
    '{"compilerOptions":{"types":["node"]},"references":[]}',
    /"types" in a package of kind pure/,
  ],
  ['a package without a rule', 'packages/extra/package.json', '{"name":"@quorate/extra","version":"0.1.0"}', /package extra is missing/],
];

for (const [title, path, text, expected] of BROKEN) {
  test(`layers: ${title} → found`, (t) => {
    const violations = checked(t, { [path]: text });
    assert.ok(
      violations.some((violation) => expected.test(violation)),
      `expected ${expected} in:\n${violations.join('\n')}`,
    );
  });
}

test('layers: the same words in comments, strings, names and the public face → no violation', (t) => {
  const innocent = [
    '// Date.now() and setTimeout() and async are forbidden here',
    '/* Math.random() */',
    'export const text = \'await Date.now(), import { x } from "node:fs"\';',
    'export const pattern = /setTimeout\\(["\'`]/;',
    'export const handler = { onSetTimeout: 1, isAsync: true, process: 1 };',
    'export const process = { disk: 1 }; export const d = process.disk;',
  ].join('\n');
  const face = 'export async function open(): Promise<void> {}';
  assert.deepEqual(
    checked(t, { 'packages/base/src/a.ts': innocent, 'packages/wire/src/face.ts': face, 'packages/wire/src/map/map.ts': face }),
    [],
  );
});

test('source text: comments, strings, templates and regular expressions → blanked, positions kept', () => {
  const source = "a('x // y'); // gone\nb(`t ${c('}')} u`); d = /['\"`]/.test(e) /* f */ / 2;";
  const code = codeOnly(source);
  assert.equal(code.length, source.length);
  assert.equal(code.replace(/ +/g, ' '), "a(' '); \nb(` ${c(' ')} `); d = / /.test(e) / 2;");
});

test('source text: imports, exports and re-exports → names, lines, documentation', () => {
  const source = [
    '/** Documented. */',
    'export function first() {}',
    'export const second = 1;',
    "export * from './third.js';",
    "export { type A, b as c } from './fourth.js';",
    "import type { X } from '@quorate/base';",
  ].join('\n');
  assert.deepEqual(
    exportsOf(source).map(({ name, line, isDocumented }) => [name, line, isDocumented]),
    [
      ['first', 2, true],
      ['second', 3, false],
    ],
  );
  assert.deepEqual(reExportsOf(source), [
    { specifier: './third.js', names: null },
    { specifier: './fourth.js', names: ['A', 'b'] },
  ]);
  assert.deepEqual(
    importsOf(source).map(({ specifier }) => specifier),
    ['./third.js', './fourth.js', '@quorate/base'],
  );
});
