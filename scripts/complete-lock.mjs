// `node scripts/complete-lock.mjs`, after `npm install` changed package-lock.json: adds the optional packages of other platforms that npm left
// out. A registry mirror that carries only some platforms makes npm drop the others from the lock file, and then `npm ci` refuses it
// everywhere. The entries added have no integrity, because nothing here knows it; npm fills it in where such a platform installs.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, main, readJson, say } from './workspace.mjs';

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32', 'wasm32'];
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'ppc64', 'riscv64', 's390x', 'loong64', 'mips64el', 'wasm32'];

/** Path of `name` as npm finds it from the package at `from`, or undefined. */
function resolve(packages, from, name) {
  for (let base = from; ; base = base.replace(/\/?node_modules\/(?:@[^/]+\/)?[^/]+$/, '')) {
    const path = `${base === '' ? '' : `${base}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (!base.includes('node_modules/')) return packages[`node_modules/${name}`] === undefined ? undefined : `node_modules/${name}`;
  }
}

/** Optional dependencies that the lock file names and does not describe: name, exact version, who wants it. */
export function missingOptionals(lock) {
  const missing = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (resolve(lock.packages, path, name) === undefined) missing.push({ name, version, wantedBy: path, isDev: entry.dev === true });
    }
  }
  return missing;
}

/** System, processor and C library that a package of this name is made for, as far as the name tells. */
export function platformOf(name) {
  const parts = name.split('/').at(-1).split('-');
  const os = SYSTEMS.filter((system) => parts.includes(system));
  const cpu = PROCESSORS.filter((processor) => parts.includes(processor));
  const isMusl = parts.some((part) => part.startsWith('musl'));
  const isGlibc = parts.some((part) => part.startsWith('gnu'));
  const libc = os.includes('linux') && isMusl ? ['musl'] : os.includes('linux') && isGlibc ? ['glibc'] : [];
  return { ...(cpu.length > 0 ? { cpu } : {}), ...(libc.length > 0 ? { libc } : {}), ...(os.length > 0 ? { os } : {}) };
}

/** The lock file with an entry for each, keys in npm's order. */
export function completed(lock) {
  const packages = { ...lock.packages };
  for (const { name, version, wantedBy, isDev } of missingOptionals(lock)) {
    if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) throw new Error(`${wantedBy} wants ${name} ${version}, which is no exact version`);
    const { cpu, libc, os } = platformOf(name);
    packages[`node_modules/${name}`] = {
      version,
      ...(cpu === undefined ? {} : { cpu }),
      ...(isDev ? { dev: true } : {}),
      ...(libc === undefined ? {} : { libc }),
      optional: true,
      ...(os === undefined ? {} : { os }),
    };
  }
  const sorted = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')));
  return { ...lock, packages: sorted };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => {
    const path = join(ROOT, 'package-lock.json');
    const lock = readJson(path);
    const count = missingOptionals(lock).length;
    writeFileSync(path, `${JSON.stringify(completed(lock), null, 2)}\n`);
    say(`package-lock.json: ${count} optional packages of other platforms added`);
  });
}
