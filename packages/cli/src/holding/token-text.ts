import type { Token } from '@quorate/machine';

/** A token as `QUORATE_TOKEN` holds it: `epoch.index`. */
export function tokenText({ epoch, index }: Token): string {
  return `${epoch}.${index}`;
}
