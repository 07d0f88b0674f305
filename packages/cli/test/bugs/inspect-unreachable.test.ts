import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { temporaryDirectory } from '../../../server/dist-test/harness/temporary-directory.js';
import { quorate } from '../harness/cli-run.js';

test('inspect: a name too long for the system, links in a circle → diskFailed with the reason, exit code 74, no "bug in Quorate"', async () => {
  const circle = join(temporaryDirectory(), 'circle');
  symlinkSync(circle, circle);
  for (const [path, reason] of [
    ['x'.repeat(3000), /ENAMETOOLONG/],
    [circle, /ELOOP/],
  ] as const) {
    const { code, stdout, stderr } = await quorate(['inspect', path]);
    assert.deepEqual([code, stdout], [74, '']);
    assert.match(stderr, /^error: diskFailed: cannot read the directory /);
    assert.match(stderr, reason);
  }
});
