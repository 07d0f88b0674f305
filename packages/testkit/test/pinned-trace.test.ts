import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { runSimulation } from '@quorate/testkit';

const FILE = fileURLToPath(new URL('../test/pinned-trace.json', import.meta.url));
const COMMAND = 'REWRITE=1 node --test packages/testkit/dist-test/pinned-trace.test.js';

// A hash over every event, message and log line of a run. Whoever changes what nodes or clients do changes it on purpose; whoever does not, and finds
// it changed, has found that something depends on more than the seed, or that more changed than was meant.
test('swarm: the run of a pinned seed → the events that are written down, in this process twice, whatever the version of Node.js', () => {
  const { seed, faultMs, traceHash } = JSON.parse(readFileSync(FILE, 'utf8')) as { seed: number; faultMs: number; traceHash: string };
  const actual = runSimulation(seed, { faultMs, nodes: 3 }).traceHash;
  assert.equal(runSimulation(seed, { faultMs, nodes: 3 }).traceHash, actual, 'not the same run twice');
  if (process.env['REWRITE'] === '1') writeFileSync(FILE, `${JSON.stringify({ seed, faultMs, traceHash: actual }, null, 2)}\n`);
  else assert.equal(actual, traceHash, `seed ${seed} is another run than before; if that is meant: ${COMMAND}`);
});
