import { QuorateError } from '@quorate/base';

/** Entries that are written at a time. */
const IN_FLIGHT = 256;

/** Writes each of `keys` keys once, so that reads find them. `unavailable`: one could not be written. */
export function fill(keys: number, set: (turn: number, done: (errorCode: string | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let filled = 0;
    const one = (): void => {
      if (next === keys) return;
      set(next++, (errorCode) => {
        if (errorCode !== null) reject(new QuorateError('unavailable', `the entries to read could not be written: ${errorCode}`));
        else if (++filled === keys) resolve();
        else one();
      });
    };
    for (let slot = 0; slot < Math.min(IN_FLIGHT, keys); slot++) one();
  });
}
