// Runs mutants, several at a time, each worker in a scratch copy of its own.
import { Baseline, evaluate } from './evaluate.mjs';
import { Scratch } from './scratch.mjs';
import { simulate } from './simulate.mjs';

/**
 * Results in the order of `mutants`. `simSeeds` > 0: also asks the simulation. `ended` is told of each result as it comes, with how many there are.
 * Needs a repository that is installed and built.
 */
export async function runMutants(mutants, { jobs, simSeeds = 0, ended = () => {} }) {
  const results = new Array(mutants.length);
  const baseline = new Baseline();
  let next = 0;
  let done = 0;
  const work = async () => {
    const scratch = new Scratch(mutants.flatMap(({ tests }) => tests.map((test) => test.package)));
    try {
      while (next < mutants.length) {
        const at = next++;
        const mutant = mutants[at];
        const result = await evaluate(mutant, scratch, baseline);
        const sim = simSeeds > 0 && result.outcome !== 'error' ? await simulate(mutant, scratch, simSeeds) : null;
        results[at] = { ...result, shows: mutant.shows, bug: mutant.bug, mutant, sim };
        ended(results[at], ++done);
      }
    } finally {
      scratch.remove();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(jobs, mutants.length)) }, work));
  return results;
}
