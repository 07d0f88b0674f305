// The examples, as people run them: real processes, from the root of the repository.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Quorate } from 'quorate';
import { freePortRange } from '../../packages/server/dist-test/harness/free-ports.js';
import { LineProcess, endAllProcesses, isAlive } from '../../packages/server/dist-test/harness/line-process.js';
import { temporaryDirectory } from '../../packages/server/dist-test/harness/temporary-directory.js';
import { ROOT, listFiles } from '../workspace.mjs';

const ELECTED = /^Elected leader!$/;
/** What the example promises, for the kill in the middle: one of them may meet a moment in which the machine is busy with others. Of 20 kills all took 310 to 770 ms. */
const FAIL_OVER_MS = 1000;
const FAIL_OVER_MS_MAX = 3000;
const KILLS = 5;
const STOPPED = { code: 0, signal: null };

function start(example, args, options) {
  return new LineProcess(join(ROOT, 'examples', example, 'main.js'), args, { cwd: ROOT, ...options });
}

/** Starts one example three times, each with the addresses in the order that its usage says: the own one first. */
async function members(example, options) {
  const first = await freePortRange(3);
  const addresses = [0, 1, 2].map((at) => `localhost:${first + at}`);
  const logs = temporaryDirectory();
  const run = (at) => {
    const others = addresses.filter((_, other) => other !== at);
    return start(example, [join(logs, `server${at + 1}`), addresses[at], ...others], options);
  };
  return { addresses, run, all: addresses.map((_, at) => run(at)) };
}

/** Resolves once every member serves and knows the leaders of all groups. */
async function untilAllServe(addresses) {
  const client = await Quorate.connect(addresses, { deadlineMs: 60_000 });
  for (const address of addresses) {
    for (;;) {
      const status = await client.status({ address, deadlineMs: 2000 }).catch(() => null);
      if (status?.state === 'serving' && status.groups.length > 1 && status.groups.every(({ leader }) => leader !== 0)) break;
      await delay(50);
    }
  }
  await client.close();
}

function isFree(address) {
  const [, port] = address.split(':');
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen({ host: '127.0.0.1', port: Number(port), exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

async function stopAll(processes, addresses) {
  const ends = await Promise.all(processes.map((each) => each.end('SIGINT')));
  for (const [at, end] of ends.entries()) assert.deepEqual(end, STOPPED, processes[at].said);
  for (const { pid } of processes) assert.ok(!isAlive(pid));
  for (const address of addresses) assert.ok(await isFree(address), `${address} is still in use`);
}

after(endAllProcesses);

test('leader-election: the leader is killed, five times → another prints it within a second; Ctrl-C leaves nothing', async (t) => {
  const { addresses, run, all } = await members('leader-election');
  let leader = await Promise.race(all.map((each, at) => each.line(ELECTED).then(() => at)));
  const tookMs = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await untilAllServe(addresses);
    assert.equal(all.filter(({ lines }) => lines.length > 0).length, 1, 'one leads at a time');
    const others = all.filter((_, at) => at !== leader);
    const since = performance.now();
    all[leader].child.kill('SIGKILL');
    const next = await Promise.race(others.map((each) => each.line(ELECTED).then(() => all.indexOf(each))));
    tookMs.push(performance.now() - since);
    await all[leader].ended;
    all[leader] = run(leader);
    leader = next;
  }
  t.diagnostic(`fail-over of the leader election example: ${tookMs.map((ms) => ms.toFixed(0)).join(', ')} ms`);
  tookMs.sort((a, b) => a - b);
  assert.ok(tookMs[Math.floor(KILLS / 2)] < FAIL_OVER_MS && tookMs.at(-1) < FAIL_OVER_MS_MAX, `${tookMs}`);
  await untilAllServe(addresses);
  for (const each of all) assert.deepEqual(each.errorLines, []);
  await stopAll(all, addresses);
});

test('leader-election: the leader is stopped with Ctrl-C → it ends in order and another leads; started again, it waits', async () => {
  const { addresses, run, all } = await members('leader-election');
  const leader = await Promise.race(all.map((each, at) => each.line(ELECTED).then(() => at)));
  await untilAllServe(addresses);
  const others = all.filter((_, at) => at !== leader);
  const ending = all[leader].end('SIGINT');
  await Promise.race(others.map((each) => each.line(ELECTED)));
  assert.deepEqual(await ending, STOPPED);
  all[leader] = run(leader);
  await untilAllServe(addresses);
  assert.deepEqual(all[leader].lines, []);
  await stopAll(all, addresses);
});

test('leader-election: Ctrl-C while it waits for the others → ends in order', async () => {
  const { addresses, all, run } = await members('leader-election');
  await Promise.all(all.map((each) => each.end('SIGKILL')));
  const alone = run(0);
  while (await isFree(addresses[0])) await delay(20);
  await stopAll([alone], addresses);
  assert.deepEqual([...alone.lines, ...alone.errorLines], []);
});

test('leader-election, embedded-map: fewer than two arguments → usage on standard error, exit code 2', async () => {
  for (const example of ['leader-election', 'embedded-map']) {
    for (const args of [[], ['logs/server1']]) {
      const run = start(example, args);
      assert.deepEqual(await run.ended, { code: 2, signal: null });
      assert.deepEqual(run.lines, []);
      assert.match(run.errorLines.join('\n'), /^usage: node examples\//);
    }
  }
});

test('leader-election: a bad address, a port in use → the error in one line, exit code 1', async () => {
  const bad = start('leader-election', [temporaryDirectory(), 'nowhere']);
  assert.deepEqual(await bad.ended, { code: 1, signal: null });
  assert.match(bad.errorLines.join('\n'), /^error: .*nowhere.*\(addressInvalid\)$/);
  const port = await freePortRange(1);
  const taken = createServer();
  await new Promise((listening) => taken.listen({ host: '127.0.0.1', port }, listening));
  const second = start('leader-election', [temporaryDirectory(), `localhost:${port}`]);
  assert.deepEqual(await second.ended, { code: 1, signal: null });
  assert.match(second.errorLines.join('\n'), /^error: .*\(addressInUse\)$/);
  await new Promise((closed) => taken.close(closed));
});

test('embedded-map: set, removed and shown by three → each prints every change in the same order; end of input stops it', async () => {
  const { addresses, all } = await members('embedded-map', { stdin: 'pipe' });
  const [one, two, three] = all;
  await Promise.all(all.map((each) => each.line(/^ready; the map has 0 keys$/)));
  const expected = ['a=1 (version 1)', 'b=2 (version 2)', 'b removed (version 3)'];
  const everywhere = (text) => Promise.all(all.map((each) => each.matches(new RegExp(`^${text.replace(/[()]/g, '\\$&')}$`), 1)));
  one.child.stdin.write('a=1\n');
  await everywhere(expected[0]);
  two.child.stdin.write('b=2\n');
  await everywhere(expected[1]);
  three.child.stdin.write('b=\n');
  await everywhere(expected[2]);
  for (const each of all) {
    assert.deepEqual(
      each.lines.filter((line) => line.includes('version')),
      expected,
    );
  }
  two.child.stdin.write('a\nnone\n\n');
  await two.matches(/^a is 1$/, 2);
  await two.line(/^none is not set$/);
  one.child.stdin.end();
  assert.deepEqual(await one.ended, STOPPED, one.said);
  await stopAll([two, three], addresses);
});

test('lock: run → the paused worker is refused, the change of the other stays', async () => {
  const port = await freePortRange(1);
  const run = start('lock', [join(temporaryDirectory(), 'data'), `127.0.0.1:${port}`]);
  assert.deepEqual(await run.ended, STOPPED, run.said);
  assert.deepEqual(run.lines, [
    'paused worker: has the lock, read 100, and is paused',
    'quick worker: has the lock, read 100, wrote 70',
    'paused worker: goes on, and its write is refused (fenced)',
    'ada has 70',
  ]);
  assert.deepEqual(run.errorLines, []);
});

test('README of the examples → lists each of them, and each says how to run it', () => {
  const readme = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8');
  const sources = listFiles(join(ROOT, 'examples'), { accept: (file) => file.endsWith('.ts') });
  assert.ok(sources.length >= 3);
  for (const file of sources) {
    assert.ok(readme.includes(`(${file})`), `${file} is not listed`);
    const example = file.split('/')[0];
    assert.match(readFileSync(join(ROOT, 'examples', file), 'utf8'), new RegExp(`^/\\*\\*[\\s\\S]*node examples/${example}/main\\.js`));
  }
});
