// The tests of the repository by title: where they stand, and how single ones are run.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT, listFiles, listPackages } from '../workspace.mjs';
import { runChild } from './child.mjs';
import { readOutcomes } from './outcome-reporter.mjs';

const REPORTER = fileURLToPath(new URL('outcome-reporter.mjs', import.meta.url));

/** A title in the source of a test, in any quotes; what a template inserts stands as `${…}`. */
const TITLE = /(?:\btest\(|\bit\()\s*(['`"])((?:\\.|(?!\1)[^\\])*)\1|^\s*(['`])((?:\\.|(?!\3)[^\\])*)\3:\s*(?:async )?\(/gmu;

/** Every test title of the packages: package, file (compiled test, by its source) and title. */
export function listTitles(root = ROOT) {
  const titles = [];
  for (const { name } of listPackages(root)) {
    const folder = join(root, 'packages', name, 'test');
    for (const file of listFiles(folder, { accept: (path) => path.endsWith('.ts') })) {
      const text = readFileSync(join(folder, file), 'utf8');
      for (const match of text.matchAll(TITLE)) titles.push({ package: name, file, title: (match[2] ?? match[4]).replaceAll("\\'", "'") });
    }
  }
  return titles;
}

/** Traps ("T57") and rules ("rule 21") that a title names; "rules 10 and 12 to 17" and "rules 8 to 12, 17" name all of them. */
export function namedIn(title) {
  const found = new Set(title.match(/\bT\d\d\b/gu) ?? []);
  for (const [, list] of title.matchAll(/\brules? ([0-9][0-9, ]*(?:(?:and|to) [0-9][0-9, ]*)*)/gu)) {
    for (const part of list.split(/,|and/u)) {
      const [first, last] = part.split('to').map(Number);
      if (!(first > 0)) continue;
      for (let rule = first; rule <= (last ?? first); rule++) found.add(`rule ${rule}`);
    }
  }
  return [...found];
}

/**
 * Runs the tests of one compiled file whose titles start with one of `titles`. Gives what failed, how many ran, and what was printed if the
 * process itself broke.
 */
export async function runNamedTests(root, { package: name, file, titles }, secondsMax) {
  const patterns = titles.map((title) => `--test-name-pattern=/^${escaped(title)}/u`);
  const path = join('packages', name, 'dist-test', file.replace(/\.ts$/u, '.js'));
  const { isLate, output } = await runChild([...patterns, `--test-reporter=${REPORTER}`, path], { cwd: root, secondsMax });
  const outcomes = readOutcomes(output).filter((outcome) => titles.some((title) => outcome.name.startsWith(title)));
  return { isLate, ran: outcomes.length, failures: outcomes.filter(({ isPassed }) => !isPassed), output };
}

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');
}
