// Preloaded by `npm test` into each test file: properties of fast-check draw from SEED.
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.SEED) });
