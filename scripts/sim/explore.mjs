// Many seeds on many cores: a process for each core, each with one seed at a time.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { ROOT, say } from '../workspace.mjs';

/** Real time after which a seed counts as hanging. */
const SEED_MS_MAX = 10 * 60_000;
const PROGRESS_MS = 5000;
/**
 * A run leaves much behind that lives for some virtual seconds: with more room for what is new, less of it is copied while it dies, and full
 * collections need not come with the bytes that go through. Each core has a worker, so collections have no others to help them. And refusals are errors, many
 * thousands of them, of which nobody reads the stack: whoever repeats a seed gets all of it.
 */
const WORKER_FLAGS = ['--max-semi-space-size=64', '--heap-growing-percent=600', '--single-threaded-gc', '--stack-trace-limit=0'];
/** What runs a seed. */
const TESTKIT = join(ROOT, 'packages', 'testkit', 'dist', 'index.js');

/**
 * Runs `next()` seeds until it gives null, or `untilMs` (by `performance.now()`) is over, or so many failed. Gives what failed; `broken` says why the
 * simulator itself could not go on; `onBroken` is told of the seed, if that happened in one.
 */
export function explore({ testkit = TESTKIT, seedMsMax = SEED_MS_MAX, jobs, next, options, untilMs, failuresMax, totals, ...told }) {
  const { onResult, onFailure, onBroken = () => {} } = told;
  return new Promise((resolve) => {
    const failed = [];
    let broken = null;
    let running = 0;
    const workers = new Set();
    const progress = setInterval(() => say(`sim: ${totals.progress}, ${failed.length} failed`), PROGRESS_MS);
    const end = () => {
      if (running > 0 && broken === null) return;
      clearInterval(progress);
      for (const worker of workers) worker.kill('SIGKILL');
      resolve({ failed, broken });
    };
    const breakOff = (seed, text) => {
      if (broken === null && seed !== undefined) onBroken(seed, text);
      broken ??= text;
      end();
    };
    const isOver = () => broken !== null || failed.length >= failuresMax || performance.now() >= untilMs;
    const give = (worker) => {
      const seed = isOver() ? null : next();
      if (seed === null) {
        workers.delete(worker);
        worker.disconnect();
        running--;
        return end();
      }
      worker.timer = setTimeout(() => breakOff(seed, `seed ${seed} did not end within ${seedMsMax / 1000} s`), seedMsMax);
      worker.seed = seed;
      worker.send({ seed, options });
    };
    for (let job = 0; job < jobs; job++) {
      const worker = fork(join(ROOT, 'scripts', 'sim', 'worker.mjs'), [testkit], { execArgv: WORKER_FLAGS });
      workers.add(worker);
      running++;
      worker.on('message', ({ seed, ms, result, failure, isSimulatorError }) => {
        clearTimeout(worker.timer);
        if (result !== undefined) {
          totals.add(result, ms);
          onResult(seed, ms, result);
        } else if (isSimulatorError) {
          return breakOff(seed, `seed ${seed}: ${failure}`);
        } else if (failure !== undefined) {
          failed.push(seed);
          onFailure(seed, failure);
        }
        give(worker);
      });
      worker.on('exit', (code, signal) => {
        clearTimeout(worker.timer);
        if (!workers.delete(worker)) return;
        const where = worker.seed === undefined ? '' : ` in seed ${worker.seed}`;
        breakOff(worker.seed, `a worker ended by itself${where}: ${code === null ? signal : `exit code ${code}`}`);
      });
    }
  });
}
