// The same seeds give the same runs of the simulator, event for event, on every version of Node.js, in any time zone and language.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PLACES, VERSIONS, nodeBinaries } from './node-versions.mjs';
import { REPOSITORY } from './processes.mjs';
import { report, say } from './report.mjs';

const TESTKIT = pathToFileURL(join(REPOSITORY, 'packages', 'testkit', 'dist', 'index.js')).href;

/** `rounds`: seeds, from `seed` on. */
export async function prove({ seed, rounds = 10 }) {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-node-'));
  try {
    const { nodes, missing } = nodeBinaries(directory);
    const seeds = Array.from({ length: rounds }, (_, i) => seed + i);
    const program = `import { runSimulation } from ${JSON.stringify(TESTKIT)};
      for (const seed of ${JSON.stringify(seeds)}) console.log(seed, runSimulation(seed, { faultMs: 3000 }).traceHash);`;
    const hashes = [...nodes.values()].map(({ path, version }, at) => {
      say(`${rounds} seeds on Node ${version}`);
      const env = { ...process.env, ...PLACES[at % PLACES.length] };
      return {
        version,
        lines: execFileSync(path, ['--input-type=module', '--eval', program], { encoding: 'utf8', env }).trim().split('\n'),
      };
    });
    const [first, ...others] = hashes;
    const problems = others.flatMap(({ version, lines }) =>
      first.lines.flatMap((line, i) =>
        line === lines[i] ? [] : [`seed and trace on ${first.version}: ${line}; on ${version}: ${lines[i]}`],
      ),
    );
    return report(
      'trace',
      { seed, seeds: rounds, nodeVersions: hashes.map(({ version }) => version), missingVersions: missing, problems: problems.length },
      [
        [`Node ${VERSIONS.join(', ')} took part`, missing.length === 0],
        [`${rounds} seeds on each, two of them different`, hashes.every(({ lines }) => lines.length === rounds && new Set(lines).size > 1)],
        ['equal traces of all events on all versions', problems.length === 0],
      ],
      problems,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
