// Keeps README.md and CONTRIBUTING.md from rotting: every command in them must exist, and the README's walkthrough and example must run.
//   ```sh       commands that are checked for existence (npm scripts, subcommands and flags of `quorate`)
//   ```sh run   the same, and executed in order against a fresh cluster
//   ```ts run   compiled with the strict settings of the repository and executed against that cluster
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { ROOT, build, ensureInstalled, main, readJson, say } from './workspace.mjs';

const BIN = join(ROOT, 'packages', 'quorate', 'bin', 'quorate.mjs');
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md'];
const NODES = 3;
const READY_MS_MAX = 60_000;
const STOP_MS_MAX = 30_000;
const COMMAND_MS_MAX = 30_000;
const run = promisify(execFile);

/** Fenced blocks of a document: words after the fence, text, first line number. */
export function fencedBlocks(markdown) {
  const blocks = [];
  let open = null;
  for (const [at, line] of markdown.split('\n').entries()) {
    if (open === null) {
      const fence = /^```(.+)$/.exec(line);
      if (fence !== null) open = { words: fence[1].trim().split(/\s+/), lines: [], line: at + 2 };
    } else if (line === '```') {
      blocks.push({ words: open.words, text: open.lines.join('\n'), line: open.line });
      open = null;
    } else open.lines.push(line);
  }
  return blocks;
}

/** Commands of the `sh` blocks of a document, with their line numbers; comments and continuations are resolved. */
export function commandsOf(markdown) {
  const commands = [];
  for (const { words, text, line } of fencedBlocks(markdown)) {
    if (words[0] !== 'sh') continue;
    let pending = '';
    for (const [at, raw] of text.split('\n').entries()) {
      pending += raw.replace(/(^|\s)#.*$/, '').trim();
      if (pending.endsWith('\\')) {
        pending = `${pending.slice(0, -1).trim()} `;
        continue;
      }
      if (pending !== '') commands.push({ command: pending, line: line + at, isRun: words.includes('run') });
      pending = '';
    }
  }
  return commands;
}

/** What is wrong with the commands of the documents, without running them. `help(words)` gives the help text of a subcommand or null. */
export async function checkCommands(documents, scripts, help) {
  const violations = [];
  for (const [name, markdown] of Object.entries(documents)) {
    for (const { command, line } of commandsOf(markdown)) {
      const wrong = await faultOf(command, scripts, help);
      if (wrong !== null) violations.push(`${name}:${line}: ${wrong}: ${command}`);
    }
  }
  return violations;
}

async function faultOf(command, scripts, help) {
  const npm = /^npm (?:(start|test)|run ([a-z:-]+))(?: -- .*)?$/.exec(command);
  if (npm !== null) return scripts[npm[1] ?? npm[2]] === undefined ? 'there is no such npm script' : null;
  if (/^npm (?:ci|install)(?: quorate)?$/.test(command) || /^(?:git clone|cd) \S+$/.test(command)) return null;
  const script = /^node (scripts\/[a-z-]+\.mjs)$/.exec(command);
  if (script !== null) return existsSync(join(ROOT, script[1])) ? null : 'there is no such script';
  const quorate = /(?:^|\| )npx quorate (.*)$/.exec(command);
  if (quorate === null) return 'a command of an unknown kind';
  const words = quorate[1].split(/\s+/);
  const end = words.findIndex((word) => !/^[a-z]+$/.test(word));
  const subcommand = words.slice(0, words[0] === 'stream' ? 2 : end === -1 ? 1 : Math.min(1, end));
  const text = await help(subcommand);
  if (text === null) return `there is no command "quorate ${subcommand.join(' ')}"`;
  for (const flag of words.filter((word) => word.startsWith('--'))) {
    if (!new RegExp(`(^|[\\s,])${flag.split('=')[0]}(?![\\w-])`, 'm').test(text))
      return `"quorate ${subcommand.join(' ')}" has no flag ${flag}`;
  }
  return null;
}

const helpTexts = new Map();

/** Help of a subcommand of the built command line; null if there is none. */
async function helpOf(words) {
  const key = words.join(' ');
  if (!helpTexts.has(key)) {
    const text = await run(process.execPath, [BIN, ...words, '--help'], { timeout: COMMAND_MS_MAX }).then(
      ({ stdout }) => stdout,
      () => null,
    );
    helpTexts.set(key, text?.includes(`quorate ${key}`) === true ? text : null);
  }
  return helpTexts.get(key);
}

/** All that can be said of the documents without a cluster. */
export async function checkDocuments(root = ROOT) {
  const documents = Object.fromEntries(DOCUMENTS.map((name) => [name, readFileSync(join(root, name), 'utf8')]));
  const { scripts } = readJson(join(root, 'package.json'));
  const violations = await checkCommands(documents, scripts, helpOf);
  for (const [name, command] of Object.entries(scripts)) {
    const files = [...command.matchAll(/\bnode (\S+)/g)].map(([, file]) => file);
    if (files.length === 0 || !files.every((file) => existsSync(join(root, file)))) {
      violations.push(`package.json: script ${name} runs ${command}, which is not there`);
    }
    const spelling = ['start', 'test'].includes(name) ? `npm ${name}` : `npm run ${name}`;
    if (!documents['CONTRIBUTING.md'].includes(spelling)) violations.push(`CONTRIBUTING.md: "${spelling}" is not explained`);
  }
  for (const [name, markdown] of Object.entries(documents)) {
    for (const [, target] of markdown.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(root, target))) violations.push(`${name}: link to ${target}, which is not there`);
    }
  }
  return violations;
}

/** Executes what the README marks with `run` against a cluster of its own; gives one line per thing that ran. Throws at the first failure. */
export async function runWalkthrough(root = ROOT) {
  const markdown = readFileSync(join(root, 'README.md'), 'utf8');
  mkdirSync(join(root, 'tmp'), { recursive: true });
  // Inside the repository, so that `import 'quorate'` finds the package as it does for a user.
  const folder = mkdtempSync(join(root, 'tmp', 'readme-'));
  const port = await freePorts(NODES);
  const addresses = Array.from({ length: NODES }, (_, at) => `127.0.0.1:${port + at}`);
  const cluster = await startCluster(port, join(folder, 'data'));
  const done = [];
  try {
    for (const { command, isRun } of commandsOf(markdown)) {
      if (!isRun) continue;
      const local = `${command.replaceAll('npx quorate', `"${process.execPath}" "${BIN}"`)} --connect ${addresses[0]}`;
      const { stdout } = await run(local, { shell: true, cwd: folder, timeout: COMMAND_MS_MAX });
      done.push({ what: command, output: stdout });
    }
    for (const [at, { words, text }] of fencedBlocks(markdown).entries()) {
      if (words[0] !== 'ts' || !words.includes('run')) continue;
      done.push({ what: `example ${at}`, output: await runExample(join(folder, `example-${at}`), text, addresses) });
    }
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return done;
}

async function runExample(folder, text, addresses) {
  mkdirSync(folder);
  const local = text.replace(/127\.0\.0\.1:74(0\d)/g, (_, number) => addresses[Number(number)]);
  writeFileSync(join(folder, 'example.ts'), local);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
  const compilerOptions = {
    composite: false,
    declaration: false,
    declarationMap: false,
    isolatedDeclarations: false,
    sourceMap: false,
    types: ['node'],
  };
  const config = { extends: join(ROOT, 'tsconfig.base.json'), compilerOptions, files: ['example.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [tsc, '-p', folder], { timeout: COMMAND_MS_MAX }).catch((error) => {
    throw new Error(`the example of the README does not compile:\n${error.stdout}`, { cause: error });
  });
  const { stdout } = await run(process.execPath, [join(folder, 'example.js')], { timeout: COMMAND_MS_MAX });
  return stdout;
}

/** A running `quorate dev`; resolves once it has a leader. */
export async function startCluster(port, data) {
  const args = [BIN, 'dev', '--nodes', String(NODES), '--port', String(port), '--data', data, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  const stop = async () => {
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    child.kill('SIGTERM');
    const code = await ended;
    clearTimeout(killer);
    return code;
  };
  const ready = new Promise((resolve, reject) => {
    const hear = (text) => {
      output += text;
      if (output.includes('"event":"ready"')) resolve();
    };
    child.stdout.setEncoding('utf8').on('data', hear);
    child.stderr.setEncoding('utf8').on('data', hear);
    void ended.then((code) => reject(new Error(`the cluster ended (${code}) before it was ready:\n${output.slice(-4000)}`)));
    setTimeout(
      () => reject(new Error(`the cluster was not ready within ${READY_MS_MAX} ms:\n${output.slice(-4000)}`)),
      READY_MS_MAX,
    ).unref();
  });
  await ready.catch(async (error) => {
    await stop();
    throw error;
  });
  return { stop, output: () => output };
}

/** First of `count` neighbouring ports that nobody listens on. */
export async function freePorts(count) {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const taken = await Promise.all(Array.from({ length: count }, (_, at) => isTaken(first + at)));
    if (!taken.includes(true)) return first;
  }
  throw new Error(`no ${count} free neighbouring ports were found`);
}

function isTaken(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(true));
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => probe.close(() => resolve(false)));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main(async () => {
    await ensureInstalled();
    await build(['packages/quorate']);
    const violations = await checkDocuments();
    for (const violation of violations) process.stderr.write(`${violation}\n`);
    if (violations.length > 0) throw new Error(`readme: ${violations.length} violations`);
    for (const { what, output } of await runWalkthrough()) say(`readme: ran ${what}\n${output.trimEnd()}`);
  });
}
