// `npm run clean`: removes build output. Data directories and installed packages stay.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, listExampleOutput, listPackages, main, say } from './workspace.mjs';

await main(() => {
  for (const { path } of listPackages()) {
    for (const output of ['dist', 'dist-test']) rmSync(join(path, output), { recursive: true, force: true });
  }
  for (const { output } of listExampleOutput()) rmSync(output);
  rmSync(join(ROOT, 'examples', 'dist'), { recursive: true, force: true });
  say('clean: removed dist and dist-test of every package, and the compiled examples');
});
