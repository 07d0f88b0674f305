import type { NodeStatus } from '@quorate/wire';
import type { SimNode } from './sim-node.js';

/** What the invariants look at; a `SimNode` is one. */
export type ObservedNode = Pick<SimNode, 'nodeId' | 'name' | 'starts' | 'status' | 'appliedState'>;

/** States remembered per group, by applied index; the oldest is forgotten first. */
const STATES_REMEMBERED = 10_000;

/** What must hold at every moment, seen from outside all nodes. `observe` is called now and then; it returns the faults it finds. */
export class ClusterInvariants {
  /** Leader of each (group, term). */
  readonly #leaders = new Map<string, number>();
  /** Highest term and commit index per node life and group. */
  readonly #progress = new Map<string, { term: number; commitIndex: number }>();
  /** Hash of the state of each group at each applied index that was seen, and the node that had it. */
  readonly #states = new Map<number, Map<number, { readonly hash: number; readonly node: number }>>();
  readonly #isComparing: boolean;
  /** Observations so far. */
  observations = 0;
  /** States of a node that were compared with the state of another at the same index. */
  statesCompared = 0;

  /** `isComparing` false: states are not compared. */
  constructor(isComparing = true) {
    this.#isComparing = isComparing;
  }

  /** `also` is given each status, so that it need not be made twice. */
  observe(nodes: readonly ObservedNode[], also: (node: ObservedNode, status: NodeStatus) => void = () => {}): string[] {
    const faults: string[] = [];
    this.observations++;
    for (const node of nodes) {
      const status = node.status();
      if (status === null) continue;
      also(node, status);
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
        if (this.#isComparing) this.#checkState(node, group.group, faults);
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

  /** T19: replicas that applied the same log are in the same state. */
  #checkState(node: ObservedNode, group: number, faults: string[]): void {
    const state = node.appliedState(group);
    if (state === null || state.appliedIndex === 0) return;
    let known = this.#states.get(group);
    if (known === undefined) this.#states.set(group, (known = new Map()));
    const other = known.get(state.appliedIndex);
    if (other === undefined) {
      if (known.size >= STATES_REMEMBERED) known.delete(known.keys().next().value as number);
      known.set(state.appliedIndex, { hash: state.hash, node: node.nodeId });
      return;
    }
    if (other.node !== node.nodeId) this.statesCompared++;
    if (other.hash !== state.hash)
      faults.push(`group ${group} at index ${state.appliedIndex}: node ${node.nodeId} is in another state than node ${other.node} was`);
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
