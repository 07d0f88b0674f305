import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made: string[] = [];
process.on('exit', () => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
});

/** A new directory that goes when the process of the test ends, at the latest. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-test-'));
  made.push(directory);
  return directory;
}
