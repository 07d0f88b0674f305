// House rules that no compiler knows: sizes, names, leftovers, documents that must agree with the code.
// Sizes over the limit stand in `tidy-ratchet.json` with their present value: they may shrink, never grow, and new ones do not get in.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { missingOptionals } from './complete-lock.mjs';
import { codeOnly, exportsOf, lineAt, reExportsOf } from './source-text.mjs';
import { ROOT, listFiles, listPackages, main, readJson, say } from './workspace.mjs';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 90;
const TEXT_FILE = /\.(ts|mjs|js|json|md|yml|yaml|sh|txt)$|(^|\/)(\.ci\/run|\.npmrc|\.gitignore|\.editorconfig|LICENSE)$/;
// Examples are compiled beside their sources, so that they are run by short paths.
const COMPILED_FILE = /^examples\/.*\.js$/;
const BANNED_NAMES = new Set(['utils', 'util', 'common', 'helpers', 'helper', 'manager', 'impl', 'misc']);
const BANNED_EXPORTS = /(?:Utils?|Helpers?|Manager|Impl)$/;
// These two speak of what they look for.
const EXEMPT = new Set(['scripts/tidy.mjs', 'scripts/test/tidy.test.mjs']);
const LEFTOVERS = [
  [/\b(?:TODO|FIXME|XXX|HACK)\b/, 'a note of unfinished work'],
  [/(?:^|[\s"'`(=])\/(?:work|root|home\/\w+|Users\/\w+)(?:\/|\b)/, 'a path of one machine'],
  [/[A-Za-z]:\\\\?Users\\/, 'a path of one machine'],
  [/\bregistry\.[a-z]|npmjs\.(?:org|com)|\b(?:artifactory|verdaccio)\b/i, 'the host of a package registry'],
  [/"resolved": "https?:/, 'the host of a package registry'],
  [/\/\/\s*@ts-(?:ignore|nocheck|expect-error)(?!\s*:?\s*\S)/, 'a silenced compiler without a reason'],
  [/oxlint-disable(?!.*--\s*\S)|eslint-disable|biome-ignore(?!.*:\s*\S)/, 'a silenced linter without "-- reason"'],
];
const TEST_SWITCHES = /\b(?:t|test|it|describe|suite|context)\s*\.\s*(?:skip|only|todo)\b|\b(?:only|todo|skip)\s*:\s*true\b/g;

/** All violations under `root`, each a line of text. */
export async function checkTidy(root = ROOT) {
  const files = listFiles(root, { accept: (file) => TEXT_FILE.test(file) && !COMPILED_FILE.test(file) });
  const ratchet = readJson(join(root, 'scripts', 'tidy-ratchet.json'));
  const violations = [];
  const report = (text) => violations.push(text);
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8');
    checkName(file, report);
    checkText(file, source, report);
    if (/\.(ts|mjs)$/.test(file)) checkFileLines(file, source, ratchet.fileLines, report);
    if (/(^|\/)test\/.*\.(ts|mjs)$/.test(file) && !EXEMPT.has(file)) checkTestSwitches(file, source, report);
  }
  for (const file of Object.keys(ratchet.fileLines))
    if (!files.includes(file)) report(`scripts/tidy-ratchet.json: ${file} is gone; remove it`);
  checkFunctionLines(await longFunctions(root), ratchet.functionLines, report);
  for (const each of listPackages(root)) checkPackage(each, root, report);
  checkErrorList(root, report);
  checkLock(root, report);
  return violations;
}

function checkName(file, report) {
  const parts = file.replace(/\.[^/]*$/, '').split(/[/.-]/);
  const banned = parts.find((part) => BANNED_NAMES.has(part.toLowerCase()));
  if (banned !== undefined) report(`${file}: "${banned}" says nothing; name the file by the noun it defines`);
}

function checkText(file, source, report) {
  if (source.includes('\r')) report(`${file}: has carriage returns`);
  if (source !== '' && !source.endsWith('\n')) report(`${file}: does not end with a newline`);
  const lines = source.split('\n');
  for (const [at, line] of lines.entries()) {
    if (/[ \t]$/.test(line) && file !== 'LICENSE') report(`${file}:${at + 1}: blanks at the end of the line`);
    if (EXEMPT.has(file)) continue;
    for (const [pattern, what] of LEFTOVERS) if (pattern.test(line)) report(`${file}:${at + 1}: ${what}: ${line.trim().slice(0, 100)}`);
  }
}

function checkFileLines(file, source, ratchet, report) {
  const lines = source.split('\n').length - 1;
  const allowed = ratchet[file];
  if (allowed === undefined) {
    if (lines > FILE_LINES_MAX) report(`${file}: ${lines} lines, at most ${FILE_LINES_MAX}; split it by concept`);
  } else if (lines > allowed) report(`${file}: grew to ${lines} lines over its ratchet of ${allowed}`);
  else if (lines < allowed)
    report(`${file}: shrank to ${lines} lines; set its ratchet (${allowed}) to that${lines <= FILE_LINES_MAX ? ' (remove it)' : ''}`);
}

/** Functions over the limit, as the parser of the linter counts them. */
async function longFunctions(root) {
  const config = join(ROOT, 'scripts', 'function-lines.oxlintrc.json');
  const program = join(ROOT, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const folders = ['packages', 'examples', 'scripts'].filter((folder) => existsSync(join(root, folder)));
  const args = [program, '-c', config, '--disable-nested-config', '-f', 'json', ...folders];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, maxBuffer: 1 << 26 }).catch((failed) => {
    if (typeof failed.stdout === 'string' && failed.stdout.includes('"diagnostics"')) return failed;
    throw failed;
  });
  return JSON.parse(stdout).diagnostics.map(({ filename, message, labels }) => ({
    file: relative(root, join(root, filename)).split('\\').join('/'),
    line: labels[0]?.span?.line ?? 0,
    name: /function `([^`]+)`/.exec(message)?.[1] ?? 'anonymous',
    lines: Number(/\((\d+)\)/.exec(message)?.[1]),
  }));
}

function checkFunctionLines(found, ratchet, report) {
  const seen = new Set();
  for (const { file, line, name, lines } of found) {
    const key = `${file}#${name}`;
    seen.add(key);
    if (ratchet[key] === undefined) report(`${file}:${line}: ${name} has ${lines} lines, at most ${FUNCTION_LINES_MAX}`);
    else if (lines > ratchet[key]) report(`${file}:${line}: ${name} grew to ${lines} lines over its ratchet of ${ratchet[key]}`);
    else if (lines < ratchet[key]) report(`${file}:${line}: ${name} shrank to ${lines} lines; set its ratchet (${ratchet[key]}) to that`);
  }
  for (const key of Object.keys(ratchet))
    if (!seen.has(key)) report(`scripts/tidy-ratchet.json: ${key} is within the limit now; remove it`);
}

function checkTestSwitches(file, source, report) {
  const code = codeOnly(source);
  for (const match of code.matchAll(TEST_SWITCHES))
    report(`${file}:${lineAt(source, match.index)}: "${match[0]}": every test runs, always`);
}

function checkPackage({ name, path, manifest }, root, report) {
  const at = `packages/${name}`;
  if (typeof manifest.description !== 'string' || manifest.description.length < 10)
    report(`${at}/package.json: needs a description of one sentence`);
  if (manifest.license !== 'Apache-2.0') report(`${at}/package.json: license must be Apache-2.0`);
  const version = readJson(join(root, 'package.json')).version;
  if (manifest.version !== version) report(`${at}/package.json: version ${manifest.version}, the repository has ${version}`);
  const reached = new Map();
  for (const door of Object.values(manifest.exports ?? {})) {
    const target = typeof door === 'string' ? door : door.default;
    const source = /^\.\/dist\/(.+)\.js$/.exec(target ?? '')?.[1];
    if (source !== undefined) reach(join(path, 'src', `${source}.ts`), null, reached);
  }
  for (const [file, names] of reached) {
    const source = readFileSync(file, 'utf8');
    for (const found of exportsOf(source)) {
      if (names !== null && !names.has(found.name)) continue;
      const where = `${relative(root, file).split('\\').join('/')}:${found.line}`;
      if (!found.isDocumented) report(`${where}: ${found.name} is public and has no doc comment`);
      if (BANNED_EXPORTS.test(found.name)) report(`${where}: ${found.name}: name it by what it is`);
    }
  }
}

/** Follows re-exports from a door; `names` null: everything. */
function reach(file, names, reached) {
  if (!existsSync(file)) return;
  const known = reached.get(file);
  if (known === null) return;
  if (known === undefined) reached.set(file, names === null ? null : new Set(names));
  else if (names === null) reached.set(file, null);
  else for (const name of names) known.add(name);
  for (const { specifier, names: taken } of reExportsOf(readFileSync(file, 'utf8'))) {
    if (specifier.startsWith('.')) reach(join(dirname(file), specifier.replace(/\.js$/, '.ts')), taken, reached);
  }
}

/** `docs/errors.md` has one row for each code of `ERROR_CODES`, with its retry class, and no other. */
function checkErrorList(root, report) {
  const sourcePath = join(root, 'packages', 'base', 'src', 'errors.ts');
  const docPath = join(root, 'docs', 'errors.md');
  if (!existsSync(sourcePath)) return;
  const block = /export const ERROR_CODES = \{([\s\S]*?)\n\} as const/.exec(readFileSync(sourcePath, 'utf8'))?.[1] ?? '';
  const codes = new Map(
    [...codeOnly(block, { keepStrings: true }).matchAll(/^\s*(\w+): '(\w+)',/gm)].map(([, code, retry]) => [code, retry]),
  );
  const rows = existsSync(docPath) ? [...readFileSync(docPath, 'utf8').matchAll(/^\| `(\w+)` \| `(\w+)` \|/gm)] : [];
  const documented = new Map(rows.map(([, code, retry]) => [code, retry]));
  if (codes.size === 0) report('packages/base/src/errors.ts: no error codes were found');
  for (const [code, retry] of codes) {
    if (!documented.has(code)) report(`docs/errors.md: ${code} is missing`);
    else if (documented.get(code) !== retry) report(`docs/errors.md: ${code} has the retry class ${retry}, not ${documented.get(code)}`);
  }
  for (const code of documented.keys()) if (!codes.has(code)) report(`docs/errors.md: there is no code ${code}`);
  if (rows.length !== documented.size) report('docs/errors.md: a code stands there twice');
}

/** `npm ci` works only with a lock file that describes the optional packages of all platforms. */
function checkLock(root, report) {
  const path = join(root, 'package-lock.json');
  if (!existsSync(path)) return;
  const missing = missingOptionals(readJson(path)).map(({ name }) => name);
  if (missing.length > 0) report(`package-lock.json: lacks ${missing.join(', ')}; run: node scripts/complete-lock.mjs`);
}

/** Writes the present sizes over the limits as the ratchet: after a review has accepted them. */
async function writeRatchet() {
  const ratchet = { fileLines: {}, functionLines: {} };
  for (const file of listFiles(ROOT, { accept: (candidate) => /\.(ts|mjs)$/.test(candidate) })) {
    const lines = readFileSync(join(ROOT, file), 'utf8').split('\n').length - 1;
    if (lines > FILE_LINES_MAX) ratchet.fileLines[file] = lines;
  }
  for (const { file, name, lines } of await longFunctions(ROOT)) ratchet.functionLines[`${file}#${name}`] = lines;
  writeFileSync(join(ROOT, 'scripts', 'tidy-ratchet.json'), `${JSON.stringify(ratchet, null, 2)}\n`);
  say('tidy: scripts/tidy-ratchet.json holds the present sizes');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    if (process.argv[2] === '--write-ratchet') return writeRatchet();
    const violations = await checkTidy();
    for (const violation of violations) process.stderr.write(`${violation}\n`);
    if (violations.length > 0) throw new Error(`tidy: ${violations.length} violations`);
    say('tidy: all in order');
  });
}
