// `npm start`: installs and builds what is missing, then runs a cluster of three processes on this machine until Ctrl-C.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, build, ensureInstalled, main, say } from './workspace.mjs';

const DEFAULTS = { '--nodes': '3', '--data': './data', '--port': '7400' };
// A terminal gives Ctrl-C to its whole process group and npm passes it on once more: within this time it is the same one.
const SAME_SIGNAL_MS = 1000;
const PARENT_CHECK_MS = 500;

/** The arguments of the command line, completed by the defaults. */
function clusterArguments(given) {
  const args = [...given];
  for (const [flag, value] of Object.entries(DEFAULTS)) {
    if (!given.some((argument) => argument === flag || argument.startsWith(`${flag}=`))) args.push(flag, value);
  }
  return args;
}

/** Runs the cluster and gives its exit code. It has a process group of its own, so it hears each signal once, from here. */
function runCluster(args) {
  return new Promise((resolve, reject) => {
    const cluster = spawn(process.execPath, [join(ROOT, 'packages', 'quorate', 'bin', 'quorate.mjs'), 'dev', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: process.platform !== 'win32',
    });
    let lastSignalAt = Number.NEGATIVE_INFINITY;
    const pass = (signal) => {
      const now = performance.now();
      if (now - lastSignalAt < SAME_SIGNAL_MS) return;
      lastSignalAt = now;
      cluster.kill(signal);
    };
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => pass(signal));
    process.on('SIGHUP', () => pass('SIGTERM'));
    watchParent(() => pass('SIGTERM'));
    cluster.once('error', reject);
    cluster.once('exit', (code) => resolve(code ?? 1));
  });
}

/** If npm dies without passing its signal on, the cluster must not stay behind. */
function watchParent(gone) {
  if (process.env.npm_lifecycle_event !== 'start') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    gone();
  }, PARENT_CHECK_MS);
  timer.unref();
}

await main(async () => {
  await ensureInstalled();
  say('build: compiling what changed');
  await build(['packages/quorate']);
  const args = clusterArguments(process.argv.slice(2));
  say(`cluster: quorate dev ${args.join(' ')}`);
  const code = await runCluster(args);
  say(code === 0 ? 'cluster: stopped' : `cluster: ended with exit code ${code}`);
  process.exit(code);
});
