import { COMMON, FAULT_MS, testSeeds } from './swarm-seeds.js';

// The second half of the seeds of swarm.test.ts: files run in parallel.
testSeeds('faults drawn at random', { first: 21, last: 40, must: COMMON }, () => ({ faultMs: FAULT_MS }));
