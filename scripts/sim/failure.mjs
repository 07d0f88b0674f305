// What `npm run sim` does about a run that failed: makes it smaller, tells its story, keeps it as files; and replays such a file.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, say } from '../workspace.mjs';
import { EXIT } from './options.mjs';

const PROGRESS_EVERY_MS = 2000;

/** Of the sources, with a `+` if they were changed since; empty without git. */
export function commitOfSources() {
  const git = (...args) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return `${git('rev-parse', '--short=12', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+'}`;
  } catch {
    return '';
  }
}

/** Shrinks a failing script for at most so many seconds, prints the report, writes the files; false if it did not fail again. */
export function tellFailure(testkit, script, { seconds, folder, rule }) {
  let toldMs = performance.now();
  const progress = (stage, runs, size) => {
    if (performance.now() - toldMs < PROGRESS_EVERY_MS) return;
    toldMs = performance.now();
    say(`sim: shrinking (${stage}), ${runs} runs: ${testkit.sizeText(size)}`);
  };
  const pathOf = (name) => relative(process.cwd(), join(folder, name));
  const limitMs = seconds * 1000;
  const shrink = { limitMs, nowMs: () => performance.now(), progress, ...(rule === undefined ? {} : { rule }) };
  const report = testkit.reportFailure({ script, commit: commitOfSources(), pathOf, shrink });
  mkdirSync(folder, { recursive: true });
  for (const { name, text } of report.files) writeFileSync(join(folder, name), text);
  process.stderr.write(`\n${report.text}\n`);
  return report.shrunk !== null;
}

/** True for a file with a script; others name a seed. */
export function isScriptFile(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).format !== undefined;
  } catch {
    return false;
  }
}

/**
 * Runs a saved script again and tells its story; gives the exit code. The same sources must give the same failure after the same events: otherwise
 * the simulator is not deterministic. An unreadable file ends the process with code 2.
 */
export function replayScript(testkit, file, commit = commitOfSources()) {
  let saved;
  try {
    saved = testkit.decodeScriptFile(readFileSync(file, 'utf8'));
  } catch (error) {
    process.stderr.write(`error: ${file}: ${error.message}\n`);
    process.exit(2);
  }
  const { record, failure } = testkit.tellStory(saved.script);
  process.stderr.write(`${testkit.scriptText(saved.script, record)}\n${testkit.timelineText(record, failure, 'screen')}\n`);
  const difference = testkit.replayDifference(saved.failure, failure);
  const sources = saved.commit === '' ? '' : ` (saved with commit ${saved.commit})`;
  say(difference === null ? `sim: fails as saved, trace ${failure.traceHash}` : `sim: ${difference}${sources}`);
  if (failure !== null && testkit.isSimulatorError(failure.thrown)) return EXIT.simulator;
  // A commit with a `+` does not say what the sources were.
  if (difference !== null && saved.commit === commit && /^[0-9a-f]+$/.test(commit)) return EXIT.simulator;
  return failure === null ? EXIT.good : EXIT.bug;
}
