// `npm start [-- --nodes N --data DIR --port P]`: installs and builds what is missing, then runs a cluster of three processes on this
// machine until Ctrl-C. The cluster's supervisor runs in this very process, so that signals reach it without a middleman.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, build, ensureInstalled, main, say } from './workspace.mjs';

const DEFAULTS = { '--nodes': '3', '--data': './data', '--port': '7400' };
const PARENT_CHECK_MS = 500;

/** The arguments of the command line, completed by the defaults. */
function clusterArguments(given) {
  const args = [...given];
  for (const [flag, value] of Object.entries(DEFAULTS)) {
    if (!given.some((argument) => argument === flag || argument.startsWith(`${flag}=`))) args.push(flag, value);
  }
  return args;
}

/** Stops this process in order if the npm that started it dies without passing its signal on: no cluster stays behind. */
function watchParent() {
  if (process.env.npm_lifecycle_event !== 'start' || process.platform === 'win32') return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_CHECK_MS);
  timer.unref();
}

await main(async () => {
  await ensureInstalled();
  say('build: compiling what changed');
  await build(['packages/quorate']);
  const args = clusterArguments(process.argv.slice(2));
  say(`cluster: quorate dev ${args.join(' ')}`);
  const bin = join(ROOT, 'packages', 'quorate', 'bin', 'quorate.mjs');
  process.chdir(ROOT);
  process.argv = [process.execPath, bin, 'dev', ...args];
  watchParent();
  await import(pathToFileURL(bin).href);
});
