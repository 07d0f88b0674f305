// Other versions of Node.js: this process's own one, and packages of the registry that carry binaries.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './report.mjs';

/** The versions that must take part. */
export const VERSIONS = [20, 22, 24];
/** A time zone and a language for each of them: nothing may depend on these either. */
export const PLACES = [
  { TZ: 'UTC', LANG: 'C', LC_ALL: 'C' },
  { TZ: 'Asia/Kathmandu', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  { TZ: 'America/St_Johns', LANG: 'sv_SE.UTF-8', LC_ALL: 'sv_SE.UTF-8' },
];

/** Version → { path, exact version }, and the versions that are not to be had. Installs into `directory`. */
export function nodeBinaries(directory) {
  const found = new Map();
  const own = Number(process.versions.node.split('.')[0]);
  found.set(own, { path: process.execPath, version: process.version });
  for (const version of VERSIONS) {
    if (found.has(version)) continue;
    const prefix = join(directory, `node-${version}`);
    try {
      execFileSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', '--loglevel=error', `node@${version}`], {
        stdio: 'pipe',
        timeout: 300_000,
      });
      const path = [join(prefix, 'node_modules/node/bin/node'), join(prefix, 'node_modules/.bin/node')].find(existsSync);
      const exact = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
      if (Number(exact.slice(1).split('.')[0]) !== version) throw new Error(`node@${version} is ${exact}`);
      found.set(version, { path, version: exact });
    } catch (error) {
      say(`Node ${version} cannot be had: ${error.message.split('\n')[0]}`);
    }
  }
  const missing = VERSIONS.filter((version) => !found.has(version));
  for (const version of missing) say(`MISSING: Node ${version} is neither here nor in the registry`);
  return { nodes: found, missing };
}
