import type { Logger } from '@quorate/base';
import type { Damage } from './types.js';

/** Damage found by reads is told once per place; beyond so many places, always. */
const PLACES_REMEMBERED = 1024;

/** Tells of damage that reads meet, once per place. */
export class DamageReports {
  readonly #told = new Set<string>();
  readonly #logger: Logger;
  readonly #tell: (damage: Damage) => void;

  constructor(logger: Logger, tell: (damage: Damage) => void) {
    this.#logger = logger;
    this.#tell = tell;
  }

  report(damage: Damage): void {
    const place = `${damage.file}:${damage.offset}`;
    if (this.#told.has(place)) return;
    if (this.#told.size < PLACES_REMEMBERED) this.#told.add(place);
    this.#logger.log('error', 'storedDataDamaged', { file: damage.file, offset: damage.offset, what: damage.what });
    this.#tell(damage);
  }
}
