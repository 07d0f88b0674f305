/** The simulated process died inside a call (a disk operation chosen by the test). Everything it does afterwards has no effect. */
export class SimulatedCrash extends Error {
  override readonly name: string = 'SimulatedCrash';
}

/** A simulation that cannot go on or whose check failed: the message says what, and how to repeat it. */
export class SimulationFault extends Error {
  override readonly name: string = 'SimulationFault';
}

/** The simulator itself did what it must not: no fault of what it simulates. */
export class SimulatorError extends Error {
  override readonly name: string = 'SimulatorError';
}
