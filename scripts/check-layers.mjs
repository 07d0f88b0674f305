// The layer rule: arrows between packages never point up, and a package of kind `pure` or `ports` never reaches the outside by itself.
// `layers.json` is the rule; this compares it with package.json, tsconfig.json and every import and name in the sources.
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { codeOnly, importsOf, lineAt } from './source-text.mjs';
import { ROOT, listFiles, listPackages, main, readJson, say } from './workspace.mjs';

/** Names of the outside world. Time, chance, sockets and files come through the ports of `base`. */
const AMBIENT =
  /(?<![.\w$#'"])(?:Date|performance|setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|queueMicrotask|Buffer|fetch|globalThis|require|structuredClone)(?=\s*[.(]|\s*\?\.)|(?<![.\w$#'"])process\s*\.\s*(?:env|hrtime|nextTick|exit|std\w+|pid|argv|memoryUsage|cpuUsage)\b|(?<![.\w$#'"])console\s*\.\s*(?:log|error|warn|info|debug)\b|\bnew\s+Date\b|\bMath\s*\.\s*random\b|\bIntl\s*\.|\.\s*toLocale\w*\s*\(|\.\s*localeCompare\s*\(/g;
const ASYNC = /(?<![.\w$#])async(?=\s+(?:function|\*|\w|\[|#)|\s*\()|(?<![.\w$#])await\b(?!\s*<\w+>\()|\bPromise\b/g;
const BUILTINS = new Set(builtinModules);
const LAYER_WITHOUT_DEPENDENCIES = 2;

/** All violations under `root`, each a line of text; empty if the rule holds. */
export function checkLayers(root = ROOT) {
  const rules = readJson(join(root, 'layers.json')).packages;
  const packages = listPackages(root);
  const scopes = new Map(packages.map(({ name, manifest }) => [manifest.name, name]));
  const doors = new Map(packages.map(({ name, manifest }) => [name, manifest.exports ?? {}]));
  const violations = checkRules(rules, packages);
  for (const { name, path, manifest } of packages) {
    const rule = rules[name];
    if (rule === undefined) continue;
    const context = { name, path, manifest, rule, scopes, doors, report: (text) => violations.push(`packages/${name}/${text}`) };
    checkManifest(context, packages);
    checkProject(context);
    const imported = new Set();
    for (const file of listFiles(join(path, 'src'), { accept: (candidate) => candidate.endsWith('.ts') })) {
      const source = readFileSync(join(path, 'src', file), 'utf8');
      checkImports(context, file, source, imported);
      checkNames(context, file, source);
    }
    for (const dependency of Object.keys(manifest.dependencies ?? {})) {
      if (!imported.has(dependency)) context.report(`package.json: depends on ${dependency} and never imports it`);
    }
  }
  return violations;
}

function checkRules(rules, packages) {
  const violations = [];
  const names = new Set(packages.map(({ name }) => name));
  for (const name of names) if (rules[name] === undefined) violations.push(`layers.json: package ${name} is missing`);
  for (const [name, rule] of Object.entries(rules)) {
    if (!names.has(name)) violations.push(`layers.json: ${name} is no package`);
    for (const other of rule.mayImport) {
      if (rules[other] === undefined) violations.push(`layers.json: ${name} may import ${other}, which is not there`);
      else if (rules[other].layer > rule.layer) violations.push(`layers.json: ${name} may import ${other}, which lies above it`);
      else if (rule.kind === 'pure' && rules[other].kind !== 'pure')
        violations.push(`layers.json: ${name} is pure and may import ${other}, which is not`);
      else if (rule.kind === 'ports' && rules[other].kind === 'io')
        violations.push(`layers.json: ${name} may import ${other}, which does I/O`);
    }
  }
  const visit = (name, trail) => {
    if (trail.includes(name)) {
      violations.push(`layers.json: circle ${[...trail, name].join(' -> ')}`);
      return;
    }
    for (const other of rules[name]?.mayImport ?? []) visit(other, [...trail, name]);
  };
  for (const name of Object.keys(rules)) visit(name, []);
  return violations;
}

function checkManifest({ name, manifest, rule, scopes, report }, packages) {
  const version = packages.find((other) => other.name === name)?.manifest.version;
  for (const [dependency, range] of Object.entries(manifest.dependencies ?? {})) {
    const target = scopes.get(dependency);
    if (target === undefined) {
      if (rule.layer <= LAYER_WITHOUT_DEPENDENCIES || rule.kind !== 'io')
        report(`package.json: ${dependency}: only I/O packages above layer 2 have dependencies`);
      else if (!/^\d+\.\d+\.\d+$/.test(range)) report(`package.json: ${dependency}: the version must be exact, not "${range}"`);
    } else {
      if (!rule.mayImport.includes(target)) report(`package.json: depends on ${dependency}, which layers.json does not allow`);
      if (range !== version) report(`package.json: ${dependency} must have the version ${version}, not "${range}"`);
    }
  }
  for (const kind of ['optionalDependencies', 'peerDependencies', 'scripts']) {
    if (Object.keys(manifest[kind] ?? {}).length > 0) report(`package.json: "${kind}" is not allowed`);
  }
}

function checkProject({ path, rule, report }) {
  const file = join(path, 'tsconfig.json');
  if (!existsSync(file)) {
    report('tsconfig.json: missing');
    return;
  }
  const project = readJson(file);
  for (const option of ['types', 'lib', 'skipLibCheck']) {
    // Without Node's and the browser's types the compiler itself refuses most of the outside world.
    if (rule.kind !== 'io' && project.compilerOptions?.[option] !== undefined)
      report(`tsconfig.json: "${option}" in a package of kind ${rule.kind}`);
  }
  for (const { path: reference } of project.references ?? []) {
    const target = /^\.\.\/([a-z-]+)$/.exec(reference)?.[1];
    if (target === undefined || !rule.mayImport.includes(target))
      report(`tsconfig.json: reference ${reference} is not allowed by layers.json`);
  }
}

function checkImports({ rule, manifest, scopes, doors, report }, file, source, imported) {
  for (const { specifier, line } of importsOf(source)) {
    const at = `src/${file}:${line}`;
    if (specifier.startsWith('.')) {
      const target = normalize(join(dirname(file), specifier))
        .split('\\')
        .join('/');
      if (target.startsWith('..')) report(`${at}: ${specifier} leaves src`);
      else if (!/\.(js|json)$/.test(specifier)) report(`${at}: ${specifier} needs its .js suffix`);
    } else if (specifier.startsWith('node:')) {
      if (rule.kind !== 'io') report(`${at}: ${specifier} in a package of kind ${rule.kind}`);
    } else if (BUILTINS.has(specifier.split('/')[0])) {
      report(`${at}: "${specifier}" must be written with node:`);
    } else {
      const dependency = specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');
      imported.add(dependency);
      const target = scopes.get(dependency);
      if (manifest.dependencies?.[dependency] === undefined) report(`${at}: imports ${dependency}, which package.json does not list`);
      if (target === undefined) continue;
      if (!rule.mayImport.includes(target)) report(`${at}: imports ${dependency}, which layers.json does not allow`);
      const door = `.${specifier.slice(dependency.length)}`;
      if (doors.get(target)[door] === undefined) report(`${at}: imports ${specifier}, which is no door of ${dependency} (its "exports")`);
    }
  }
}

function checkNames({ rule, report }, file, source) {
  if (rule.kind === 'io') return;
  const code = codeOnly(source);
  for (const match of code.matchAll(AMBIENT)) {
    report(`src/${file}:${lineAt(source, match.index)}: "${match[0].trim()}" in a package of kind ${rule.kind}; use a port of base`);
  }
  if (rule.kind === 'ports' && (rule.asyncFiles ?? []).some((named) => isNamed(file, named))) return;
  for (const match of code.matchAll(ASYNC)) {
    report(`src/${file}:${lineAt(source, match.index)}: "${match[0].trim()}" outside the public face (asyncFiles in layers.json)`);
  }
}

/** True if `named` names the file; `{kind}/{kind}.ts` names each that is called as its folder. */
function isNamed(file, named) {
  if (named !== '{kind}/{kind}.ts') return file === named;
  const [folder, name, ...deeper] = file.split('/');
  return deeper.length === 0 && name === `${folder}.ts`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(() => {
    const violations = checkLayers();
    for (const violation of violations) process.stderr.write(`${violation}\n`);
    if (violations.length > 0) throw new Error(`layers: ${violations.length} violations`);
    say('layers: the rule holds');
  });
}
