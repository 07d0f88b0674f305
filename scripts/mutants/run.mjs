// Runs mutants, several at a time, each worker in a scratch copy of its own.
import { ROOT } from '../workspace.mjs';
import { Baseline, evaluate } from './evaluate.mjs';
import { Scratch } from './scratch.mjs';
import { failureWithoutMutant, simulate, whyNotAsked } from './simulate.mjs';

/**
 * Results in the order of `mutants`. `simSeeds` > 0: also asks the simulation. `ended` is told of each result as it comes, with how many there are.
 * Needs a repository that is installed and built. Throws if the simulation, where it is asked, fails without any mutant.
 */
export async function runMutants(mutants, { jobs, simSeeds = 0, ended = () => {} }) {
  if (simSeeds > 0 && mutants.some((mutant) => whyNotAsked(mutant) === null)) {
    const failure = await failureWithoutMutant(ROOT, simSeeds);
    if (failure !== null) throw new Error(`the simulation fails without any mutant, ${failure}`);
  }
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
        const isAsked = simSeeds > 0 && result.outcome !== 'error' && whyNotAsked(mutant) === null;
        const sim = isAsked ? await simulate(mutant, scratch, simSeeds) : null;
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
