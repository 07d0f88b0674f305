import type { LookedAtReplica } from '@quorate/host';
import { LogInvariants } from './log-invariants.js';
import type { SimNode } from './sim-node.js';

/** Whose replica the invariants look at; a `SimNode` is one. */
export type ObservedNode = Pick<SimNode, 'nodeId' | 'name' | 'starts'>;

/** States remembered per group, by applied index; the oldest is forgotten first. */
const STATES_REMEMBERED = 10_000;

/** What one life of a replica said of itself last. */
interface Seen {
  /** The life of its process. */
  readonly starts: number;
  term: number;
  commitIndex: number;
  appliedIndex: number;
}

/**
 * What must hold at every moment, seen from outside all nodes. `observe` is called whenever a replica has had its turn, so no state that lasts
 * is missed, and looks at that replica only; it returns the fault it finds, null if there is none.
 */
export class ClusterInvariants {
  /** Leader of each (group, term). */
  readonly #leaders = new Map<number, Map<number, number>>();
  /** By node and group: the last life of the replica. */
  readonly #seen = new Map<number, Map<number, Seen>>();
  /** Hash of the state of each group at each applied index that was seen, and the node that had it. */
  readonly #states = new Map<number, Map<number, { readonly hash: number; readonly node: number }>>();
  readonly #isComparing: boolean;
  /** What must hold of the logs. */
  readonly logs: LogInvariants = new LogInvariants();
  /** Observations so far. */
  observations = 0;
  /** States of a node that were compared with the state of another at the same index. */
  statesCompared = 0;
  #leaderships = 0;

  /** `isComparing` false: states are not compared. */
  constructor(isComparing = true) {
    this.#isComparing = isComparing;
  }

  observe(node: ObservedNode, replica: LookedAtReplica): string | null {
    this.observations++;
    const broken = this.logs.observe(node, replica);
    if (broken !== null) return broken;
    // It does nothing any more, and its log may have been taken over by the one that replaces it.
    if (replica.stopError !== null) return null;
    const { group, raft, log, appliedIndex } = replica;
    const { term, commitIndex, isLearner } = raft;
    const where = (): string => `node ${node.nodeId}, group ${group}`;
    if (raft.role === 'leader') {
      const fault = this.leads(node.nodeId, group, term);
      if (fault !== null) return fault;
      if (isLearner) return `node ${node.nodeId} leads group ${group} though it lost its data`;
    }
    if (appliedIndex > commitIndex) return `${where()}: applied ${appliedIndex} beyond commit ${commitIndex}`;
    if (log.durableIndex > log.lastIndex) return `${where()}: durable ${log.durableIndex} beyond last ${log.lastIndex}`;
    const seen = innerOf(this.#seen, node.nodeId);
    const before = seen.get(group);
    if (before === undefined || before.starts !== node.starts) {
      seen.set(group, { starts: node.starts, term, commitIndex, appliedIndex });
      return this.#checkState(node, replica);
    }
    if (!isLearner && (term < before.term || commitIndex < before.commitIndex || appliedIndex < before.appliedIndex)) {
      const change = `term ${before.term} → ${term}, commit ${before.commitIndex} → ${commitIndex}, applied ${before.appliedIndex} → ${appliedIndex}`;
      return `${where()}, start ${node.starts}: ${change} went back`;
    }
    const hasApplied = appliedIndex !== before.appliedIndex;
    before.term = term;
    before.commitIndex = commitIndex;
    before.appliedIndex = appliedIndex;
    return hasApplied ? this.#checkState(node, replica) : null;
  }

  /** A node became leader; the fault if another one leads or led in that term. */
  leads(node: number, group: number, term: number): string | null {
    const leaders = innerOf(this.#leaders, group);
    const other = leaders.get(term);
    if (other === undefined) {
      leaders.set(term, node);
      this.#leaderships++;
    }
    return other === undefined || other === node ? null : `group ${group} has two leaders in term ${term}: nodes ${other} and ${node}`;
  }

  /** Elections seen: leaderships in any group and term. */
  get leaderships(): number {
    return this.#leaderships;
  }

  /** T19: replicas that applied the same log are in the same state. */
  #checkState(node: ObservedNode, { group, appliedIndex, view }: LookedAtReplica): string | null {
    if (!this.#isComparing || appliedIndex === 0) return null;
    const known = innerOf(this.#states, group);
    const { hash } = view;
    const other = known.get(appliedIndex);
    if (other === undefined) {
      if (known.size >= STATES_REMEMBERED) known.delete(known.keys().next().value as number);
      known.set(appliedIndex, { hash, node: node.nodeId });
      return null;
    }
    if (other.node !== node.nodeId) this.statesCompared++;
    return other.hash === hash
      ? null
      : `group ${group} at index ${appliedIndex}: node ${node.nodeId} is in another state than node ${other.node} was`;
  }
}

/** The inner map of that key, made if there is none. */
function innerOf<T>(maps: Map<number, Map<number, T>>, key: number): Map<number, T> {
  let inner = maps.get(key);
  if (inner === undefined) maps.set(key, (inner = new Map<number, T>()));
  return inner;
}
