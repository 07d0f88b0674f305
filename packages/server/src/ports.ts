import type { HostOptions } from '@quorate/host';
import { eventLoopDelayMeter } from './event-loop-delay.js';
import { NodeDisk, NodeNetwork, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';

/** The ports of the operating system, with a disk on `directory`. */
export function nodePorts(
  directory: string,
): Pick<HostOptions, 'disk' | 'network' | 'clock' | 'timers' | 'random' | 'checksum' | 'processMetrics'> {
  return {
    disk: new NodeDisk(directory),
    network: new NodeNetwork(),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    checksum: nodeChecksum,
    processMetrics: eventLoopDelayMeter(),
  };
}
