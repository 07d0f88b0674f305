// What every script knows of the repository: where it is, its packages, and how to install and build it.
// Only `node:` imports here: these scripts run on a fresh clone, before any install.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'dist-test', '.git', 'data', 'tmp']);

/** Tells the stage that runs now, so that nobody waits before a silent terminal. */
export function say(text) {
  process.stdout.write(`[quorate] ${text}\n`);
}

export function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/** The workspace packages under `root`: folder name, path and package.json, sorted by name. */
export function listPackages(root = ROOT) {
  const folder = join(root, 'packages');
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'package.json')))
    .sort()
    .map((name) => ({ name, path: join(folder, name), manifest: readJson(join(folder, name, 'package.json')) }));
}

/** Paths of files under a folder, relative to it with `/` between parts, sorted; build output and installed packages are left out unless asked for. */
export function listFiles(folder, { accept = () => true, skip = SKIPPED_FOLDERS } = {}) {
  const found = [];
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const full = join(path, entry.name);
      if (entry.isDirectory()) {
        if (!skip.has(entry.name)) visit(full);
      } else if (entry.isFile()) {
        const name = relative(folder, full).split(sep).join('/');
        if (accept(name)) found.push(name);
      }
    }
  };
  if (existsSync(folder)) visit(folder);
  return found.sort((a, b) => (a < b ? -1 : 1));
}

/** Runs a program of Node with the terminal of this one; gives its exit code (128 + signal number counts as failure: 1). */
export function runNode(args, options = {}) {
  return run(process.execPath, args, options);
}

function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', ...options });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/** Runs npm, the one that started this script if there is one. */
function runNpm(args) {
  const cli = process.env.npm_execpath;
  if (cli !== undefined && /\.c?js$/.test(cli)) return runNode([cli, ...args]);
  return run('npm', args, { shell: process.platform === 'win32' });
}

/** Why `node_modules` does not fit `package-lock.json`; null if it does. */
export function installNeeded(root = ROOT) {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules is missing';
  const locked = readJson(join(root, 'package-lock.json')).packages;
  const installed = readJson(installedPath).packages;
  for (const [path, entry] of Object.entries(locked)) {
    if (path === '') continue;
    const found = installed[path];
    if (found === undefined) {
      // Binaries of other platforms are listed and not installed.
      if (entry.optional === true) continue;
      return `${path} is not installed`;
    }
    if (found.version !== entry.version || (entry.integrity !== undefined && found.integrity !== entry.integrity))
      return `${path} has another version`;
    if (JSON.stringify(found.bin) !== JSON.stringify(entry.bin)) return `${path} has other commands`;
    if (entry.link === true && !existsSync(join(root, path))) return `${path} is not linked`;
  }
  return null;
}

/** Installs exactly what `package-lock.json` says, if that is not there already. No install script ever runs. */
export async function ensureInstalled() {
  const reason = installNeeded();
  if (reason === null) {
    say('dependencies: up to date');
    return;
  }
  say(`dependencies: ${reason}; running "npm ci"`);
  const code = await runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
  if (code !== 0) throw new Error(`"npm ci" failed with exit code ${code}`);
}

/** Compiles what changed. `projects`: folders of TypeScript projects; all by default. */
export async function build(projects = ['.']) {
  const started = performance.now();
  removeOrphans();
  const code = await runNode([join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', ...projects]);
  if (code !== 0) throw new Error(`the build failed (tsc exit code ${code})`);
  say(`build: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Removes compiled files whose source is gone: a deleted test must not run for ever. */
export function removeOrphans(root = ROOT) {
  const removed = [];
  for (const { path } of listPackages(root)) {
    for (const [output, source] of [
      ['dist', 'src'],
      ['dist-test', 'test'],
    ]) {
      for (const file of listFiles(join(path, output), { accept: (name) => /\.(js|d\.ts)(\.map)?$/.test(name) })) {
        const stem = file.replace(/\.(js|d\.ts)(\.map)?$/, '');
        if (existsSync(join(path, source, `${stem}.ts`))) continue;
        rmSync(join(path, output, file));
        removed.push(join(path, output, file));
      }
    }
  }
  for (const { output, source } of listExampleOutput(root)) {
    if (existsSync(source)) continue;
    rmSync(output);
    removed.push(output);
  }
  return removed;
}

/** What was compiled of the examples, beside their sources, and what it was compiled from. */
export function listExampleOutput(root = ROOT) {
  const folder = join(root, 'examples');
  return listFiles(folder, { accept: (name) => name.endsWith('.js') }).map((name) => ({
    output: join(folder, name),
    source: join(folder, name.replace(/\.js$/, '.ts')),
  }));
}

/** `--name value` and `--name=value` of a command line; unknown names and missing values end the process with code 2. */
export function parseFlags(args, known) {
  const values = {};
  for (let at = 0; at < args.length; at++) {
    const match = /^--([a-z-]+)(?:=(.*))?$/s.exec(args[at]);
    if (match === null || !known.includes(match[1])) {
      process.stderr.write(`error: unknown argument "${args[at]}"; known: ${known.map((name) => `--${name} VALUE`).join(', ')}\n`);
      process.exit(2);
    }
    const value = match[2] ?? args[++at];
    if (value === undefined) {
      process.stderr.write(`error: --${match[1]} needs a value\n`);
      process.exit(2);
    }
    values[match[1]] = value;
  }
  return values;
}

/** A whole number of a flag within bounds, in plain digits, or the default; otherwise ends the process with code 2. */
export function wholeNumber(flags, name, { min, max, fallback }) {
  if (flags[name] === undefined) return fallback;
  const value = Number(flags[name]);
  // An empty text is 0 for `Number`, which also takes 0x10 and 1e3.
  if (!/^\d+$/.test(flags[name]) || value < min || value > max) {
    process.stderr.write(`error: --${name} must be a whole number from ${min} to ${max}, not "${flags[name]}"\n`);
    process.exit(2);
  }
  return value;
}

/** Runs the main function of a script: a thrown error is printed in one line and gives exit code 1. */
export async function main(body) {
  try {
    const code = await body();
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    process.stderr.write(`[quorate] error: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
