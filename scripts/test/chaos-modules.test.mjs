import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { HISTORIES_MAX, placeOfHistory } from '../chaos/kept-history.mjs';
import { Machine } from '../chaos/machine.mjs';
import { NamespaceNetwork } from '../chaos/namespace-network.mjs';
import { ProxyNetwork } from '../chaos/proxy-network.mjs';
import { SmallDisk } from '../chaos/small-disk.mjs';
import { endedForSpace } from '../chaos/space-excuse.mjs';
import { SpacePort } from '../chaos/space-port.mjs';
import { until } from '../prove/processes.mjs';
import { ROOT } from '../workspace.mjs';

const folder = mkdtempSync(join(tmpdir(), 'quorate-chaos-modules-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A process with a faulty module of chaos and this program; its lines are read as JSON. */
function faulty(t, module, file, program) {
  const path = join(folder, `${module}-${readdirSync(folder).length}.mjs`);
  writeFileSync(path, program);
  const address = `${pathToFileURL(join(ROOT, 'scripts', 'chaos', module)).href}?file=${encodeURIComponent(file)}`;
  const child = spawn(process.execPath, ['--import', address, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop();
    lines.push(...parts.map((part) => JSON.parse(part)));
  });
  /** The first line from now on that fits. */
  const next = async (what, fits) => {
    const from = lines.length;
    return until(what, () => lines.slice(from).find(fits));
  };
  return { next, lines };
}

test('space port: space for some bytes, none, then again → what fits is written, then ENOSPC by both calls, then all is written', async (t) => {
  const file = join(folder, 'space.json');
  const target = join(folder, 'written');
  const port = new SpacePort(file);
  const program = `
    import { openSync, writev, writevSync } from 'node:fs';
    const fd = openSync(${JSON.stringify(target)}, 'w');
    const parts = () => [Buffer.alloc(60, 1), Buffer.alloc(40, 2)];
    const say = (line) => console.log(JSON.stringify(line));
    setInterval(() => {
      const line = {};
      try {
        line.sync = writevSync(fd, parts(), 0);
      } catch (error) {
        line.sync = error.code;
      }
      writev(fd, parts(), 0, (error, bytes) => say({ ...line, async: error?.code ?? bytes }));
    }, 20);
  `;
  const { next } = faulty(t, 'space-fault.mjs', file, program);
  await next('writes with space', ({ sync, async }) => sync === 100 && async === 100);
  port.fill(170);
  // What is left is used up by the next two writes, in the middle of a part.
  await next('a short write', ({ sync, async }) => sync === 70 || async === 70);
  await next('writes without space', ({ sync, async }) => sync === 'ENOSPC' && async === 'ENOSPC');
  port.free();
  await next('writes with space again', ({ sync, async }) => sync === 100 && async === 100);
});

test('faulty clock: the time of day jumps, the monotonic clock goes faster and slower → told by Date.now, performance.now, hrtime; never back', async (t) => {
  const file = join(folder, 'clock.json');
  const set = (jumpMs, rate) => writeFileSync(file, JSON.stringify({ jumpMs, rate }));
  set(0, 1);
  // The constructor of Date knows the true time.
  const program = `
    let [trueMs, shownMs, ns] = [new Date().getTime(), performance.now(), process.hrtime.bigint()];
    setInterval(() => {
      const [trueNow, shownNow, nsNow] = [new Date().getTime(), performance.now(), process.hrtime.bigint()];
      const line = { jumpMs: Date.now() - trueNow, rate: (shownNow - shownMs) / (trueNow - trueMs) };
      line.hrRate = Number(nsNow - ns) / 1e6 / (trueNow - trueMs);
      line.isBack = shownNow < shownMs || nsNow < ns;
      console.log(JSON.stringify(line));
      [trueMs, shownMs, ns] = [trueNow, shownNow, nsNow];
    }, 200);
  `;
  const { next, lines } = faulty(t, 'clock-fault.mjs', file, program);
  const isNear = (value, wanted) => Math.abs(value - wanted) < 0.1 * wanted;
  const fits = (jumpMs, rate) => (line) => Math.abs(line.jumpMs - jumpMs) < 1000 && isNear(line.rate, rate) && isNear(line.hrRate, rate);
  await next('right clocks', fits(0, 1));
  set(3_600_000, 3);
  await next('fast clocks', fits(3_600_000, 3));
  set(-3_600_000, 0.5);
  await next('slow clocks, behind fast ones', fits(-3_600_000, 0.5));
  assert.ok(lines.every(({ isBack }) => !isBack));
});

test('small disk: filled up and freed, where a file system can be mounted; elsewhere the machine says why and takes the space port (tested above)', async (t) => {
  const own = join(folder, 'disks');
  mkdirSync(own);
  const why = SmallDisk.impossible(own);
  t.diagnostic(why === null ? 'a file system was mounted' : `no file system can be mounted: ${why}`);
  if (why === null) {
    const disk = new SmallDisk(own, 'one', 16);
    try {
      const write = (bytes) => writeFileSync(join(disk.path, 'data'), Buffer.alloc(bytes));
      write(2_000_000);
      rmSync(join(disk.path, 'data'));
      disk.fill(500_000);
      assert.throws(() => write(2_000_000), { code: 'ENOSPC' });
      disk.free();
      write(2_000_000);
    } finally {
      disk.remove();
    }
    assert.ok(!existsSync(join(own, 'one.image')));
    assert.deepEqual(readdirSync(disk.path), [], 'it is no longer mounted');
  }
  const machine = new Machine([1]);
  try {
    await machine.prepare({ kind: 'proxies', clientNames: [], hasDisks: true });
    assert.equal(machine.disks.get(1) instanceof SpacePort, why !== null);
    assert.equal(machine.remarks.filter((remark) => remark.startsWith('disks:')).length, why === null ? 0 : 1);
  } finally {
    machine.remove({ isKeeping: false });
  }
  assert.ok(!existsSync(machine.directory));
});

test('namespaces: two names, cuts, loss, reset, healing, removal → these commands (what the kernel makes of them is for `npm run chaos` as root)', () => {
  let ran = [];
  const shell = { run: (...words) => ran.push(words.join(' ')), attempt: (...words) => ran.push(words.join(' ')) };
  const since = () => {
    const words = ran;
    ran = [];
    return words;
  };
  const network = new NamespaceNetwork(['n1', 'c1'], shell);
  const own = String(process.pid % 10_000);
  const subnet = network.host('n1').replace(/\.1$/u, '');
  const named = (...lines) => lines.map((line) => line.replaceAll('OWN', own).replaceAll('NET', subnet));
  const made = since();
  assert.equal(made.filter((line) => line.startsWith('ip netns add ')).length, 2);
  assert.ok(made.includes(named('ip -n qnOWN-2 addr add NET.2/24 dev qiOWN2')[0]), made.join('\n'));
  assert.deepEqual(network.listener('n1'), { listen: `${subnet}.1:7400`, advertise: `${subnet}.1:7400` });
  assert.deepEqual(network.within('c1', 'node', ['x.mjs']), ['ip', ['netns', 'exec', `qn${own}-2`, 'node', 'x.mjs']]);
  network.cut('c1', 'n1');
  assert.deepEqual(since(), named('ip netns exec qnOWN-1 iptables -A INPUT -s NET.2 -j DROP'), 'one direction, where it arrives');
  network.reset('n1', 'c1');
  assert.deepEqual(since(), named('ip netns exec qnOWN-1 ss -K dst NET.2', 'ip netns exec qnOWN-2 ss -K dst NET.1'));
  network.lose('c1', 0.1);
  assert.deepEqual(
    since(),
    named('ip netns exec qnOWN-2 iptables -A INPUT -i qiOWN2 -m statistic --mode random --probability 0.1 -j DROP'),
  );
  network.healAll();
  assert.deepEqual(since(), named('ip netns exec qnOWN-1 iptables -F INPUT', 'ip netns exec qnOWN-2 iptables -F INPUT'));
  network.remove();
  assert.deepEqual(since(), named('ip netns del qnOWN-1', 'ip netns del qnOWN-2', 'ip link del qbOWN'));
  assert.throws(() => network.host('n9'), /no namespace "n9"/u);
});

test('namespaces: a command fails while they are made → what was made is removed again, the error goes on', () => {
  const removed = [];
  const shell = {
    run: (...words) => {
      if (words.includes('veth')) throw new Error('no veth');
    },
    attempt: (...words) => removed.push(words.join(' ')),
  };
  assert.throws(() => new NamespaceNetwork(['n1'], shell), /no veth/u);
  assert.deepEqual(
    removed.map((line) => line.replaceAll(/[0-9]+/gu, 'N')),
    ['ip netns del qnN-N', 'ip link del qbN'],
  );
});

test('proxies: a direction is cut, healed, the connection is reset → held, then delivered whole; broken on both sides', async (t) => {
  const network = await ProxyNetwork.make(['n1']);
  t.after(() => network.remove());
  const { listen, advertise } = network.listener('n1');
  const portOf = (address) => Number(address.split(':')[1]);
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(portOf(listen), '127.0.0.1');
  t.after(() => server.close());
  await until('the server to listen', () => server.listening);
  const client = connect(portOf(advertise), '127.0.0.1');
  t.after(() => client.destroy());
  let echoed = '';
  let isClosed = false;
  client
    .setEncoding('utf8')
    .on('data', (text) => (echoed += text))
    .on('error', () => {})
    .on('close', () => (isClosed = true));
  client.write('one ');
  await until('an echo', () => echoed === 'one ');
  network.cut('n1', 'client');
  client.write('two ');
  // One that does not go through the proxy is answered again and again meanwhile.
  const other = connect(portOf(listen), '127.0.0.1').setEncoding('utf8');
  t.after(() => other.destroy());
  for (let round = 0; round < 50; round++) {
    other.write('past the proxy');
    await new Promise((resolve) => other.once('data', resolve));
  }
  assert.equal(echoed, 'one ');
  network.healAll();
  await until('what was held', () => echoed === 'one two ');
  network.reset('client', 'n1');
  await until('the end of the connection', () => isClosed);
});

const log = (...lines) =>
  lines.map((line) => (typeof line === 'string' ? line : JSON.stringify({ level: 'error', msg: 'failed', ...line })));
for (const [what, exit, newest, isExcused] of [
  ['its log says diskFull', { code: 75, signal: null }, log({ code: 'diskFull' }), true],
  ['its log says diskFailed, Node says something behind it', { code: 74, signal: null }, log({ code: 'diskFailed' }, 'Node.js v20'), true],
  ['a broken invariant, such as a TypeError', { code: 70, signal: null }, log({ code: 'invariantBroken' }), false],
  ['a TypeError behind a full disk', { code: 70, signal: null }, log({ code: 'diskFull' }, { code: 'invariantBroken' }), false],
  ['only a snapshot had no space', { code: 70, signal: null }, log({ msg: 'snapshot failed', code: 'diskFull' }), false],
  ['nothing was logged', { code: 1, signal: null }, ['TypeError: x is not a function'], false],
  ['a signal ended it', { code: null, signal: 'SIGSEGV' }, log({ code: 'diskFull' }), false],
]) {
  test(`chaos: a node ends by itself while its disk is full: ${what} → ${isExcused ? 'excused' : 'a problem'}`, () => {
    assert.equal(endedForSpace({ exit, newest }), isExcused);
  });
}

test('chaos: histories are kept where nobody says where → a name by time and seed, the oldest go, other files stay', () => {
  const place = join(folder, 'histories');
  const dates = Array.from({ length: HISTORIES_MAX + 3 }, (_, at) => new Date(Date.UTC(2026, 0, 1, 0, 0, at)));
  for (const [at, date] of dates.entries()) {
    const file = placeOfHistory({ seed: at, date, folder: place });
    writeFileSync(file, String(at));
    if (at === 0) writeFileSync(join(place, 'mine.jsonl'), 'mine');
  }
  const kept = readdirSync(place).sort();
  assert.equal(kept.length, HISTORIES_MAX + 1);
  assert.deepEqual([kept[0], kept.at(-1)], ['20260101T000003Z-seed-3.jsonl', 'mine.jsonl']);
  assert.equal(readFileSync(join(place, '20260101T000010Z-seed-10.jsonl'), 'utf8'), '10');
});
