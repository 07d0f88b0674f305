import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { completed, missingOptionals, platformOf } from '../complete-lock.mjs';
import { ROOT, installNeeded, removeOrphans } from '../workspace.mjs';

function folderWith(t, files) {
  const root = mkdtempSync(join(tmpdir(), 'quorate-workspace-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return root;
}

const LOCK = {
  packages: {
    '': { name: 'x' },
    'packages/base': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-1' },
    'node_modules/only-mac': { version: '1.0.0', integrity: 'sha512-2', optional: true },
  },
};
const installed = (changes) => ({
  packages: { 'packages/base': { version: '0.1.0' }, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-1' }, ...changes },
});

test('install: no node_modules → needed', (t) => {
  assert.match(installNeeded(folderWith(t, { 'package-lock.json': LOCK })), /missing/);
});

test('install: what the lock file says, less the binaries of other platforms → not needed', (t) => {
  const files = { 'package-lock.json': LOCK, 'node_modules/.package-lock.json': installed({}) };
  assert.equal(installNeeded(folderWith(t, files)), null);
});

test('install: another version, another integrity, a missing package → needed, with the name', (t) => {
  for (const change of [{ version: '1.0.1', integrity: 'sha512-1' }, { version: '1.0.0', integrity: 'sha512-9' }, undefined]) {
    const files = { 'package-lock.json': LOCK, 'node_modules/.package-lock.json': installed({ 'node_modules/a': change }) };
    assert.match(installNeeded(folderWith(t, files)) ?? '', /node_modules\/a/);
  }
});

test('install: a command of a package that is not linked yet → needed', (t) => {
  const lock = { packages: { 'packages/base': { version: '0.1.0', bin: { x: 'bin/x.mjs' } } } };
  const files = { 'package-lock.json': lock, 'node_modules/.package-lock.json': { packages: { 'packages/base': { version: '0.1.0' } } } };
  assert.match(installNeeded(folderWith(t, files)) ?? '', /other commands/);
});

test('lock file: optional packages of other platforms left out → found and added with what their names tell', () => {
  const lock = {
    packages: {
      'node_modules/tool': {
        version: '1.0.0',
        dev: true,
        optionalDependencies: { '@tool/linux-x64-musl': '1.0.0', '@tool/linux-x64': '1.0.0' },
      },
      'node_modules/@tool/linux-x64': { version: '1.0.0' },
    },
  };
  assert.deepEqual(
    missingOptionals(lock).map(({ name }) => name),
    ['@tool/linux-x64-musl'],
  );
  const { packages } = completed(lock);
  const expected = { version: '1.0.0', cpu: ['x64'], dev: true, libc: ['musl'], optional: true, os: ['linux'] };
  assert.deepEqual(packages['node_modules/@tool/linux-x64-musl'], expected);
  assert.deepEqual(missingOptionals({ packages }), []);
  assert.deepEqual(platformOf('@oxlint/binding-win32-arm64-msvc'), { cpu: ['arm64'], os: ['win32'] });
});

test('build: compiled files whose source is gone → removed, the others stay', (t) => {
  const root = folderWith(t, {
    'packages/base/package.json': {},
    'packages/base/src/kept.ts': '',
    'packages/base/dist/kept.js': '',
    'packages/base/dist/kept.d.ts.map': '',
    'packages/base/dist/gone.js': '',
    'packages/base/dist/gone.d.ts': '',
    'packages/base/test/deep/kept.test.ts': '',
    'packages/base/dist-test/deep/kept.test.js': '',
    'packages/base/dist-test/deep/gone.test.js': '',
    'packages/base/dist-test/.tsbuildinfo': '',
    'examples/kept/main.ts': '',
    'examples/kept/main.js': '',
    'examples/gone/main.js': '',
  });
  assert.equal(removeOrphans(root).length, 4);
  for (const kept of ['dist/kept.js', 'dist/kept.d.ts.map', 'dist-test/deep/kept.test.js', 'dist-test/.tsbuildinfo']) {
    assert.ok(existsSync(join(root, 'packages/base', kept)), kept);
  }
  assert.ok(existsSync(join(root, 'examples/kept/main.js')));
  assert.ok(!existsSync(join(root, 'examples/gone/main.js')));
  for (const gone of ['dist/gone.js', 'dist/gone.d.ts', 'dist-test/deep/gone.test.js']) {
    assert.ok(!existsSync(join(root, 'packages/base', gone)), gone);
  }
});

test('scripts: an unknown flag or a bad value → exit code 2 and the flags there are', async () => {
  for (const [script, ...args] of [
    ['sim.mjs', '--sede', '1'],
    ['sim.mjs', '--seed', 'x'],
    ['sim.mjs', '--seed'],
    ['fuzz.mjs', '--seconds', '0'],
  ]) {
    const failure = await promisify(execFile)(process.execPath, [join(ROOT, 'scripts', script), ...args]).then(
      () => assert.fail('it must fail'),
      (error) => error,
    );
    assert.equal(failure.code, 2, `${script} ${args.join(' ')}`);
    assert.match(failure.stderr, /^error: /);
  }
});

test('scripts that start, test and build → import nothing but Node and each other (they run before any install)', async () => {
  const { importsOf } = await import('../source-text.mjs');
  const { readFileSync } = await import('node:fs');
  for (const script of [
    'workspace.mjs',
    'start.mjs',
    'test.mjs',
    'build.mjs',
    'check.mjs',
    'source-text.mjs',
    'check-layers.mjs',
    'tidy.mjs',
    'check-readme.mjs',
  ]) {
    for (const { specifier } of importsOf(readFileSync(join(ROOT, 'scripts', script), 'utf8'))) {
      assert.match(specifier, /^(?:node:|\.\/[a-z-]+\.mjs$)/, `${script} imports ${specifier}`);
    }
  }
});
