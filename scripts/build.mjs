// `npm run build`: installs what is missing and compiles every package and its tests.
import { build, ensureInstalled, main } from './workspace.mjs';

await main(async () => {
  await ensureInstalled();
  await build();
});
