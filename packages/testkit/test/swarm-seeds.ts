import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { SimulationOptions, SimulationResult } from '@quorate/testkit';
import { runSeed } from './run-seed.js';

// Of seeds 1 to 40 with 10 s of faults nearly all that is counted here happened in fifteen or more, so that no count hangs on one of them; snapshots
// were installed in five. Those have runs of their own (swarm-shapes.test.ts).
const COUNTED = {
  snapshotsTaken: ({ snapshotsTaken: count }: SimulationResult) => count,
  sessionsLost: ({ resources }: SimulationResult) => resources.sessionsLost,
  sessionsResumed: ({ resources }: SimulationResult) => resources.sessionsResumed,
  watchEvents: ({ resources }: SimulationResult) => resources.watchEvents,
  unknownOutcomes: ({ resources }: SimulationResult) => resources.unknownOutcomes,
  grants: ({ resources }: SimulationResult) => resources.grants,
  // Not of each seed: few faults fit a single node, and there is nothing to compare its state with.
  faultsInjected: ({ faults }: SimulationResult) => Object.values(faults).reduce((sum, count) => sum + count, 0),
  statesCompared: ({ statesCompared: count }: SimulationResult) => count,
  snapshotsInstalled: ({ snapshotsInstalled: count }: SimulationResult) => count,
} as const satisfies Record<string, (result: SimulationResult) => number>;

export type Counted = keyof typeof COUNTED;

/** Time under faults of a seed, in virtual ms. */
export const FAULT_MS = 10_000;

/** A test for each seed of `first` to `last`; of all of them together each of `must` happened: what never happened was not tested. */
export function testSeeds(
  situation: string,
  { first, last, must }: { readonly first: number; readonly last: number; readonly must: readonly Counted[] },
  optionsOf: (seed: number) => SimulationOptions,
): void {
  const sums = new Map<Counted, number>();
  for (let seed = first; seed <= last; seed++) {
    test(`swarm: seed ${seed}, ${situation} → every guarantee of streams and resources holds after mending`, () => {
      const result = runSeed(seed, optionsOf(seed));
      assert.ok(result.acknowledged > 0 && result.records >= result.acknowledged, JSON.stringify(result));
      assert.ok(result.resources.resourceCallsAnswered > 0, JSON.stringify(result));
      for (const name of must) sums.set(name, (sums.get(name) ?? 0) + COUNTED[name](result));
    });
  }
  after(() => {
    for (const name of must) assert.ok((sums.get(name) ?? 0) > 0, `${situation}: ${name}: none in seeds ${first} to ${last}`);
  });
}

/** What happens in any twenty seeds that are left to chance. */
export const COMMON: readonly Counted[] = [
  'snapshotsTaken',
  'sessionsLost',
  'sessionsResumed',
  'watchEvents',
  'unknownOutcomes',
  'grants',
  'faultsInjected',
  'statesCompared',
];
