// A worker of `npm run sim`: runs the seeds that it is sent, one at a time, and answers each with what the run was, or how it failed.
import { pathToFileURL } from 'node:url';
import { cpuMsSince } from './cpu-time.mjs';

const { runSimulation, isSimulatorError } = await import(pathToFileURL(process.argv[2]).href);

process.on('message', ({ seed, options }) => {
  const started = process.cpuUsage();
  try {
    const result = runSimulation(seed, options);
    process.send({ seed, ms: cpuMsSince(started), result });
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.send({ seed, ms: cpuMsSince(started), failure, isSimulatorError: isSimulatorError(error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ ready: true });
