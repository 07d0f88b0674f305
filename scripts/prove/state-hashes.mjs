// The states of all replicas, compared by their hashes.
import { until } from './processes.mjs';

/**
 * Waits until all nodes have applied the same of every group, and compares. Nothing may be written meanwhile.
 * Gives what differs, and how many groups were compared on how many nodes.
 */
export async function compareStates(cluster, withinMs = 60_000) {
  let statuses;
  await until(
    'all replicas to be at the same index',
    async () => {
      statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      const places = statuses.map(({ groups }) =>
        JSON.stringify(groups.map(({ group, appliedIndex }) => [group, appliedIndex]).sort((a, b) => a[0] - b[0])),
      );
      return new Set(places).size === 1;
    },
    { withinMs },
  );
  const problems = [];
  const [first] = statuses;
  for (const { group, name, appliedIndex, stateHash } of first.groups) {
    const others = statuses.map((status) => status.groups.find((each) => each.group === group));
    if (others.some((each) => each.role === 'stopped')) problems.push(`group ${group} (${name}) was stopped on a node`);
    if (others.some((each) => each.stateHash !== stateHash || each.appliedIndex !== appliedIndex))
      problems.push(
        `group ${group} (${name}) at index ${appliedIndex}: state hashes ${others.map((each) => each.stateHash.toString(16)).join(', ')}`,
      );
  }
  return {
    groups: first.groups.length,
    replicas: statuses.length,
    hashes: Object.fromEntries(first.groups.map(({ group, stateHash }) => [group, stateHash])),
    problems,
  };
}
