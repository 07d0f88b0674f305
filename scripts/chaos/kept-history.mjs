// Where the history of a run is kept if nobody says where: in the folder for temporary files, the newest ones only.
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Histories kept, with that of the present run: ten minutes are some 100 MB. */
export const HISTORIES_MAX = 8;
const NAME = /^[0-9]{8}T[0-9]{6}Z-seed-[0-9]{1,10}\.jsonl$/u;

/** Users do not share it: one could not remove what is another's. */
export const HISTORIES_FOLDER = join(tmpdir(), `quorate-chaos-histories-${process.getuid?.() ?? 'own'}`);

/** A new file for the history of a run with that seed that begins at `date`; the oldest ones of other runs go. */
export function placeOfHistory({ seed, date, folder = HISTORIES_FOLDER }) {
  mkdirSync(folder, { recursive: true });
  const kept = readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort();
  for (const name of kept.slice(0, Math.max(0, kept.length - HISTORIES_MAX + 1))) rmSync(join(folder, name), { force: true });
  const when = date
    .toISOString()
    .replace(/\.[0-9]+/u, '')
    .replaceAll(/[-:]/gu, '');
  return join(folder, `${when}-seed-${seed}.jsonl`);
}
