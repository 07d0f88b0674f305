import { QuorateError } from '@quorate/base';
import { SimulationFault, SimulatorError } from './faults.js';

/** The first file of the repository in a stack: `packages/NAME/…` or `scripts/…`. */
const PLACE = /(?:packages\/([a-z-]+)\/|(scripts)\/)[^\s():]*\.m?[jt]s:\d+/;
/** Packages that are the simulator, and not what it simulates. */
const OWN = new Set(['testkit', 'scripts']);

/**
 * True if a run ended because the simulator itself is wrong, not what it simulates: it says so, or something was thrown in its own code that is no
 * fault it found. What is thrown by the code that runs in it counts as found.
 */
export function isSimulatorError(thrown: unknown): boolean {
  if (thrown instanceof SimulatorError) return true;
  if (thrown instanceof SimulationFault || thrown instanceof QuorateError) return false;
  if (!(thrown instanceof Error)) return true;
  const place = PLACE.exec(thrown.stack ?? '');
  return place === null || OWN.has(place[1] ?? place[2] ?? '');
}
