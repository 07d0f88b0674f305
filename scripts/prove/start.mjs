// A clean clone: one command starts the cluster, Ctrl-C stops it without a trace, the next start has the data.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeDisk } from '@quorate/platform-node';
import { Quorate } from 'quorate';
import { Ledger } from './ledger.mjs';
import { Process, REPOSITORY, isAlive, until } from './processes.mjs';
import { report, say } from './report.mjs';
import { checkLedger } from './workload.mjs';

const START_SECONDS_MOST = 120;
const PORTS = [7400, 7401, 7402];
const ADDRESSES = PORTS.map((port) => `127.0.0.1:${port}`);
const STREAMS = ['start-a', 'start-b'];

export async function prove({ seed }) {
  for (const port of PORTS) if (await isListening(port)) throw new Error(`something listens on port ${port} already: stop it first`);
  const directory = mkdtempSync(join(tmpdir(), 'quorate-start-'));
  const clone = join(directory, 'clone');
  const started = [];
  const killAll = () => {
    for (const run of started) {
      for (const pid of run.pids) if (belongsTo(pid, clone)) process.kill(pid, 'SIGKILL');
      killGroup(run.process);
    }
  };
  process.on('exit', killAll);
  try {
    say('cloning');
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', REPOSITORY, clone]);
    const ledger = new Ledger();
    const first = await start(clone, started);
    say(`ready after ${first.seconds.toFixed(1)} s: ${first.servers.length} servers, leader node ${first.leader}`);
    await append(ledger, 'first');
    const firstStop = await interrupt(first, clone);
    say(`stopped in ${firstStop.seconds.toFixed(1)} s`);
    const locksFree = await areLocksFree(clone);
    const second = await start(clone, started);
    say(`ready again after ${second.seconds.toFixed(1)} s`);
    const afterRestart = await checkLedger(ledger, ADDRESSES, STREAMS);
    await append(ledger, 'second');
    const check = await checkLedger(ledger, ADDRESSES, STREAMS);
    const secondStop = await interrupt(second, clone);
    return report(
      'start',
      {
        seed,
        firstStartSeconds: round(first.seconds),
        servers: first.servers.length,
        leader: first.leader,
        stopSeconds: round(firstStop.seconds),
        stoppedInOrder: firstStop.isOrderly && secondStop.isOrderly,
        npmEndedBy: firstStop.code,
        left: firstStop.left + secondStop.left,
        locksFree,
        secondStartSeconds: round(second.seconds),
        recordsAfterRestart: afterRestart.records,
        recordsAtEnd: check.records,
        problems: check.problemCount,
      },
      [
        [`ready within ${START_SECONDS_MOST} s`, first.seconds <= START_SECONDS_MOST],
        ['three processes', first.servers.length === 3 && second.servers.length === 3],
        ['a leader', first.leader > 0 && second.leader > 0],
        ['Ctrl-C ends it in order', firstStop.isOrderly && secondStop.isOrderly],
        ['no process left', firstStop.left + secondStop.left === 0],
        ['no lock left', locksFree === 3],
        ['records were appended before the stop', afterRestart.records > 0],
        ['the second start has the data', check.problemCount === 0],
      ],
      check.problems,
    );
  } finally {
    killAll();
    process.off('exit', killAll);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** `npm start` in a process group of its own, as a terminal does it, until the cluster says it is ready. */
async function start(clone, started) {
  const startMs = performance.now();
  const npm = new Process('npm', ['start'], { cwd: clone, detached: true, env: { ...process.env, NO_COLOR: '1' } });
  const run = { process: npm, pids: [], servers: [], seconds: 0, leader: 0 };
  started.push(run);
  await until(
    'npm start to be ready',
    () => {
      if (!npm.isRunning) throw new Error(`npm start ended: ${npm.lines.slice(-20).join('\n')}`);
      return npm.lines.some((line) => line.includes('ready: node'));
    },
    { withinMs: START_SECONDS_MOST * 1000 + 30_000 },
  );
  const quorate = await Quorate.connect(ADDRESSES);
  try {
    run.leader = (await quorate.status()).groups.find((group) => group.group === 0)?.leader ?? 0;
  } finally {
    await quorate.close();
  }
  run.seconds = (performance.now() - startMs) / 1000;
  run.pids = processesOf(clone);
  run.servers = run.pids.filter((pid) => commandOf(pid).includes('--node'));
  return run;
}

/** Ctrl-C: SIGINT to the process group. */
async function interrupt(run, clone) {
  const startMs = performance.now();
  process.kill(-run.process.pid, 'SIGINT');
  const exit = await Promise.race([run.process.ended, new Promise((resolve) => setTimeout(resolve, 30_000, { code: 'none within 30 s' }))]);
  const seconds = (performance.now() - startMs) / 1000;
  const left = new Set([...run.pids.filter((pid) => isAlive(pid) && belongsTo(pid, clone)), ...processesOf(clone)]);
  for (const pid of left) say(`left behind: ${pid} ${commandOf(pid)}`);
  const code = exit.code ?? exit.signal;
  // The cluster ends with 0; a shell between npm and it may make npm tell the signal that all three got.
  const isOrderly = (code === 0 || code === 'SIGINT') && run.process.lines.includes('[quorate] all nodes stopped');
  return { seconds, left: left.size, code, isOrderly };
}

async function append(ledger, client) {
  const quorate = await Quorate.connect(ADDRESSES);
  try {
    for (const stream of STREAMS) {
      await quorate.stream(stream).create();
      for (let i = 0; i < 50; i++) await ledger.append(stream, client, (value) => quorate.stream(stream).append(value));
    }
  } finally {
    await quorate.close();
  }
}

/** How many of the three directories can be locked now. */
async function areLocksFree(clone) {
  const results = PORTS.map((_, index) => {
    const disk = new NodeDisk(join(clone, 'data', `node-${index + 1}`));
    return new Promise((resolve) => disk.lock((error, release) => resolve(error === null ? (release(), 1) : 0)));
  });
  return (await Promise.all(results)).reduce((sum, free) => sum + free, 0);
}

/** Processes that run in the clone. */
function processesOf(clone) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && belongsTo(pid, clone));
}

function belongsTo(pid, clone) {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(clone) || commandOf(pid).includes(clone);
  } catch {
    return false;
  }
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

function killGroup(run) {
  if (!run.isRunning) return;
  try {
    process.kill(-run.pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(socket.destroy() && true)).once('error', () => resolve(false));
  });
}

function round(seconds) {
  return Number(seconds.toFixed(1));
}
