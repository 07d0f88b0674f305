import type { FlightLimitOptions } from '@quorate/base';

/** How much a leader takes in of what its clients ask for: as much as it does in about half a second. What else they ask for waits with them, where it can be given up. */
export const LEADER_FLIGHT: FlightLimitOptions = { slowMs: 500, leastPart: 1 / 1024, isAlone: true };
