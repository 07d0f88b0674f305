import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FIGURES, type Spread, WORKLOAD_NAMES } from '@quorate/cli/bench';
import { LineProcess, endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';
import { jsonLines } from './harness/json-lines.js';

/** All workloads in about a second: enough to see that each does what it says. */
const TINY = ['--seconds', '0.1', '--warmup', '0.05', '--in-flight', '8', '--connections', '2', '--keys', '20', '--transfers', '1'];
const IS_LINUX = process.platform === 'linux';

let cluster: DevCluster;
let connect: readonly string[];

before(async () => {
  cluster = await DevCluster.start({ nodes: 3 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
});
after(endAllProcesses);

type Result = Record<string, unknown> & { readonly rounds: readonly Record<string, unknown>[] };

function roundOf({ rounds }: Result): Record<string, unknown> {
  assert.equal(rounds.length, 1);
  return rounds[0] as Record<string, unknown>;
}

test('bench: all workloads, tiny → one JSON object each, with every documented figure', async () => {
  const results = jsonLines(await quorateOk(['bench', ...TINY, '--json', ...connect])) as Result[];
  assert.deepEqual(
    results.map(({ workload }) => workload),
    WORKLOAD_NAMES,
  );
  for (const result of results) {
    const { workload } = result;
    assert.deepEqual([result['partial'], result['partialReasons'], result['errors']], [false, [], {}], String(workload));
    assert.ok((result['operations'] as number) > 0, String(workload));
    assert.ok((result['p50Ms'] as number) > 0 && (result['p50Ms'] as number) <= (result['maxMs'] as number), String(workload));
    if (workload === 'transfer') continue;
    for (const figure of FIGURES) assert.ok(figure in result, `${String(workload)}: ${figure}`);
    assert.ok((result['clientCpuMicrosPerOp'] as number) > 0);
    const round = roundOf(result);
    assert.ok((round['histogram'] as unknown[]).length > 0);
    for (const figure of ['residentBytes', 'eventLoopDelayP999Ms', 'eventLoopDelayMaxMs'])
      assert.equal((round[figure] as unknown[]).length, 3);
    if (workload !== 'read') {
      assert.ok((result['syncsPerOp'] as number) > 0, String(workload));
      // Two of three nodes have each byte at least, when it is acknowledged.
      assert.ok((result['storageBytesPerPayloadByte'] as number) >= 2, String(workload));
    }
    if (IS_LINUX) assert.ok((result['ioCallsPerOp'] as number) > 0 && (round['residentBytes'] as number[]).every((bytes) => bytes > 1e6));
  }
});

test('bench: several rounds, client processes and a rate → medians with their spread; no more operations than were due', async () => {
  const flags = ['--rounds', '2', '--processes', '2', '--rate', '200', '--seconds', '0.5', '--in-flight', '64'];
  const fromMs = performance.now();
  const [result] = jsonLines(await quorateOk(['bench', 'append', ...TINY, ...flags, '--json', ...connect])) as Result[];
  const wholeSeconds = (performance.now() - fromMs) / 1000;
  assert.ok(result !== undefined);
  const rounds = result.rounds.map((round) => round['operations'] as number);
  const [first, second] = rounds as [number, number];
  assert.deepEqual([rounds.length, result['processes'], result['operations']], [2, 2, (first + second) / 2]);
  const { min, median, max } = (result['spreads'] as Record<string, Spread>)['operations'] as Spread;
  assert.deepEqual([min, median, max], [Math.min(first, second), (first + second) / 2, Math.max(first, second)]);
  assert.ok(min > 0 && first + second <= 200 * wholeSeconds + 2, `${first} and ${second} in ${wholeSeconds} s`);
});

test('bench: text → what was measured, with a histogram', async () => {
  const text = await quorateOk(['bench', 'put', ...TINY, ...connect]);
  for (const line of [
    /^put: set an entry/,
    /^load +128 bytes; 8 in flight over 2 connections of 1 client process; 1 × /m,
    /^p99\.9 +/m,
    /^ {2}up to /m,
  ])
    assert.match(text, line);
  assert.doesNotMatch(text, /PARTIAL/);
});

test('bench: impossible options → a message that names the option, exit code 2, nothing measured', async () => {
  for (const [args, message] of [
    [['--connections', '0'], /--connections/],
    [['--in-flight', '0'], /--in-flight/],
    [['--rate'], /--rate/],
    [['--rate', 'fast'], /--rate/],
    [['--rate', '1', '--processes', '2'], /--rate/],
    [['--processes', '5', '--connections', '4'], /--processes/],
    [['--processes', '2', '--in-flight', '1'], /--processes/],
    [['--seconds', '0'], /--seconds/],
    [['--rounds', '1.5'], /--rounds/],
    [['puts'], /no workload "puts"; there are: put, append/],
    [['failover'], /npm run bench -- failover/],
  ] as const) {
    const { code, stdout, stderr } = await quorate(['bench', ...args, ...connect]);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, message);
  }
});

test('bench: no cluster there → unavailable, exit code 69', async () => {
  const { code, stderr } = await quorate(['bench', 'put', ...TINY, '--connect', '127.0.0.1:1', '--timeout', '1']);
  assert.equal(code, 69);
  assert.match(stderr, /^error: unavailable: /);
});

test('bench: the cluster goes away during a run → what was measured until then, marked partial, and an exit code that says so', async () => {
  const flags = ['--seconds', '600', '--warmup', '0.001', '--in-flight', '8', '--connections', '2', '--json'];
  const bench = new LineProcess(ENTRY, ['bench', 'append', ...flags, '--connect', cluster.connect, '--timeout', '2']);
  const recordsNow = async (): Promise<number> => {
    const info = JSON.parse(await quorateOk(['stream', 'info', 'bench-0', '--json', ...connect])) as { nextOffset: number };
    return info.nextOffset;
  };
  const from = await recordsNow();
  while ((await recordsNow()) < from + 500);
  await cluster.stop();
  const { code } = await bench.ended;
  assert.ok(code === 69 || code === 75, `exit code ${code}: ${bench.said}`);
  const result = JSON.parse(bench.lines.find((line) => line.startsWith('{"workload"')) as string) as Result;
  assert.equal(result['partial'], true);
  assert.ok((result['operations'] as number) > 0);
  assert.ok(
    (result['partialReasons'] as string[]).some((reason) => reason.startsWith('nothing was acknowledged for')),
    bench.said,
  );
  assert.ok((result['seconds'] as number) < 600);
});
