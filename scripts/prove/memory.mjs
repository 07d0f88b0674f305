// What a node holds in memory, as the system counts it, after many sets of a map: bounded, and no more after all of them than after half.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Cluster } from './cluster.mjs';
import { Process, delay } from './processes.mjs';
import { percentile, report, say } from './report.mjs';

const RESIDENT_MIB_MOST = 150;
/** A median of samples is good to about so much: the garbage collector gives memory back when it likes. */
const GROWTH_MIB_MOST = 4;
/** A measurement is the median over this part of all operations. */
const PART = 0.1;
const VALUE_BYTES = 128;
/** As fast as it goes: no server gets as far. */
const RATE = 1_000_000;
const LOOK_MS = 250;
const LOAD = fileURLToPath(new URL('map-load.mjs', import.meta.url));

/** `nodeFlags`: of Node.js, for the nodes, to compare with what a server runs with: none. */
export async function prove({ seed, keys = 100_000, operations = 10_000_000, nodeFlags = [] }) {
  const wrapperOf = () => (command, args) => [command, [...nodeFlags, ...args]];
  return await Cluster.run({ wrapperOf }, async (cluster) => {
    const load = new Process(process.execPath, [LOAD, cluster.addresses.join(','), String(keys), String(RATE), String(VALUE_BYTES)]);
    try {
      const samples = await sample(cluster, load, operations);
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      return judge({ seed, keys, operations, nodeFlags, samples, statuses });
    } finally {
      await load.kill();
    }
  });
}

/** Resident MiB of every node while the load runs, with how many operations were done by then. */
async function sample(cluster, load, operations) {
  const samples = [];
  let said = 0;
  for (let done = 0; done < operations; ) {
    await delay(LOOK_MS);
    if (!load.isRunning) throw new Error(load.lines.slice(-5).join('\n'));
    const { done: now = 0, errors = {} } = JSON.parse(load.lines.at(-1) ?? '{}');
    if (Object.keys(errors).length > 0) throw new Error(`sets failed: ${JSON.stringify(errors)}`);
    done = now;
    samples.push({ done, residents: cluster.nodes.map(({ pid }) => residentMib(pid)) });
    if (done < said + operations / 10) continue;
    said = done;
    say(`${done} operations; resident MiB ${samples.at(-1).residents.map(Math.round).join(', ')}`);
  }
  return samples;
}

function residentMib(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) / 1024;
}

function judge({ seed, keys, operations, nodeFlags, samples, statuses }) {
  const median = (node, upTo) => {
    const meant = samples.filter(({ done }) => done > (upTo - PART) * operations && done <= upTo * operations);
    const values = meant.map(({ residents }) => residents[node]);
    return Math.round(10 * percentile(values, 0.5)) / 10;
  };
  const demands = [];
  const nodes = {};
  for (let node = 0; node < statuses.length; node++) {
    const [half, end] = [median(node, 0.5), median(node, 1)];
    nodes[`node${node + 1}`] = {
      residentMibAtHalf: half,
      residentMibAtEnd: end,
      most: Math.max(...samples.map((each) => each.residents[node])),
    };
    demands.push([`node ${node + 1}: at most ${RESIDENT_MIB_MOST} MiB in the end (${end} MiB)`, end <= RESIDENT_MIB_MOST]);
    const more = Math.round(10 * (end - half)) / 10;
    demands.push([
      `node ${node + 1}: at most ${GROWTH_MIB_MOST} MiB more than after half of it (${more} MiB more)`,
      more <= GROWTH_MIB_MOST,
    ]);
  }
  const metric = (name) => statuses.map(({ metrics }) => metrics[name]);
  const measured = { seed, keys, operations, valueBytes: VALUE_BYTES, nodeFlags, samples: samples.length, ...nodes };
  return report('memory', { ...measured, machineBytes: metric('machineBytes'), snapshotsTaken: metric('snapshotsTaken') }, demands);
}
