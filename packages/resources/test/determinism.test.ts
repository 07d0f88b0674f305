import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('determinism-run.js', import.meta.url));

async function run(environment: Readonly<Record<string, string>>): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM], { env: { ...process.env, ...environment } });
  return stdout.trimEnd().split('\n');
}

test('T76: replicas of maps, counters, locks and elections with different time zones, locales, clocks and chance apply one log → the same replies and hashes', async () => {
  const [first, ...others] = await Promise.all([
    run({ TZ: 'UTC', LANG: 'C', LC_ALL: 'C', CLOCK_SKEW_MS: '0' }),
    run({ TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', CLOCK_SKEW_MS: '3600123' }),
    run({ TZ: 'America/St_Johns', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', CLOCK_SKEW_MS: '-31536000456' }),
  ]);
  assert.ok(first !== undefined && new Set(first).size > 400, 'the log does something');
  for (const other of others) assert.deepEqual(other, first);
});
