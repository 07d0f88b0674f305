import type { SimNode } from './sim-node.js';

/** What must hold at every moment, seen from outside all nodes. `observe` is called now and then; it returns the faults it finds. */
export class ClusterInvariants {
  /** Leader of each (group, term). */
  readonly #leaders = new Map<string, number>();
  /** Highest term and commit index per node life and group. */
  readonly #progress = new Map<string, { term: number; commitIndex: number }>();
  /** Observations so far. */
  observations = 0;

  observe(nodes: readonly SimNode[]): string[] {
    const faults: string[] = [];
    this.observations++;
    for (const node of nodes) {
      const status = node.status();
      if (status === null) continue;
      for (const group of status.groups) {
        if (group.role === 'leader') {
          const fault = this.leads(node.nodeId, group.group, group.term);
          if (fault !== null) faults.push(fault);
          if (group.isLearner) faults.push(`node ${node.nodeId} leads group ${group.group} though it lost its data`);
        }
        if (group.appliedIndex > group.commitIndex)
          faults.push(`node ${node.nodeId}, group ${group.group}: applied ${group.appliedIndex} beyond commit ${group.commitIndex}`);
        if (group.durableIndex > group.lastIndex)
          faults.push(`node ${node.nodeId}, group ${group.group}: durable ${group.durableIndex} beyond last ${group.lastIndex}`);
        this.#checkProgress(`${node.name}/${node.starts}/${status.incarnation}/${group.group}`, group, faults);
      }
    }
    return faults;
  }

  /** A node became leader; the fault if another one leads or led in that term. */
  leads(node: number, group: number, term: number): string | null {
    const key = `${group}/${term}`;
    const other = this.#leaders.get(key) ?? node;
    this.#leaders.set(key, other);
    return other === node ? null : `group ${group} has two leaders in term ${term}: nodes ${other} and ${node}`;
  }

  /** Elections seen: leaderships in any group and term. */
  get leaderships(): number {
    return this.#leaders.size;
  }

  #checkProgress(
    key: string,
    group: { readonly term: number; readonly commitIndex: number; readonly isLearner: boolean },
    faults: string[],
  ): void {
    const before = this.#progress.get(key);
    if (before !== undefined && !group.isLearner && (group.term < before.term || group.commitIndex < before.commitIndex)) {
      faults.push(`${key}: term ${before.term} → ${group.term}, commit ${before.commitIndex} → ${group.commitIndex} went back`);
    }
    this.#progress.set(key, { term: group.term, commitIndex: group.commitIndex });
  }
}
