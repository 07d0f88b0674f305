// Mutants of the simulator: a test network that is kinder than the real one hides bugs.
export const TESTKIT = [
  {
    id: 'test-network-shares-memory',
    shows: ['rule 25'],
    bug: 'The simulated network hands the bytes of the writer to the reader without a copy.',
    file: 'packages/testkit/src/sim-connection.ts',
    old: 'const given = bytes.slice(0, take);',
    new: 'const given = bytes.subarray(0, take);',
    tests: ['testkit/sim-network-bytes.test.ts: rule 25:'],
  },
];
