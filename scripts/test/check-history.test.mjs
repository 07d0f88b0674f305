import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { ROOT } from '../workspace.mjs';

const folder = mkdtempSync(join(tmpdir(), 'quorate-history-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const HEADER = '{"format":"quorate-history","version":1,"source":"test","objects":[{"name":"n","kind":"counter"}]}';
const add = (process, timeMs, result) => [
  `{"type":"invoke","timeMs":${timeMs},"process":${process},"object":"n","op":"add","args":{"delta":1}}`,
  `{"type":"ok","timeMs":${timeMs + 1},"process":${process},"result":${result}}`,
];
const GOOD = [HEADER, ...add(0, 0, 1), ...add(1, 2, 2)].join('\n');
const BAD = [HEADER, ...add(0, 0, 1), ...add(1, 2, 3)].join('\n');

function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function run(args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts', 'check-history.mjs'), ...args], { cwd: folder });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (out[name] += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...out }));
    child.stdin.end(input);
  });
}

test('check:history: a good file, and one with a violation → exit codes 0 and 1, the violation with line and states', async () => {
  const good = await run([file('good.jsonl', GOOD)]);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /all is well; 2 calls/);
  const bad = await run([file('good.jsonl', GOOD), file('bad.jsonl', BAD)]);
  assert.equal(bad.code, 1, bad.stderr);
  assert.match(bad.stdout, /bad\.jsonl: line 5: n: linearizability: no order of the calls explains this answer/);
  assert.match(bad.stdout, /the state could be:\n\s+1\n/);
});

test('check:history: --json with the standard input → one line of JSON and nothing else', async () => {
  const { code, stdout } = await run(['--json', '-'], BAD);
  assert.equal(code, 1);
  const verdict = JSON.parse(stdout);
  assert.equal(verdict.ok, false);
  assert.equal(verdict.file, '-');
  assert.deepEqual(
    verdict.problems.map(({ rule, line }) => [rule, line]),
    [['linearizability', 5]],
  );
});

test('check:history: a file that is no history, contradicts itself, is cut off, empty or missing → exit code 2, line and field named', async () => {
  const cases = [
    [file('text.jsonl', 'hello\n'), /line 1, column 1: not a line of JSON/],
    [
      file('answer.jsonl', `${HEADER}\n{"type":"ok","timeMs":0,"process":0,"result":1}\n`),
      /line 2, field process: process 0 has no open call/,
    ],
    [file('cut.jsonl', GOOD.slice(0, -5)), /line 5, column \d+: not a line of JSON/],
    [file('empty.jsonl', ''), /line 1: the file is empty/],
    [join(folder, 'missing.jsonl'), /missing\.jsonl: ENOENT/],
    [folder, /EISDIR/],
  ];
  for (const [path, message] of cases) {
    const { code, stderr } = await run([path]);
    assert.equal(code, 2, `${path}: ${stderr}`);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n\s+at /);
  }
});

test('check:history: no file, an unknown flag → exit code 2 and the usage; --help → exit code 0', async () => {
  assert.deepEqual([(await run([])).code, (await run(['--colour', 'x'])).code], [2, 2]);
  assert.match((await run(['--colour', 'x'])).stderr, /unknown argument "--colour"\n\nusage: npm run check:history/);
  const help = await run(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /usage: npm run check:history/);
});
