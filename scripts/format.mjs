// `npm run format [-- PATH…]`: rewrites files in the one format of this repository.
import { join } from 'node:path';
import { ROOT, ensureInstalled, main, runNode } from './workspace.mjs';

await main(async () => {
  await ensureInstalled();
  const paths = process.argv.slice(2);
  return runNode([
    join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome'),
    'format',
    '--write',
    ...(paths.length > 0 ? paths : ['.']),
  ]);
});
