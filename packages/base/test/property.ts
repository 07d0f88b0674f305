import fc from 'fast-check';

/** Runs a property; `SEED=N` in the environment repeats a run, and a failure prints its seed by itself. */
export function check<Ts extends [unknown, ...unknown[]]>(property: fc.IProperty<Ts>, runs = 200): void {
  const seed = process.env['SEED'];
  fc.assert(property, seed === undefined ? { numRuns: runs } : { numRuns: runs, seed: Number(seed) });
}
