// The states of all replicas of a simulated cluster, compared by their hashes.

/** Until all nodes have applied the same of a group. */
const SAME_WITHIN_MS = 20_000;

/** Compares each group on all nodes at one index. Gives how many groups were compared; what differs goes to `problem`. */
export function compareReplicas(cluster, problem) {
  const groups = cluster
    .node(1)
    .status()
    .groups.map(({ group }) => group);
  for (const group of groups) {
    const states = () => cluster.nodes.map((node) => node.appliedState(group));
    const isSame = () => {
      const [first, ...others] = states();
      return first !== null && others.every((state) => state?.appliedIndex === first.appliedIndex);
    };
    cluster.runUntil(isSame, SAME_WITHIN_MS, `all replicas of group ${group} at the same index`);
    const found = states();
    if (found.some(({ hash }) => hash !== found[0].hash))
      problem(`group ${group} at index ${found[0].appliedIndex}: state hashes ${found.map(({ hash }) => hash.toString(16)).join(', ')}`);
  }
  return groups.length;
}
