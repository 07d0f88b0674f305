import type { GroupId, NodeId } from '@quorate/base';
import type { MachineGroup } from './machine-group.js';

/** The groups of a node that have sessions. */
export class MachineGroups {
  readonly #groups = new Map<GroupId, MachineGroup>();

  get(group: GroupId): MachineGroup | undefined {
    return this.#groups.get(group);
  }

  /** Adds one, in place of an earlier one of the same group. */
  set(group: MachineGroup): void {
    this.#groups.get(group.group)?.close();
    this.#groups.set(group.group, group);
  }

  /** When `tick` must be called at the latest. */
  nextDueMs(nowMs: number): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const group of this.#groups.values()) dueMs = Math.min(dueMs, group.nextDueMs(nowMs));
    return dueMs;
  }

  tick(nowMs: number): void {
    for (const group of this.#groups.values()) group.tick(nowMs);
  }

  peerDisconnected(peer: NodeId): void {
    for (const group of this.#groups.values()) group.peerDisconnected(peer);
  }

  /** A connection that had queries waiting was closed. */
  someAreGone(): void {
    for (const group of this.#groups.values()) group.waiters.someAreGone();
  }

  /** Figures for `status`, summed over the groups. */
  metrics(): Readonly<Record<string, number>> {
    const sums = { sessions: 0, sessionsCarried: 0, resources: 0, machineBytes: 0, machineLiveBytes: 0, queriesWaiting: 0 };
    for (const { machine, boundCount, waiters } of this.#groups.values()) {
      const { sessions, resources } = machine.counts;
      const { allocatedBytes, liveBytes } = machine.memory;
      sums.sessions += sessions;
      sums.resources += resources;
      sums.machineBytes += allocatedBytes;
      sums.machineLiveBytes += liveBytes;
      sums.sessionsCarried += boundCount;
      sums.queriesWaiting += waiters.size;
    }
    return sums;
  }
}
