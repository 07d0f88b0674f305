import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LineProcess, endAllProcesses, isAlive, untilGone } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';
import { jsonLines } from './harness/json-lines.js';

after(endAllProcesses);

function roleOf(node: Record<string, unknown>): string | undefined {
  return ((node['groups'] ?? []) as { group: number; role: string }[]).find(({ group }) => group === 0)?.role;
}

let cluster: DevCluster;
let connect: readonly string[];

before(async () => {
  cluster = await DevCluster.start({ nodes: 3 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
});

test('status: three nodes → a row each, one leads; with --json an object each', async () => {
  // On a busy machine a node may answer late, or an election be under way: then it is asked again.
  let nodes: readonly Record<string, unknown>[] = [];
  while (nodes.filter((node) => roleOf(node) === 'leader').length !== 1 || nodes.filter((node) => roleOf(node) === 'follower').length !== 2)
    nodes = jsonLines(await quorateOk(['status', '--json', ...connect]));
  assert.deepEqual(
    nodes.map(({ nodeId, address, state }) => [nodeId, address, state]),
    cluster.addresses.map((address, index) => [index + 1, address, 'serving']),
  );
  const text = await quorateOk(['status', ...connect]);
  assert.match(text, /^cluster [0-9a-f]{16}\nnode +address +state +leads/);
  for (const address of cluster.addresses) assert.match(text, new RegExp(`^\\d +${address} +(serving|no answer)`, 'm'));
  assert.match(await quorateOk(['status', '--groups', ...connect]), /^group +name +node +role[^]*^0 +system +1 /m);
});

test('stream create: twice → created, then exists, both exit code 0', async () => {
  assert.equal(await quorateOk(['stream', 'create', 'orders', ...connect]), 'created orders\n');
  assert.equal(await quorateOk(['stream', 'create', 'orders', ...connect]), 'orders exists\n');
  assert.deepEqual(JSON.parse(await quorateOk(['stream', 'create', 'orders', '--json', ...connect])), {
    name: 'orders',
    wasCreated: false,
  });
});

test('stream append and read: an argument, standard input, text and --json → the offsets, then the records', async () => {
  assert.equal(await quorateOk(['stream', 'append', 'orders', 'first', ...connect]), '0\n');
  assert.equal(await quorateOk(['stream', 'append', 'orders', '-', ...connect], 'second\n\nlast without an end'), '1\n2\n3\n');
  assert.deepEqual(jsonLines(await quorateOk(['stream', 'append', 'orders', '--json', ...connect], 'größe\n\xff\n')), [
    { offset: 4 },
    { offset: 5 },
  ]);
  assert.equal(await quorateOk(['stream', 'append', 'orders', ...connect], Buffer.from([0xff, 0xfe, 0x0a])), '6\n');
  assert.equal(
    await quorateOk(['stream', 'read', 'orders', '--limit', '6', ...connect]),
    'first\nsecond\n\nlast without an end\ngröße\nÿ\n',
  );
  assert.deepEqual(jsonLines(await quorateOk(['stream', 'read', 'orders', '--from', '3', '--json', ...connect])), [
    { offset: 3, value: 'last without an end' },
    { offset: 4, value: 'größe' },
    { offset: 5, value: 'ÿ' },
    { offset: 6, base64: '//4=' },
  ]);
  assert.equal(await quorateOk(['stream', 'read', 'orders', '--from', '7', ...connect]), '');
  assert.equal(await quorateOk(['stream', 'append', 'orders', '-', ...connect], ''), '');
  const info = { firstOffset: 0, nextOffset: 7, name: 'orders' };
  const told = JSON.parse(await quorateOk(['stream', 'info', 'orders', '--json', ...connect])) as Record<string, unknown>;
  assert.deepEqual({ ...told, ...info }, told);
  assert.match(
    await quorateOk(['stream', 'info', 'orders', ...connect]),
    /^orders: 7 records, offsets 0 to 6, group \d+, leader node [123]/,
  );
});

test('stream append: a value that begins with a dash, after -- → stored as it is', async () => {
  await quorateOk(['stream', 'create', 'dash', ...connect]);
  assert.equal(await quorateOk(['stream', 'append', ...connect, 'dash', '--', '--json']), '0\n');
  assert.equal(await quorateOk(['stream', 'read', 'dash', ...connect]), '--json\n');
});

test('stream append: 5,000 lines → dense offsets in their order, and all read back', async () => {
  await quorateOk(['stream', 'create', 'many', ...connect]);
  const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
  const text = `${lines.join('\n')}\n`;
  const offsets = await quorateOk(['stream', 'append', 'many', '-', ...connect], text);
  assert.equal(offsets, `${lines.map((_, index) => String(index)).join('\n')}\n`);
  assert.equal(await quorateOk(['stream', 'read', 'many', ...connect]), text);
});

test('stream append: lines that come one by one → each offset at once, and an error at once', async () => {
  await quorateOk(['stream', 'create', 'slowly', ...connect]);
  const appender = new LineProcess(ENTRY, ['stream', 'append', 'slowly', ...connect], { stdin: 'pipe' });
  for (let offset = 0; offset < 3; offset++) {
    appender.child.stdin?.write(`line ${offset}\n`);
    await appender.line(new RegExp(`^${offset}$`));
  }
  appender.child.stdin?.end();
  assert.deepEqual(await appender.ended, { code: 0, signal: null });

  const refused = new LineProcess(ENTRY, ['stream', 'append', 'nowhere', ...connect], { stdin: 'pipe' });
  refused.child.stdin?.write('line\n');
  assert.deepEqual(await refused.ended, { code: 1, signal: null });
  assert.match(refused.errorLines[0] ?? '', /^error: streamNotFound: line 1: .*"nowhere"; lines stored before it: 0, after it: 0$/);
});

test('stream read --follow: records that come later → printed at once; ends at --limit', async () => {
  await quorateOk(['stream', 'create', 'followed', ...connect]);
  await quorateOk(['stream', 'append', 'followed', 'before', ...connect]);
  const reader = new LineProcess(ENTRY, ['stream', 'read', 'followed', '--follow', '--limit', '3', '--json', ...connect]);
  await reader.line(/"offset":0,"value":"before"/);
  await quorateOk(['stream', 'append', 'followed', 'one', ...connect]);
  await reader.line(/"offset":1,"value":"one"/);
  await quorateOk(['stream', 'append', 'followed', '-', ...connect], 'two\nthree\n');
  assert.deepEqual(await reader.ended, { code: 0, signal: null });
  assert.deepEqual(reader.lines.at(-1), '{"offset":2,"value":"two"}');
  assert.deepEqual(reader.errorLines, []);
});

test('stream read: its reader goes away (| head) → it ends quietly with exit code 0', async () => {
  const reader = new LineProcess(ENTRY, ['stream', 'read', 'many', '--follow', ...connect]);
  await reader.line(/^line 0$/);
  reader.child.stdout?.destroy();
  await quorateOk(['stream', 'append', 'many', '-', ...connect], 'more\nand more\n');
  assert.deepEqual(await reader.ended, { code: 0, signal: null });
  assert.deepEqual(reader.errorLines, []);
});

test('stream list: prefix, text and --json → names in order', async () => {
  assert.equal(await quorateOk(['stream', 'list', ...connect]), 'dash\nfollowed\nmany\norders\nslowly\n');
  const [only, ...others] = jsonLines(await quorateOk(['stream', 'list', '--prefix', 'ord', '--json', ...connect]));
  assert.equal(only?.['name'], 'orders');
  assert.deepEqual(others, []);
});

test('a node is killed → the others serve, dev says so and starts it again', async () => {
  const [pid] = cluster.serverPids;
  process.kill(pid as number, 'SIGKILL');
  const crash = JSON.parse(await cluster.process.line(/"event":"crashed"/)) as Record<string, unknown>;
  assert.equal(crash['signal'], 'SIGKILL');
  assert.match(await quorateOk(['stream', 'append', 'orders', 'while one is down', ...connect]), /^7\n$/);
  await cluster.process.matches(/"msg":"listening"/, 4);
});

test('inspect: a directory whose node runs → directoryInUse, exit code 73', async () => {
  const { code, stderr } = await quorate(['inspect', join(cluster.data, 'node-2')]);
  assert.equal(code, 73);
  assert.match(stderr, /^error: directoryInUse: .*node-2 is in use: stop its node first/);
});

test('Ctrl-C → every process gone, exit code 0; the next start has the data, and inspect verifies it', async () => {
  const end = await cluster.stop();
  assert.deepEqual(end, { code: 0, signal: null }, cluster.process.said);
  assert.deepEqual(cluster.serverPids.filter(isAlive), []);
  assert.match(cluster.process.lines.at(-1) ?? '', /"event":"stopped"/);
  assert.deepEqual(cluster.process.errorLines, []);

  const again = await DevCluster.start({ nodes: 3, data: cluster.data, port: cluster.port });
  assert.equal(await quorateOk(['stream', 'read', 'orders', '--limit', '2', ...connect]), 'first\nsecond\n');
  assert.equal(await quorateOk(['stream', 'append', 'orders', 'second run', ...connect]), '8\n');
  assert.deepEqual(await again.stop(), { code: 0, signal: null });
  await untilGone(again.serverPids);

  for (const node of [1, 3]) {
    const sound = await quorateOk(['inspect', join(cluster.data, `node-${node}`)]);
    assert.match(sound, new RegExp(`^identity: node ${node}, `));
    assert.match(sound, /^damage: none$/m);
  }
});

test('inspect: a byte is flipped → exit code 73, the file and the offset of the frame; with --json too', async () => {
  const directory = join(cluster.data, 'node-2');
  const report = JSON.parse(await quorateOk(['inspect', directory, '--json'])) as { files: { file: string; endOffset: number }[] };
  const file = report.files.find(({ endOffset }) => endOffset > 8192)?.file as string;
  assert.ok(readdirSync(join(directory, 'journal')).includes(file.slice('journal/'.length)));
  const path = join(directory, file);
  const bytes = readFileSync(path);
  const at = 4096 + 40;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(path, bytes);
  const { code, stdout } = await quorate(['inspect', directory]);
  assert.equal(code, 73);
  const found = new RegExp(`^  ${file} offset (\\d+): `, 'm').exec(stdout);
  assert.ok(found !== null, stdout);
  const offset = Number(found[1]);
  assert.ok(offset <= at && offset > at - 2_097_152, stdout);
  const json = await quorate(['inspect', directory, '--json']);
  assert.equal(json.code, 73);
  const { damage } = JSON.parse(json.stdout) as { damage: { file: string; offset: number }[] };
  assert.deepEqual([damage[0]?.file, damage[0]?.offset], [file, offset]);
});
