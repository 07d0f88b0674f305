import { drawScript } from '@quorate/testkit';
import { FAULT_MS, testSeeds } from './swarm-seeds.js';

// Most seeds draw three nodes. With five, two may be away at the same time, and a majority is not always the same.
testSeeds(
  'five nodes, faults drawn at random',
  { first: 41, last: 44, must: ['faultsInjected', 'statesCompared', 'watchEvents', 'grants'] },
  () => ({ faultMs: FAULT_MS, nodes: 5 }),
);

testSeeds('a single node, faults drawn at random', { first: 45, last: 46, must: ['faultsInjected', 'grants'] }, () => ({
  faultMs: FAULT_MS,
  nodes: 1,
}));

// A node that lost its data when the others have cut their logs: nine of ten seeds install a snapshot, most of them several.
testSeeds(
  'a node loses its data, logs are cut often',
  { first: 1, last: 4, must: ['faultsInjected', 'snapshotsTaken', 'snapshotsInstalled', 'statesCompared'] },
  (seed) => {
    const drawn = drawScript(seed, { faultMs: FAULT_MS, nodes: 3, actions: ['wipe'] });
    return { script: { ...drawn, cluster: { ...drawn.cluster, snapshotLogBytes: 4096 } } };
  },
);
