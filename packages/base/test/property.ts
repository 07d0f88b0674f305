import fc from 'fast-check';

/** Runs a property as often; a failure prints its seed (CONTRIBUTING.md says how to repeat it). */
export function check<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>, runs = 200): void {
  fc.assert(property, { numRuns: runs });
}
