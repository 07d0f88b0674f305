// Where a text that is gone from a file may have got to: for whoever changed a line that a mutant speaks of.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles } from '../workspace.mjs';

/** Below this similarity (0 to 1) a place has nothing to do with the text. */
const SIMILARITY_MIN = 0.4;

/** What is most like `text`: in the file `file` of the tree `root`, or the file of the same package that has it word by word; to be read by people. */
export function nearestPlace(text, file, root) {
  const folder = file.split('/').slice(0, 3).join('/');
  const others = listFiles(join(root, folder), { accept: (path) => path.endsWith('.ts') }).map((path) => `${folder}/${path}`);
  for (const other of others) {
    const at = readFileSync(join(root, other), 'utf8').indexOf(text);
    if (at >= 0) return `it stands in ${other}:${readFileSync(join(root, other), 'utf8').slice(0, at).split('\n').length}`;
  }
  const best = [file, ...others.filter((other) => other !== file)]
    .map((other) => ({ file: other, ...nearestIn(linesOf(text), readFileSync(join(root, other), 'utf8').split('\n')) }))
    // The same file wins over another that is a little more alike.
    .reduce((a, b) => (b.similarity > a.similarity + 0.1 ? b : a));
  if (best.similarity < SIMILARITY_MIN) return 'nothing in its package is like it';
  const shown = best.lines.map((line) => `      ${line}`).join('\n');
  return `most like it, ${Math.round(best.similarity * 100)} %, is ${best.file}:${best.line}\n${shown}`;
}

/** The lines of a text without those that are empty at its ends. */
function linesOf(text) {
  return text.replace(/^\n+|\n+$/gu, '').split('\n');
}

function nearestIn(wanted, lines) {
  const pairs = wanted.map(pairsOf);
  const known = lines.map(pairsOf);
  let best = { similarity: 0, line: 1, lines: [] };
  for (let at = 0; at + wanted.length <= lines.length; at++) {
    const sum = pairs.reduce((total, each, i) => total + similarity(each, known[at + i]), 0);
    if (sum / wanted.length > best.similarity)
      best = { similarity: sum / wanted.length, line: at + 1, lines: lines.slice(at, at + wanted.length) };
  }
  return best;
}

/** Two words after each other, as often as they stand there. */
function pairsOf(line) {
  const words = line.match(/\w+|[^\w\s]/gu) ?? [];
  return words.map((word, i) => `${words[i - 1] ?? ''} ${word}`);
}

/** Part of the pairs that both have, 0 to 1; of the words of a shorter text all may be in the longer one. */
function similarity(a, b) {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 1 : 0;
  const left = [...b];
  let shared = 0;
  for (const pair of a) {
    const at = left.indexOf(pair);
    if (at < 0) continue;
    left.splice(at, 1);
    shared++;
  }
  return shared / a.length - 0.001 * left.length;
}
