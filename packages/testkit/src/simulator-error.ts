import { DiskFault, QuorateError } from '@quorate/base';
import { SimulationFault, SimulatorError } from './faults.js';

/** The first file of the repository in a stack: `packages/NAME/…` or `scripts/…`. Only lines of calls count: a message may speak of files. */
const PLACE = /^\s+at .*?((?:packages\/([a-z-]+)|(scripts))\/[^\s():]*\.m?[jt]s):\d+/m;
/** Packages that are the simulator, and not what it simulates. */
const OWN = new Set(['testkit', 'scripts']);

/** What ended a run, as what it is: a failure that was found, or an error of the simulator itself. */
export type RunEnd = SimulationFault | SimulatorError;

/**
 * Decides what something thrown in a run is, by where it was thrown: in the code of the simulator it is an error of the simulator, in what is
 * simulated it was found. Null: it has no stack that could tell.
 */
export function endOf(thrown: unknown): RunEnd | null {
  if (thrown instanceof SimulationFault || thrown instanceof SimulatorError) return thrown;
  // Faults of disks come from the simulated ones, to be dealt with.
  if (thrown instanceof QuorateError || thrown instanceof DiskFault) return new SimulationFault(thrown.message, { cause: thrown });
  if (!(thrown instanceof Error)) return new SimulatorError(`thrown, and no error: ${String(thrown)}`, { cause: thrown });
  const place = PLACE.exec(thrown.stack ?? '');
  if (place === null) return null;
  const text = `uncaught ${thrown.name} in ${place[1] ?? ''}: ${thrown.message}`;
  const End = OWN.has(place[2] ?? place[3] ?? '') ? SimulatorError : SimulationFault;
  return withStackOf(new End(text, { cause: thrown }), thrown);
}

/** `end` with its message, in the place where `thrown` came from. */
function withStackOf(end: RunEnd, thrown: Error): RunEnd {
  const calls = (thrown.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  end.stack = [`${end.name}: ${end.message}`, ...calls].join('\n');
  return end;
}

/** The same end of a run, with the seed in its message. */
export function withSeed(end: RunEnd, seed: number): RunEnd {
  if (end.message.includes(`seed ${seed}`)) return end;
  return withText(end, `${end instanceof SimulationFault ? 'simulation failed' : 'simulator error'} with seed ${seed}`);
}

/** What something thrown in a part of a run is, with the part in its message. Where nobody can tell it is the simulator's. */
export function endAt(part: string, thrown: unknown): RunEnd {
  return withText(endOf(thrown) ?? new SimulatorError(`thrown nobody knows where: ${String(thrown)}`, { cause: thrown }), part);
}

function withText(end: RunEnd, text: string): RunEnd {
  const End = end instanceof SimulationFault ? SimulationFault : SimulatorError;
  return withStackOf(new End(`${text}: ${end.message}`, { cause: end }), end);
}

/** True if what `runSimulation` threw says that the simulator itself is wrong: whatever is no failure that was found. */
export function isSimulatorError(thrown: unknown): boolean {
  return !(thrown instanceof SimulationFault);
}
