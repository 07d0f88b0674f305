import { mkdirSync } from 'node:fs';
import { QuorateError } from '@quorate/base';

/** Makes the directory if it is not there; `diskFailed` says why it cannot be used. */
export function makeDataDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new QuorateError('diskFailed', `cannot use data directory ${directory}: ${reason}`, { directory }, { cause });
  }
}
