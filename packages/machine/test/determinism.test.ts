import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PROGRAM = fileURLToPath(new URL('determinism-run.js', import.meta.url));

// What a log of this version comes to, on any machine. It changes only with the format of the state, which is then a new version.
const HASH = '1a7a212220ac62ce';

async function run(environment: Readonly<Record<string, string>>): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM], { env: { ...process.env, ...environment } });
  return stdout;
}

test('T76: one log in processes with different time zones and locales → the same replies and hashes, and the one that is written here', async () => {
  const outputs = await Promise.all([
    run({ TZ: 'UTC', LANG: 'C', LC_ALL: 'C' }),
    run({ TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }),
    run({ TZ: 'America/St_Johns', LANG: 'de_DE.UTF-8', LC_ALL: 'de_DE.UTF-8', NODE_OPTIONS: '--max-old-space-size=64' }),
  ]);
  assert.equal(outputs[1], outputs[0]);
  assert.equal(outputs[2], outputs[0]);
  assert.equal(outputs[0]?.trimEnd().split('\n').at(-1), HASH);
});
