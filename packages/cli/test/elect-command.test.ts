import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LineProcess, endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';

let cluster: DevCluster;
let connect: readonly string[];
const candidates: LineProcess[] = [];

before(async () => {
  cluster = await DevCluster.start({ nodes: 1 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
});
after(async () => {
  // A command whose `quorate elect` was killed ends with its standard input; until then it would keep its output open.
  for (const { child } of candidates) child.stdin?.destroy();
  await endAllProcesses();
});

const ok = (...args: readonly string[]): Promise<string> => quorateOk([...args, ...connect]);

/** `quorate elect` in a process of its own. */
function elect(name: string, ...args: readonly string[]): LineProcess {
  const run = new LineProcess(ENTRY, ['elect', name, ...connect, ...args], { stdin: 'pipe' });
  candidates.push(run);
  return run;
}

interface Leader {
  readonly session: number;
  readonly token: string;
  readonly about?: unknown;
  readonly fence: unknown;
}

async function leaderOf(name: string): Promise<Leader | null> {
  return (JSON.parse(await ok('elect', name, '--leader', '--json')) as { leader: Leader | null }).leader;
}

describe('quorate elect', { timeout: 60_000, concurrency: 3 }, () => {
  test('elect: a command → runs while leading; who asks is told of it; its exit code', async () => {
    assert.equal(await ok('elect', 'boss', '--leader'), 'nobody\n');
    assert.equal(await leaderOf('boss'), null);
    const run = elect('boss', '--about', 'host "a"', '--', 'sh', '-c', 'echo "$QUORATE_TOKEN $QUORATE_FENCE"; read line; exit 9');
    const [token = '', fence = ''] = (await run.line(/^1\./)).split(' ');
    const leader = await leaderOf('boss');
    assert.deepEqual([leader?.token, leader?.about, leader?.fence], [token, 'host "a"', JSON.parse(fence)]);
    assert.equal(await ok('elect', 'boss', '--leader'), `session ${leader?.session}, token ${token}, host "a"\n`);
    assert.equal(await ok('counter', 'add', 'led', '1', '--fence', fence), '1\n');
    run.child.stdin?.write('\n');
    assert.deepEqual(await run.ended, { code: 9, signal: null });
    assert.equal(await leaderOf('boss'), null);
    assert.equal((await quorate(['counter', 'add', 'led', '1', '--fence', fence, ...connect])).code, 1);
  });

  test('elect: a second candidate → waits, runs its command when the first steps down', async () => {
    const first = elect('turns', '--', 'sh', '-c', 'echo leads; read line');
    await first.line(/leads/);
    const second = elect('turns', '--', 'echo', 'second');
    first.child.stdin?.write('\n');
    assert.deepEqual(
      [await first.ended, await second.ended],
      [
        { code: 0, signal: null },
        { code: 0, signal: null },
      ],
    );
    assert.deepEqual(second.lines, ['second']);
  });

  test('elect: the leader process is stopped for longer than its session lives → its command is ended, exit code 75, another leads', async () => {
    const stopped = elect('lost', '--session-ttl', '2s', '--', 'sh', '-c', 'echo leads; read line');
    await stopped.line(/leads/);
    const next = elect('lost', '--', 'echo', 'next');
    stopped.child.kill('SIGSTOP');
    await next.line(/next/);
    stopped.child.kill('SIGCONT');
    assert.deepEqual(await stopped.ended, { code: 75, signal: null });
    assert.match(
      stopped.errorLines.join('\n'),
      /^error: sessionExpired: leadership of "lost" was lost before the command had ended: [^\n]*$/,
    );
    assert.deepEqual(await next.ended, { code: 0, signal: null });
  });

  test('elect: no command → a line when it leads and when it no longer does, and it stands again; Ctrl-C → exit code 0', async () => {
    const stopped = elect('told', '--session-ttl', '2s', '--about', 'first');
    const token = (await stopped.line(/^leading/)).split(' ')[2];
    const other = elect('told', '--json', '--about', 'other');
    stopped.child.kill('SIGSTOP');
    const leading = JSON.parse(await other.line(/"leading"/)) as { token: string; fence: unknown };
    assert.notEqual(leading.token, token);
    stopped.child.kill('SIGCONT');
    await stopped.line(/^no longer leading: no contact with the cluster/);
    const leader = await leaderOf('told');
    assert.deepEqual([leader?.token, leader?.about, leader?.fence], [leading.token, 'other', leading.fence]);
    assert.deepEqual(await other.end('SIGINT'), { code: 0, signal: null });
    await stopped.matches(/^leading, token 1\.\d+$/, 2);
    assert.deepEqual(await stopped.end('SIGTERM'), { code: 0, signal: null });
    assert.deepEqual([stopped.lines.length, other.lines.length, stopped.errorLines, other.errorLines], [3, 1, [], []]);
    assert.equal(await leaderOf('told'), null);
  });

  test('elect: its process is killed → another leads after the time to live', async () => {
    const killed = elect('killed', '--session-ttl', '500ms');
    await killed.line(/^leading/);
    const other = elect('killed');
    await killed.end('SIGKILL');
    await other.line(/^leading/);
    assert.deepEqual(await other.end('SIGINT'), { code: 0, signal: null });
  });

  test('elect: bad input → a typed error and its exit code, also without a command', async () => {
    const large = await quorate(['elect', 'large', '--about', 'x'.repeat(5000), ...connect]);
    assert.deepEqual([large.code, large.stderr.split(':')[1]], [1, ' valueTooLarge']);
    await ok('counter', 'add', 'no election');
    const kind = await quorate(['elect', 'no election', ...connect]);
    assert.deepEqual([kind.code, kind.stderr.split(':')[1]], [1, ' kindMismatch']);
    const none = await quorate(['elect', 'e', '--connect', '127.0.0.1:1', '--timeout', '0.5']);
    assert.deepEqual([none.code, none.stderr.split(':')[1]], [69, ' unavailable']);
  });
});
