import { arch, cpus, loadavg, release, totalmem } from 'node:os';

/** When and where a measurement was made, and how it is repeated. */
export function runFacts(command) {
  const [first] = cpus();
  return {
    date: new Date().toISOString(),
    machine: `${cpus().length} × ${first?.model.trim() ?? 'CPU'} (${arch()}), ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}`,
    node: process.version,
    command,
  };
}

/** Processes that want to run, over the last minute: a machine that others use measures them too. */
export function loadAverage() {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

/** A command as one types it. */
export function commandLine(script, argv) {
  return argv.length === 0 ? `npm run ${script}` : `npm run ${script} -- ${argv.join(' ')}`;
}
