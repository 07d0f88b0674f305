import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { mergedEvents } from '../chaos/merge.mjs';
import { ROOT } from '../workspace.mjs';

const folder = mkdtempSync(join(tmpdir(), 'quorate-chaos-test-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function start(script, args, env = {}) {
  const child = spawn(process.execPath, [join(ROOT, 'scripts', script), ...args], { env: { ...process.env, ...env } });
  const run = { child, output: '', ended: null };
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (text) => (run.output += text));
  run.ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  return run;
}

function life(name, lines, endMs = null) {
  const file = join(folder, `${name}.jsonl`);
  writeFileSync(file, lines.map((line) => (typeof line === 'string' ? line : `${JSON.stringify(line)}\n`)).join(''));
  return { name, file, endMs };
}
const invoke = (timeMs, process, client) => ({ type: 'invoke', timeMs, process, client, object: 'n', op: 'get', args: {} });
const ok = (timeMs, process) => ({ type: 'ok', timeMs, process, result: 0 });

test('chaos, merged histories: lanes of two processes with the same numbers → numbers of their own, in the order of time', () => {
  const events = [...mergedEvents([life('a', [invoke(1, 0, 'a'), ok(4, 0)]), life('b', [invoke(2, 0, 'b'), ok(3, 0)])])];
  assert.deepEqual(
    events.map(({ type, timeMs, process }) => [type, timeMs, process]),
    [
      ['invoke', 1, 0],
      ['invoke', 2, 1],
      ['ok', 3, 1],
      ['ok', 4, 0],
    ],
  );
});

test('chaos, merged histories: a call begins in the moment in which another ends → neither is said to be before the other', () => {
  const events = [...mergedEvents([life('a', [invoke(1, 0, 'a'), ok(2, 0)]), life('b', [invoke(2, 0, 'b'), ok(3, 0)])])];
  assert.deepEqual(
    events.map(({ type, timeMs }) => [type, timeMs]),
    [
      ['invoke', 1],
      ['invoke', 2],
      ['ok', 2],
      ['ok', 3],
    ],
  );
});

test('chaos, merged histories: a client was killed while it wrote → its open call is unknown, its session lost, the half line is nothing', () => {
  const killed = life('a', [invoke(1, 0, 'a'), invoke(2, 1, 'a'), ok(3, 1), '{"type":"ok","timeMs":4,"proc'], 5);
  const events = [...mergedEvents([killed, life('b', [invoke(6, 0, 'b'), ok(7, 0)])])];
  assert.deepEqual(events.slice(3), [
    { type: 'info', timeMs: 5, process: 0, error: 'processEnded' },
    { type: 'session', timeMs: 5, client: 'a', session: 'a, killed', state: 'lost' },
    { ...invoke(6, 2, 'b') },
    ok(7, 2),
  ]);
});

test('chaos, merged histories: a client was killed before it wrote anything → its session lost, no more', () => {
  assert.deepEqual(
    [...mergedEvents([life('a', [], 5)])],
    [{ type: 'session', timeMs: 5, client: 'a', session: 'a, killed', state: 'lost' }],
  );
});

for (const [args, says] of [
  [['--minuets', '1'], /unknown argument "--minuets"/],
  [['--minutes', 'ten'], /--minutes must be a number from 0\.05 to 1440, not "ten"/],
  [['--seed', '-1'], /--seed must be a whole number/],
  [['--faults', 'kill,flood'], /there is no fault "flood"/],
  [['--network', 'tokenring'], /--network must be one of: namespaces, proxies/],
  [['--clients'], /--clients needs a value/],
]) {
  test(`chaos: ${args.join(' ')} → a clear error, exit code 2`, async () => {
    const run = start('chaos.mjs', args);
    assert.deepEqual(await run.ended, { code: 2, signal: null });
    assert.match(run.output, says);
  });
}

/** All that proxies can do, but `killAll` and `pause`, which are more of the same and take long; packets and namespaces: chaos-modules.test.mjs. */
const FAULTS = [
  'kill',
  'killLeader',
  'killClient',
  'stop',
  'pauseLeader',
  'pauseClient',
  'isolate',
  'cut',
  'cutOneWay',
  'reset',
  'diskFull',
  'clockJump',
  'clockRate',
];

test('chaos: some seconds with real servers → each fault injected, no violation, the history passes, nothing is left behind', async () => {
  const own = join(folder, 'tmp');
  mkdirSync(own);
  const history = join(folder, 'history.jsonl');
  const args = ['--minutes', '0.1', '--seed', '1', '--network', 'proxies', '--clients', '2', '--history', history];
  const run = start('chaos.mjs', [...args, '--faults', FAULTS.join(',')], { TMPDIR: own });
  const { code } = await run.ended;
  assert.equal(code, 0, run.output);
  assert.match(run.output, /all promises held/);
  for (const fault of FAULTS) assert.match(run.output, new RegExp(`chaos: ${fault}: [1-9]`, 'u'), run.output);
  assert.equal(run.output.trimEnd().split('\n').at(-1), `[quorate] chaos: history: ${history}`);
  assert.deepEqual(readdirSync(own), []);
  const check = start('check-history.mjs', [history]);
  assert.equal((await check.ended).code, 0, check.output);
});

test('chaos: a run without --history, a place that cannot be written → kept in the folder for temporary files; told before anything begins', async () => {
  const own = join(folder, 'kept');
  mkdirSync(own);
  const run = start('chaos.mjs', ['--minutes', '0.05', '--seed', '2', '--network', 'proxies', '--clients', '1', '--faults', 'none'], {
    TMPDIR: own,
  });
  assert.equal((await run.ended).code, 0, run.output);
  const file = /chaos: history: (.+-seed-2\.jsonl)\n$/u.exec(run.output)?.[1] ?? '';
  assert.ok(file.startsWith(own), run.output);
  const check = start('check-history.mjs', [file]);
  assert.equal((await check.ended).code, 0, check.output);
  const nowhere = start('chaos.mjs', ['--history', join(folder, 'no', 'such', 'folder')]);
  assert.equal((await nowhere.ended).code, 3);
  assert.match(nowhere.output, /ENOENT/);
  assert.doesNotMatch(nowhere.output, /minutes/);
});
