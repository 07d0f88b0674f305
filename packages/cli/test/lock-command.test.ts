import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LineProcess, endAllProcesses, isAlive, untilGone } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';

let cluster: DevCluster;
let connect: readonly string[];
/** All that ran `quorate lock`; each command says its process id first. */
const locks: LineProcess[] = [];

before(async () => {
  cluster = await DevCluster.start({ nodes: 1 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
});
after(async () => {
  // What a `quorate lock` that was killed has left behind would keep its output open.
  for (const { child } of locks) child.kill('SIGKILL');
  const pids = locks.flatMap(({ lines }) => lines.filter((line) => line.startsWith('pid ')).map((line) => Number(line.slice(4))));
  for (const pid of pids.filter(isAlive)) process.kill(-pid, 'SIGKILL');
  await endAllProcesses();
});

const ok = (...args: readonly string[]): Promise<string> => quorateOk([...args, ...connect]);

/** `quorate lock NAME flags -- sh -c script` in a process of its own. The script says its process id first. */
function lock(name: string, script: string, ...flags: readonly string[]): LineProcess {
  const args = ['lock', name, ...flags, ...connect, '--', 'sh', '-c', `echo "pid $$"; ${script}`];
  const run = new LineProcess(ENTRY, args, { stdin: 'pipe' });
  locks.push(run);
  return run;
}

/** Says its token and its fence, and ends with 5 when it reads a line. */
const HOLDS = 'echo "token $QUORATE_TOKEN"; echo "fence $QUORATE_FENCE"; read line; exit 5';

/** Waits until the command of `HOLDS` runs. */
async function holding(holder: LineProcess): Promise<{ readonly pid: number; readonly token: string; readonly fence: string }> {
  const after = async (word: string): Promise<string> => (await holder.line(new RegExp(`^${word} `))).slice(word.length + 1);
  return { pid: Number(await after('pid')), token: await after('token'), fence: await after('fence') };
}

interface Holder {
  readonly session: number;
  readonly token: string;
  readonly waiters: number;
}

async function holderOf(name: string): Promise<Holder | null> {
  return (JSON.parse(await ok('lock', name, '--holder', '--json')) as { holder: Holder | null }).holder;
}

async function untilWaiting(name: string, waiters: number): Promise<void> {
  while ((await holderOf(name))?.waiters !== waiters);
}

const index = (token: string): number => Number(token.split('.')[1]);

describe('quorate lock', { timeout: 60_000, concurrency: 3 }, () => {
  test('lock: a command → its output, its exit code or 128 + signal, and a greater token each time', async () => {
    const first = lock('codes', 'echo "$QUORATE_TOKEN $QUORATE_FENCE"; exit 3');
    assert.deepEqual(await first.ended, { code: 3, signal: null }, first.said);
    const second = lock('codes', 'echo "$QUORATE_TOKEN $QUORATE_FENCE"; kill -KILL $$');
    assert.deepEqual(await second.ended, { code: 137, signal: null }, second.said);
    const tokens = [first, second].map(({ lines }) => {
      const [token = '', fence = ''] = (lines[1] ?? '').split(' ');
      const parsed = JSON.parse(fence) as { group: number; token: { epoch: number; index: number } };
      assert.equal(token, `${parsed.token.epoch}.${parsed.token.index}`);
      return index(token);
    });
    assert.ok((tokens[0] as number) < (tokens[1] as number), String(tokens));
    assert.equal(await ok('lock', 'codes', '--holder'), 'nobody\n');
    assert.equal((await quorate(['lock', 'codes', ...connect, '--', 'true'])).code, 0);
  });

  test('lock: a command that is not there or cannot be run → 127 or 126, an error that names it, and the lock is free', async () => {
    const none = await quorate(['lock', 'nothing', ...connect, '--', 'no-such-command-here']);
    assert.deepEqual(
      [none.code, none.stderr],
      [127, 'error: invalidArgument: cannot run "no-such-command-here": there is no such command\n'],
    );
    const folder = await quorate(['lock', 'nothing', '--json', ...connect, '--', process.cwd()]);
    assert.equal(folder.code, 126);
    assert.match((JSON.parse(folder.stderr) as { error: { message: string } }).error.message, /^cannot run ".*EACCES/);
    // Some reasons come from the system only as the command is started.
    for (const wrong of [`${ENTRY}/x`, '']) assert.equal((await quorate(['lock', 'nothing', ...connect, '--', wrong])).code, 126, wrong);
    assert.equal(await holderOf('nothing'), null);
  });

  test('lock: held by another → --holder tells, --wait ends with 75, who waits gets it when the command has ended', async () => {
    const holder = lock('busy', HOLDS);
    const { token } = await holding(holder);
    assert.match(await ok('lock', 'busy', '--holder'), new RegExp(`^session \\d+, token ${token.replace('.', '\\.')}, 0 waiting\n$`));
    for (const wait of ['0s', '200ms']) {
      const { code, stderr } = await quorate(['lock', 'busy', '--wait', wait, ...connect, '--', 'false']);
      assert.deepEqual([code, stderr], [75, 'error: lockTimeout: the lock "busy" was not acquired in time\n']);
    }
    const next = lock('busy', HOLDS, '--wait', '1h');
    await untilWaiting('busy', 1);
    assert.deepEqual(next.lines, []);
    holder.child.stdin?.write('\n');
    assert.deepEqual(await holder.ended, { code: 5, signal: null });
    const got = await holding(next);
    assert.ok(index(got.token) > index(token));
    assert.equal((await holderOf('busy'))?.token, got.token);
    next.child.stdin?.write('\n');
    assert.deepEqual(await next.ended, { code: 5, signal: null });
    assert.deepEqual([...holder.errorLines, ...next.errorLines], []);
  });

  test('lock: Ctrl-C or SIGTERM while waiting → 130 or 143, the command never ran, the claim is taken back', async () => {
    const holder = lock('waited', HOLDS);
    await holding(holder);
    const waiting = [lock('waited', 'echo ran'), lock('waited', 'echo ran', '--wait', '1m')];
    await untilWaiting('waited', 2);
    const ends = await Promise.all([waiting[0]?.end('SIGINT'), waiting[1]?.end('SIGTERM')]);
    assert.deepEqual(ends, [
      { code: 130, signal: null },
      { code: 143, signal: null },
    ]);
    assert.equal((await holderOf('waited'))?.waiters, 0);
    assert.deepEqual(
      waiting.flatMap(({ lines, errorLines }) => [...lines, ...errorLines]),
      [],
    );
    assert.deepEqual(await holder.end('SIGTERM'), { code: 143, signal: null });
  });

  test('lock: no cluster there → unavailable, exit code 69, the command never ran', async () => {
    const run = new LineProcess(ENTRY, ['lock', 'l', '--connect', '127.0.0.1:1', '--timeout', '0.5', '--', 'echo', 'ran']);
    assert.deepEqual(await run.ended, { code: 69, signal: null });
    assert.deepEqual(run.lines, []);
    assert.match(run.errorLines[0] ?? '', /^error: unavailable: /);
  });
});

describe('quorate lock and signals', { timeout: 60_000, concurrency: 3 }, () => {
  test('lock: SIGINT, SIGTERM, SIGHUP → passed on to the command, whose exit code counts', async () => {
    for (const [signal, code] of [
      ['SIGINT', 11],
      ['SIGTERM', 12],
      ['SIGHUP', 13],
    ] as const) {
      const run = lock(
        `passed ${signal}`,
        "trap 'exit 11' INT; trap 'exit 12' TERM; trap 'exit 13' HUP; echo runs; while :; do sleep 0.02; done",
      );
      await run.line(/runs/);
      assert.deepEqual(await run.end(signal), { code, signal: null });
      assert.equal(await holderOf(`passed ${signal}`), null);
    }
  });

  test('lock: SIGTERM while a script waits for what it started → that ends too', async () => {
    const script = lock('group', 'sleep 60 & echo "sleeps $!"; wait; echo not reached');
    const pid = Number((await script.line(/^sleeps/)).split(' ')[1]);
    assert.deepEqual(await script.end('SIGTERM'), { code: 143, signal: null });
    await untilGone([pid]);
    assert.equal(script.lines.at(-1), `sleeps ${pid}`);
  });
});

describe('quorate lock whose session is lost while it waits', { timeout: 60_000, concurrency: 2 }, () => {
  test('lock: the session is lost while it waits → it waits again in a new one, and runs its command when its turn comes', async () => {
    const holder = lock('again', HOLDS);
    await holding(holder);
    const waits = lock('again', HOLDS, '--session-ttl', '1s');
    await untilWaiting('again', 1);
    for (let round = 0; round < 2; round++) {
      waits.child.kill('SIGSTOP');
      await untilWaiting('again', 0);
      waits.child.kill('SIGCONT');
      await untilWaiting('again', 1);
    }
    holder.child.stdin?.write('\n');
    await holding(waits);
    waits.child.stdin?.write('\n');
    assert.deepEqual(await waits.ended, { code: 5, signal: null });
    assert.deepEqual(waits.errorLines, []);
  });

  test('lock: the session is lost while it waits, and --wait is over before its turn → lockTimeout, exit code 75, the command never ran', async () => {
    const holder = lock('again in time', HOLDS);
    await holding(holder);
    const waits = lock('again in time', HOLDS, '--session-ttl', '1s', '--wait', '6s');
    await untilWaiting('again in time', 1);
    waits.child.kill('SIGSTOP');
    await untilWaiting('again in time', 0);
    waits.child.kill('SIGCONT');
    assert.deepEqual(await waits.ended, { code: 75, signal: null });
    assert.match(waits.errorLines.join('\n'), /^error: lockTimeout: /);
    assert.deepEqual(waits.lines, []);
    holder.child.stdin?.write('\n');
    await holder.ended;
  });
});

describe('quorate lock that is lost', { timeout: 60_000, concurrency: 3 }, () => {
  test('lock: its process is killed → after the time to live of its session the next one gets it, with a greater token', async () => {
    const killed = lock('killed', HOLDS, '--session-ttl', '3s');
    const { token } = await holding(killed);
    const next = lock('killed', HOLDS);
    await untilWaiting('killed', 1);
    await killed.end('SIGKILL');
    assert.equal((await holderOf('killed'))?.token, token);
    const got = await holding(next);
    assert.ok(index(got.token) > index(token));
    next.child.stdin?.write('\n');
    assert.deepEqual(await next.ended, { code: 5, signal: null });
  });

  test('lock: lost while the command runs → the command gets SIGTERM, exit code 75, and its fenced writes are refused', async () => {
    const stopped = lock('lost', `trap 'echo terminated; exit 0' TERM; ${HOLDS}`, '--session-ttl', '2s');
    const old = await holding(stopped);
    assert.equal(await ok('counter', 'add', 'fenced', '1', '--fence', old.fence), '1\n');
    const next = lock('lost', HOLDS);
    await untilWaiting('lost', 1);
    stopped.child.kill('SIGSTOP');
    const held = await holding(next);
    for (const write of [
      ['counter', 'add', 'fenced', '1'],
      ['counter', 'set', 'fenced', '1'],
      ['map', 'set', 'fenced map', 'k', 'v'],
      ['map', 'remove', 'fenced map', 'k'],
    ]) {
      const late = await quorate([...write, '--fence', old.fence, ...connect]);
      assert.deepEqual([late.code, late.stderr.split(':')[1]], [1, ' fenced']);
    }
    assert.equal(await ok('counter', 'add', 'fenced', '1', '--fence', held.fence), '2\n');
    // A stream is a group of its own: what it has seen counts.
    const append = (value: string, fence: string, input = '') =>
      quorate(['stream', 'append', 'fenced stream', value, '--fence', fence, ...connect], input);
    await ok('stream', 'create', 'fenced stream');
    assert.equal((await append('late, but before the new holder', old.fence)).code, 0);
    assert.equal((await append('new', held.fence)).code, 0);
    const late = await append('too late', old.fence);
    assert.deepEqual([late.code, late.stderr.split(':')[1]], [1, ' fenced']);
    const lines = await append('-', old.fence, 'a\nb\n');
    assert.deepEqual([lines.code, lines.stderr.split(':')[1]], [1, ' fenced']);
    assert.match(lines.stderr, /line 1: .*lines stored before it: 0, after it: 0/);
    assert.equal(await ok('stream', 'read', 'fenced stream'), 'late, but before the new holder\nnew\n');
    stopped.child.kill('SIGCONT');
    assert.deepEqual(await stopped.ended, { code: 75, signal: null });
    assert.equal(stopped.lines.at(-1), 'terminated');
    assert.match(stopped.errorLines.join('\n'), /^error: sessionExpired: the lock "lost" was lost before the command had ended: [^\n]*$/);
    assert.equal((await holderOf('lost'))?.token, held.token);
    next.child.stdin?.write('\n');
    assert.deepEqual(await next.ended, { code: 5, signal: null });
  });

  test('lock: lost, and the command and what it started do not end → SIGKILL after --kill-after, exit code 75', async () => {
    const script = `trap '' TERM; sleep 60 & echo "sleeps $!"; ${HOLDS}`;
    const stopped = lock('stubborn', script, '--session-ttl', '1s', '--kill-after', '200ms', '--json');
    const pids = [Number((await stopped.line(/^sleeps/)).split(' ')[1]), (await holding(stopped)).pid];
    stopped.child.kill('SIGSTOP');
    while ((await holderOf('stubborn')) !== null);
    stopped.child.kill('SIGCONT');
    assert.deepEqual(await stopped.ended, { code: 75, signal: null });
    await untilGone(pids);
    const { error } = JSON.parse(stopped.errorLines.join('\n')) as { error: { code: string; retry: string } };
    assert.deepEqual([error.code, error.retry], ['sessionExpired', 'unknown']);
  });

  test('lock: lost, and the command ended by itself meanwhile → exit code 75 all the same', async () => {
    const stopped = lock('meanwhile', HOLDS, '--session-ttl', '1s');
    const { pid } = await holding(stopped);
    stopped.child.kill('SIGSTOP');
    while ((await holderOf('meanwhile')) !== null);
    stopped.child.stdin?.write('\n');
    await untilGone([pid]);
    stopped.child.kill('SIGCONT');
    assert.deepEqual(await stopped.ended, { code: 75, signal: null });
    assert.match(stopped.errorLines.join('\n'), /^error: sessionExpired: the lock "meanwhile" was lost before the command had ended/);
  });
});
