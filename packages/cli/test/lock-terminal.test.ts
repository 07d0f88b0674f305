import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { LineProcess, endAllProcesses, isAlive, untilGone } from '../../server/dist-test/harness/line-process.js';
import { ENTRY, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';

let cluster: DevCluster;
before(async () => {
  cluster = await DevCluster.start({ nodes: 1 });
});
after(endAllProcesses);

/** `script` of util-linux gives a command a terminal of its own. Not every system has it, and Node.js has nothing of the kind. */
const HAS_TERMINAL = /util-linux/.test(String(spawnSync('script', ['--version']).stdout));

const quoted = (argument: string): string => `'${argument.replaceAll("'", "'\\''")}'`;

/** The number after a word that the command says. A terminal ends its lines with a carriage return too. */
async function said(run: LineProcess, word: string): Promise<number> {
  return Number((await run.line(new RegExp(`^${word} \\d+\\s*$`))).trim().slice(word.length + 1));
}

test('lock: on a terminal → the command can be typed to; lost: the command ends, exit code 75, and what it has started is left', async (t) => {
  if (!HAS_TERMINAL) {
    t.diagnostic('NOT TESTED: there is no `script` of util-linux here, so no terminal');
    return;
  }
  const script = 'echo "holder $PPID"; sleep 600 & echo "step $!"; echo "command $$"; read line; echo "typed: $line"; wait';
  const connect = ['--connect', cluster.connect, '--timeout', '30'];
  const args = [process.execPath, ENTRY, 'lock', 'typed', '--session-ttl', '1s', ...connect, '--', 'sh', '-c', script];
  const run = new LineProcess('-qec', [`${args.map(quoted).join(' ')}; echo "code $?"; read rest`, '/dev/null'], {
    executable: 'script',
    stdin: 'pipe',
  });
  const [holder, step, command] = [await said(run, 'holder'), await said(run, 'step'), await said(run, 'command')];
  try {
    run.child.stdin?.write('hello\n');
    await run.line(/^typed: hello/);
    assert.ok(isAlive(command));
    process.kill(holder, 'SIGSTOP');
    while ((await quorateOk(['lock', 'typed', '--holder', ...connect])) !== 'nobody\n');
    assert.ok(isAlive(command), 'nobody has told it yet');
    process.kill(holder, 'SIGCONT');
    assert.equal(await said(run, 'code'), 75, run.said);
    await untilGone([command]);
    assert.ok(isAlive(step), 'only the command itself is ended on a terminal: docs/resources/lock.md');
  } finally {
    if (isAlive(step)) process.kill(step, 'SIGKILL');
    await run.end('SIGTERM');
  }
});
