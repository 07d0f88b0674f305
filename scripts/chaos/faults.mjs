// The classes of faults, and what a machine must allow for them.

/** Name and meaning of each. */
export const FAULTS = {
  kill: 'SIGKILL of a node',
  killLeader: 'SIGKILL of a node that leads',
  killAll: 'SIGKILL of all nodes at once',
  stop: 'SIGTERM of a node',
  pause: 'SIGSTOP of a node, for up to 15 s',
  pauseLeader: 'SIGSTOP of a node that leads',
  killClient: 'SIGKILL of a client; another takes its place',
  pauseClient: 'SIGSTOP of a client, also for longer than its session lives',
  isolate: 'a node is cut off from all other nodes',
  isolateLeader: 'a node that leads is cut off from all other nodes, and some of the clients with it',
  cut: 'two nodes are cut off from each other',
  cutOneWay: 'what a node sends to another does not arrive',
  cutClient: 'a client is cut off from some nodes',
  reset: 'connections between two nodes break',
  loss: 'a part of the packets to a node is lost',
  diskFull: 'a node has no disk space left',
  clockJump: 'the time of day jumps on a node',
  clockRate: 'the monotonic clock of a node goes faster or slower',
};

/** Why a fault cannot be injected over that network; null if it can. */
export function impossible(fault, network) {
  const isPacketFault = fault === 'loss' || fault === 'cutClient' || fault === 'isolateLeader';
  return isPacketFault && network.kind !== 'namespaces'
    ? 'needs network namespaces: proxies know no packets, and no client from another'
    : null;
}
