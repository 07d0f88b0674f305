// `npm run check:history -- [--json] FILE…`: judges histories of what clients called and saw (docs/formats/history.md). `-` is the standard input.
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, runNode } from './workspace.mjs';

const HELP = `usage: npm run check:history -- [--json] FILE...

Judges histories in the format of docs/formats/history.md. "-" reads the standard input.

  --json   one line of JSON per file on the standard output, nothing else there
  --help   this text

exit code: 0 all is well, 1 a guarantee was broken or something could not be judged, 2 bad usage or a file that is not a history, 3 a fault of the checker
`;

const EXIT = { fine: 0, violation: 1, badInput: 2, ownFault: 3 };
const PROGRESS_MS = 2000;
/** Clocks are read once in so many events. */
const PROGRESS_EVENTS = 65_536;

class BadInput extends Error {}

function parseArgs(args) {
  const files = [];
  let isJson = false;
  for (const arg of args) {
    if (arg === '--help') return { isHelp: true };
    if (arg === '--json') isJson = true;
    else if (arg !== '-' && arg.startsWith('-')) throw new BadInput(`unknown argument "${arg}"\n\n${HELP}`);
    else files.push(arg);
  }
  if (files.length === 0) throw new BadInput(`no file was given\n\n${HELP}`);
  return { isHelp: false, isJson, files };
}

/** Installs and builds what is missing; what that prints goes to the error output, so that the standard output is only the verdict. */
async function loadCheckers() {
  const code = await runNode([join(ROOT, 'scripts', 'build.mjs'), 'packages/checkers'], { stdio: ['ignore', 2, 2] });
  if (code !== 0) throw new Error('the checkers could not be built');
  return import(pathToFileURL(join(ROOT, 'packages', 'checkers', 'dist', 'index.js')).href);
}

/** Reads one history and gives its verdict. Bad input names the line and the field or column. */
async function checkFile(checkers, file, onProgress) {
  const { HistoryCheck, LineSplitter, decodeEvent, decodeHeader } = checkers;
  const splitter = new LineSplitter();
  let check = null;
  const take = (line) => {
    try {
      if (check === null) check = new HistoryCheck(decodeHeader(line));
      else check.take(decodeEvent(line));
    } catch (error) {
      if (error?.code !== 'invalidArgument') throw error;
      const { field, column } = error.details;
      const where = column === undefined ? (field ? `, field ${field}` : '') : `, column ${column}`;
      throw new BadInput(`${file}: line ${splitter.line}${where}: ${error.message}`);
    }
    if (check.events % PROGRESS_EVENTS === 0) onProgress(check);
  };
  const input = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 1 << 20 });
  const pieces = input[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await pieces.next().catch((error) => {
      throw new BadInput(`${file}: ${error.message}`);
    });
    if (done) break;
    splitWith(file, () => splitter.push(value, take));
  }
  splitWith(file, () => splitter.finish(take));
  if (check === null) throw new BadInput(`${file}: line 1: the file is empty`);
  return check.finish();
}

function splitWith(file, body) {
  try {
    body();
  } catch (error) {
    if (error?.code === 'invalidArgument') throw new BadInput(`${file}: ${error.message}`);
    throw error;
  }
}

function progressOf(file) {
  let next = performance.now() + PROGRESS_MS;
  const started = performance.now();
  return (check) => {
    const now = performance.now();
    if (now < next) return;
    next = now + PROGRESS_MS;
    const rate = Math.round(check.events / ((now - started) / 1000));
    process.stderr.write(`${file}: ${check.events} events, ${rate} a second, ${check.problemCount} problems\n`);
  };
}

function tell(file, { ok, problems, problemCount, undecidedCount, stats }, ms) {
  const lines = problems.map(
    ({ type, rule, object, line, text }) =>
      `${file}: line ${line}: ${object}: ${rule}${type === 'undecided' ? ' (undecided)' : ''}: ${text}`,
  );
  if (problemCount > problems.length) lines.push(`${file}: … and ${problemCount - problems.length} more`);
  const judged = Object.entries(stats).map(([name, count]) => `  ${name} ${count}`);
  const verdict = ok ? 'all is well' : `${problemCount - undecidedCount} violations, ${undecidedCount} undecided`;
  const rate = Math.round((stats.calls ?? 0) / Math.max(ms / 1000, 0.001));
  lines.push(`${file}: ${verdict}; ${stats.calls} calls in ${(ms / 1000).toFixed(1)} s (${rate} a second); judged:`, ...judged);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function run() {
  const { isHelp, isJson, files } = parseArgs(process.argv.slice(2));
  if (isHelp) {
    process.stdout.write(HELP);
    return EXIT.fine;
  }
  const checkers = await loadCheckers();
  let worst = EXIT.fine;
  for (const file of files) {
    const started = performance.now();
    try {
      const verdict = await checkFile(checkers, file, progressOf(file));
      if (isJson) process.stdout.write(`${JSON.stringify({ file, ...verdict })}\n`);
      else tell(file, verdict, performance.now() - started);
      if (!verdict.ok) worst = Math.max(worst, EXIT.violation);
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      process.stderr.write(`error: ${error.message}\n`);
      if (isJson) process.stdout.write(`${JSON.stringify({ file, error: error.message })}\n`);
      worst = EXIT.badInput;
    }
  }
  return worst;
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`error: ${error instanceof BadInput ? error.message : (error?.stack ?? String(error))}\n`);
  process.exitCode = error instanceof BadInput ? EXIT.badInput : EXIT.ownFault;
}
