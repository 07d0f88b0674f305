// What CONTRIBUTING.md says of a new kind of resource: a folder, its lines in the list of built-ins, a page and its tests. Here one comes into a
// scratch copy of the repository in just that way, and is then looked for wherever kinds are.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { checkLayers } from '../check-layers.mjs';
import { runChild } from '../mutants/child.mjs';
import { Scratch } from '../mutants/scratch.mjs';
import { ROOT } from '../workspace.mjs';

const SECONDS_MAX = 180;

/** The folder: declaration, machine, face and what clients and nodes are given of them. One file here; four are better. */
const REGISTER = `
import { declareResource, flag, optional, resourceType, text } from '@quorate/machine';
import type { Builtin } from '../builtin.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import { promiseOf } from '../promises/pending-promise.js';

export const REGISTER = declareResource({
  type: 'register',
  version: 1,
  doc: 'One text.',
  operations: {
    read: { kind: 'query', code: 1, doc: 'The text.', args: {}, result: optional(text({ max: 100 })), errors: [] },
    write: { kind: 'command', code: 2, doc: 'Another text.', args: { value: text({ max: 100 }) }, result: flag(), errors: [] },
  },
  events: {},
});

const KEY = new Uint8Array(0);
const registerType = resourceType(REGISTER, {
  commands: {
    write: ({ space }, { value }) => {
      const isOther = space.get(KEY) !== undefined;
      space.set(KEY, new TextEncoder().encode(value));
      return isOther;
    },
  },
  queries: {
    read: ({ space }) => {
      const stored = space.get(KEY);
      return stored === undefined ? null : new TextDecoder().decode(stored);
    },
  },
});

export class Register {
  readonly #handle: ResourceHandle<typeof REGISTER>;
  constructor(handle: ResourceHandle<typeof REGISTER>) {
    this.#handle = handle;
  }
  get name(): string {
    return this.#handle.name;
  }
  async read(): Promise<string | null> {
    return promiseOf(undefined, (done) => this.#handle.query('read', {}, {}, done));
  }
  async write(value: string): Promise<boolean> {
    return promiseOf(undefined, (done) => this.#handle.command('write', { value }, {}, done));
  }
}

export interface RegisterMethod {
  /** A register by name. */
  register(name: string): Register;
}

export const registerBuiltin: Builtin<RegisterMethod['register']> = {
  type: registerType,
  open: (client) => (name) => new Register(client.resource(REGISTER, name).handle),
};
`;

/** File, what stands there, what stands there then. */
const LINES = [
  [
    'packages/resources/src/builtin-types.ts',
    "from './map/map-builtin.js';\n",
    "from './map/map-builtin.js';\nimport { type RegisterMethod, registerBuiltin } from './register/register.js';\n",
  ],
  ['packages/resources/src/builtin-types.ts', 'MapMethod {}', 'MapMethod, RegisterMethod {}'],
  ['packages/resources/src/builtin-types.ts', '  map: mapBuiltin,\n', '  map: mapBuiltin,\n  register: registerBuiltin,\n'],
  ['packages/resources/src/index.ts', 'export { Counter }', "export { Register } from './register/register.js';\nexport { Counter }"],
  ['packages/quorate/src/index.ts', '  ReplicatedMap,\n', '  Register,\n  ReplicatedMap,\n'],
];

const PAGE = `# Registers

\`\`\`js
import { Quorate } from 'quorate';

const client = await Quorate.connect('127.0.0.1:7400');
console.log(await client.register('r').write('a')); // false
console.log(await client.register('r').read()); // a
\`\`\`

<!-- operations:register -->
<!-- end -->
`;

/** Compiled, as the compiler would give it: tests of a package are not compiled here. */
const FACE_TESTS = `
import assert from 'node:assert/strict';
export const tests = {
  'register: written by one client → read by the other': async ({ a, b, name }) => {
    assert.equal(await a.register(name).write('x'), false);
    assert.equal(await b.register(name).read(), 'x');
  },
};
`;

/** What users write: it must compile, too. */
const PROGRAM = `
import process from 'node:process';
import { main } from '@quorate/cli';
import { Quorate, type Register } from './index.js';

const [data = '', address = ''] = process.argv.slice(2);
const quorate = await Quorate.start({ data, address, deadlineMs: 60_000 });
const register: Register = quorate.register('r');
await register.write('typed');
// @ts-expect-error a register has texts
const wrong = (): Promise<boolean> => register.write(1);
const io = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, environment: {} };
const call = (...args: string[]): Promise<number> => main(['call', 'register', ...args, '--connect', address, '--timeout', '60'], io);
await call('r', 'read');
await call('r', 'write', '{"value":"called"}');
await call();
process.stdout.write(\`\${await register.read()} \${typeof wrong}\\n\`);
await quorate.close();
process.exit(0);
`;

const CALLED = `typed
true
read (query): The text.
    result     text (0 to 100 bytes) or none
write (command): Another text.
    arguments  value: text (0 to 100 bytes)
    result     true or false
called function
`;

test('a new kind of resource: its folder, its lines in the lists, its page and tests → served, typed, called, documented and tested', async (t) => {
  const scratch = new Scratch(['resources', 'quorate', 'testkit']);
  t.after(() => scratch.remove());
  const pathOf = (path) => join(scratch.path, path);
  const write = (path, text) => {
    mkdirSync(dirname(pathOf(path)), { recursive: true });
    writeFileSync(pathOf(path), text);
  };
  const node = async (args) => await runChild(args, { cwd: scratch.path, secondsMax: SECONDS_MAX });
  const tests = async (file) => await node(['--test-name-pattern=register', '--test-reporter=tap', pathOf(file)]);
  const passed = async (file, count) => {
    const { code, output } = await tests(file);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`^# pass ${count}$`, 'm'), file);
  };
  cpSync(join(ROOT, 'docs'), pathOf('docs'), { recursive: true });

  write('packages/resources/src/register/register.ts', REGISTER);
  write('packages/quorate/src/program.ts', PROGRAM);
  for (const [file, old, changed] of LINES) {
    const text = readFileSync(pathOf(file), 'utf8');
    assert.equal(text.split(old).length, 2, `${old} in ${file}`);
    write(file, text.replace(old, changed));
  }
  const { code, output } = await node([join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', 'packages/quorate']);
  assert.equal(code, 0, output);
  assert.deepEqual(checkLayers(scratch.path), []);

  const { freePortRange } = await import('../../packages/server/dist-test/harness/free-ports.js');
  const address = `127.0.0.1:${await freePortRange(1)}`;
  assert.deepEqual(await node([pathOf('packages/quorate/dist/program.js'), pathOf('data'), address]), {
    code: 0,
    isLate: false,
    output: CALLED,
  });

  // The list alone asks for a page and for tests of the face.
  const pageTests = 'packages/resources/dist-test/faces-docs.test.js';
  assert.match((await tests(pageTests)).output, /ENOENT.*register\.md/);
  const faceTests = ['simulated', 'embedded-alone', 'embedded-three', 'remote'].map(
    (home) => `packages/quorate/dist-test/faces-${home}.test.js`,
  );
  assert.match((await tests(faceTests[0])).output, /Cannot find module .*faces.register\.js/);
  write('docs/resources/register.md', PAGE);
  write('packages/quorate/dist-test/faces/register.js', FACE_TESTS);
  assert.match((await tests(pageTests)).output, /^not ok .*the page of register/m);
  process.env.REWRITE = '1';
  t.after(() => delete process.env.REWRITE);
  await tests(pageTests);
  delete process.env.REWRITE;
  assert.match(
    readFileSync(pathOf('docs/resources/register.md'), 'utf8'),
    /^\| `write` \| command \| `value`: text \(0 to 100 bytes\) \|/m,
  );
  await passed(pageTests, 1);
  await passed('packages/quorate/dist-test/resource-pages.test.js', 1);
  await passed('packages/resources/dist-test/builtins.test.js', 2);
  // Of every home: what is asked of any kind, and its own.
  for (const file of faceTests) await passed(file, 2);
});
