import type { NodeId } from '@quorate/base';

/**
 * Which part of the way to its next snapshot a replica is taken to have gone when it has none of its own to count from: by its place among the
 * voters, behind that of the one whose log or snapshot it starts with. All replicas apply the same bytes; without this they would all write at
 * the same time, and a group would have no node with its hands free. 0 up to, but not, 1.
 */
export function headStart(voters: readonly NodeId[], self: NodeId, from: NodeId | 0): number {
  const order = [...new Set([...voters, self])].sort((a, b) => a - b);
  const steps = order.indexOf(self) - Math.max(0, order.indexOf(from as NodeId));
  return ((steps + order.length) % order.length) / order.length;
}
