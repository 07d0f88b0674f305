// `npm run build [-- PROJECT…]`: installs what is missing and compiles every package and its tests, or the TypeScript projects named.
import { build, ensureInstalled, main } from './workspace.mjs';

await main(async () => {
  await ensureInstalled();
  const projects = process.argv.slice(2);
  await build(projects.length === 0 ? undefined : projects);
});
