import type { FlightLimitOptions } from '@quorate/base';

/**
 * How much one client may have on its way to a node that it shares with others. A leader bounds what waits there for all of them, and in half of this time: this is for what
 * waits before it comes to that, on slow links and in the node's sockets.
 */
export const SHARED_FLIGHT: FlightLimitOptions = { slowMs: 1000, leastPart: 1 / 128, isAlone: false };
