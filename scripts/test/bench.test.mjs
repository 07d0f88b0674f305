import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { join } from 'node:path';
import { UsageError, chosen, parseOptions, seconds, whole } from '../bench-options.mjs';
import { tablesOf, withSection } from '../bench-table.mjs';
import { FrameReader, bytes, frame, int, text } from '../peers/jute.mjs';
import { peersTable, peersText, thousands } from '../peers/peers-text.mjs';
import { bytesField, numberField, readFields } from '../peers/protobuf.mjs';
import { ZookeeperConnection } from '../peers/zookeeper-connection.mjs';
import { ROOT } from '../workspace.mjs';

/** Runs a script to its end. */
function run(script, args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts', script), ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', (part) => (output[name] += part));
    child.once('close', (code) => resolve({ code, ...output }));
  });
}

test('bench scripts: impossible options → a message that names the option, exit code 2, nothing started', async () => {
  for (const [script, args, message] of [
    ['bench.mjs', ['puts'], /no workload "puts"/],
    ['bench.mjs', ['--connections', '0'], /--connections/],
    ['bench.mjs', ['--rate'], /--rate/],
    ['bench.mjs', ['--processes', '9'], /--processes/],
    ['bench-peers.mjs', ['fly'], /no workload "fly"/],
    ['bench-peers.mjs', ['--rounds', 'many'], /--rounds/],
    ['bench-peers.mjs', ['--seconds', '0'], /--seconds/],
    ['bench-table.mjs', ['/nowhere/at/all'], /nowhere/],
  ]) {
    const { code, stdout, stderr } = await run(script, args);
    assert.deepEqual([code, stdout], [2, ''], `${script} ${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
  }
});

test('bench options: values, flags, names and what is left out → parsed by their own rules, in the order of the list', () => {
  const spec = {
    rounds: { default: 3, parse: whole(1, 10), help: '' },
    seconds: { default: 5, parse: seconds, help: '' },
    json: { help: '' },
  };
  const { values, positionals } = parseOptions(['b', '--seconds', '0.5', '--json', 'a'], spec);
  assert.deepEqual([values, positionals], [{ rounds: 3, seconds: 0.5, json: true }, ['b', 'a']]);
  assert.deepEqual(chosen(positionals, ['a', 'b', 'c'], 'letter'), ['a', 'b']);
  assert.deepEqual(chosen([], ['a', 'b'], 'letter'), ['a', 'b']);
  assert.throws(() => parseOptions(['--rounds', '11'], spec), UsageError);
});

test('bench: fail-over, tiny → the gap after a kill of the leader, as JSON', async () => {
  const { code, stdout, stderr } = await run('bench.mjs', ['failover', '--kills', '1', '--json']);
  assert.equal(code, 0, stderr);
  const { workload, operations, p50Ms, partial, run: facts } = JSON.parse(stdout);
  assert.deepEqual([workload, operations, partial], ['failover', 1, false]);
  assert.ok(p50Ms > 0);
  assert.match(facts.command, /^npm run bench -- failover --kills 1/);
});

test('bench:peers: no peer on the path → Quorate is measured, each missing one is named, exit code 3', async () => {
  const args = [
    'put',
    '--in-flight',
    '2',
    '--connections',
    '1',
    '--rounds',
    '2',
    '--seconds',
    '0.1',
    '--warmup',
    '0.05',
    '--keys',
    '5',
    '--json',
  ];
  const { code, stdout, stderr } = await run('bench-peers.mjs', args, { ...process.env, PATH: '' });
  assert.equal(code, 3, stderr);
  const { systems, cells } = JSON.parse(stdout);
  for (const name of ['etcd', 'zookeeper']) {
    assert.equal(typeof systems[name].missing, 'string');
    assert.match(stderr, new RegExp(`^MISSING: ${name}: `, 'm'));
  }
  assert.equal(cells.length, 1);
  const { quorate } = cells[0].systems;
  assert.deepEqual([quorate.partial, quorate.rounds.length, cells[0].ratios], [false, 2, {}]);
  assert.ok(quorate.opsPerSecond.min > 0 && quorate.opsPerSecond.min <= quorate.opsPerSecond.median);
});

test('protobuf: fields written and read back → the same; a number of ten bytes → whole', () => {
  const inner = bytesField(3, Buffer.alloc(300, 1));
  const fields = readFields(Buffer.concat([bytesField(1, inner), Buffer.from([0x20, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])]));
  assert.deepEqual(readFields(fields.get(1)).get(3), Buffer.alloc(300, 1));
  assert.equal(fields.get(4), 2n ** 64n - 1n);
  assert.equal(readFields(numberField(5, 2n ** 64n - 1n)).get(5), 2n ** 64n - 1n);
});

test('jute: frames cut anywhere → whole bodies in order', () => {
  const sent = Buffer.concat([frame(int(1)), frame(), frame(text('ab'), bytes(Buffer.from([7])))]);
  for (let cut = 0; cut <= sent.length; cut++) {
    const reader = new FrameReader();
    const bodies = [...reader.push(sent.subarray(0, cut)), ...reader.push(sent.subarray(cut))];
    assert.deepEqual(
      bodies.map((body) => body.toString('hex')),
      ['00000001', '', '0000000261620000000107'],
    );
  }
});

test('ZooKeeper session: answers, an error and a lost connection → each request settled once, in order', async () => {
  const reply = (xid, code) => frame(int(xid), Buffer.alloc(8), int(code));
  const sockets = [];
  const server = createServer((socket) => {
    const reader = new FrameReader();
    sockets.push(socket);
    let count = 0;
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        for (const body of reader.push(chunk)) {
          count++;
          if (count === 1) socket.write(frame(int(0), int(10_000), Buffer.alloc(8), bytes(Buffer.alloc(16))));
          else if (count <= 3) socket.write(reply(body.readInt32BE(0), count === 2 ? 0 : -101));
          else socket.destroy();
        }
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connection = new ZookeeperConnection(`127.0.0.1:${server.address().port}`);
  try {
    await connection.open();
    const settled = [];
    await new Promise((resolve) => {
      const done = (name) => (error) => settled.push([name, error]) === 3 && resolve();
      connection.setData('/a', Buffer.alloc(1), done('first'));
      connection.setData('/b', Buffer.alloc(1), done('second'));
      connection.syncedGet('/c', done('third'));
    });
    assert.deepEqual(settled, [
      ['first', null],
      ['second', 'zookeeper-101'],
      ['third', 'disconnected'],
    ]);
  } finally {
    connection.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

const spread = (median) => ({ min: median / 2, median, max: median * 2 });
const system = (factor, extra = {}) => ({
  opsPerSecond: spread(100_000 / factor),
  p50Ms: spread(factor),
  p99Ms: spread(2 * factor),
  maxMs: spread(3 * factor),
  serverCpuMicrosPerOp: spread(9 * factor),
  clientCpuMicrosPerOp: spread(3),
  clientCpuShare: spread(0.95),
  residentMebibytes: spread(80),
  driverIsLimit: false,
  partial: false,
  partialReasons: [],
  errors: [],
  ...extra,
});
const FOUND = {
  run: { date: '2026-01-02T03:04:05.000Z', machine: 'two cores', node: 'v20.0.0', command: 'npm run bench:peers' },
  options: { rounds: 3, seconds: 5, warmupSeconds: 2, bytes: 128, keys: 10, processes: 1, kills: 7 },
  systems: { quorate: { version: '1' }, etcd: { version: '3' }, zookeeper: { missing: 'not installed' } },
  loadAverages: [0.5, 0.7, 0.6],
  cells: [
    {
      workload: 'put',
      inFlight: 64,
      connections: 4,
      systems: { quorate: system(1), etcd: system(10, { driverIsLimit: true, partial: true, partialReasons: ['operations failed'] }) },
      ratios: { etcd: { opsPerSecond: 10, p50Ms: 0.1 } },
    },
  ],
};

test('peers as text and as a table: ratios, a driver at its limit, partial figures, a missing peer → all are told', () => {
  const told = peersText(FOUND);
  for (const part of [
    'zookeeper: MISSING: not installed',
    'the driver is the limit',
    'PARTIAL: operations failed',
    'opsPerSecond × 10.0',
    'load average 0.5 0.7 0.6',
  ])
    assert.ok(told.includes(part), `${part} is not in:\n${told}`);
  const table = peersTable(FOUND);
  const [head, , row] = table.split('\n');
  assert.equal(head, '| load | quorate | etcd | zookeeper | by etcd | by zookeeper |');
  assert.equal(
    row,
    '| put, 64 in flight over 4 connections | 100,000, 1.00 ms, 2.0 ms, 9 µs | 10,000, 10.00 ms, 20.0 ms, 90 µs ! (partial) | not measured | × 10 op/s, × 0.10 p50 | - |',
  );
  assert.match(table, /zookeeper missing \(not installed\)/);
  assert.match(table, /2026-01-02/);
  assert.equal(thousands(1_234_567.4), '1,234,567');
});

test('tables of README: what the benchmarks printed → between the marks of its section and nowhere else; anything else → refused', () => {
  const load = {
    workload: 'put',
    inFlight: 1,
    connections: 1,
    opsPerSecond: 1500,
    p50Ms: 0.5,
    p99Ms: 2,
    loadAverage: 0.3,
    run: FOUND.run,
    partial: false,
  };
  const tables = tablesOf([
    `noise\n${JSON.stringify({ ...load, run: { ...FOUND.run, command: 'npm run bench' } })}\n`,
    JSON.stringify(FOUND),
  ]);
  assert.deepEqual(Object.keys(tables), ['bench', 'bench:peers']);
  assert.match(tables.bench, /\| put \| 1 \| 1 \| 1,500 \| - \| 0\.50 ms \| 2\.0 ms \|/);
  const filled = withSection('a\n<!-- bench -->\nold\n<!-- /bench -->\nz', 'bench', tables.bench);
  assert.ok(filled.startsWith('a\n<!-- bench -->\n\n|') && filled.endsWith('\n\n<!-- /bench -->\nz') && !filled.includes('old'));
  assert.throws(() => withSection('nothing', 'bench', ''), /no section/);
  assert.throws(() => tablesOf(['{"some":1}']), UsageError);
  assert.throws(() => tablesOf(['']), UsageError);
});
