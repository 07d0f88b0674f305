import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/*
 * Inputs worth keeping: each that found a bug, and each that reaches what others do not. One file per input in `test/corpus` of its package:
 *
 *   {"decoder": name of the fuzzed decoder, "what": one line, "text" or "hex": the input}
 */

/** An input that is kept. */
export interface KeptInput {
  readonly file: string;
  readonly decoder: string;
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** All kept inputs of a folder; none if it does not exist. */
export function readCorpus(folder: string): KeptInput[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort();
  return files.map((file) => keptInput(file, JSON.parse(readFileSync(join(folder, file), 'utf8')) as Readonly<Record<string, unknown>>));
}

function keptInput(file: string, { decoder, what, text, hex }: Readonly<Record<string, unknown>>): KeptInput {
  if (typeof decoder !== 'string' || typeof what !== 'string') throw new Error(`${file}: "decoder" and "what" must be texts`);
  if (typeof text === 'string') return { file, decoder, what, bytes: new TextEncoder().encode(text) };
  if (typeof hex !== 'string' || !/^([0-9a-f]{2})*$/.test(hex)) throw new Error(`${file}: "text" or "hex" must hold the input`);
  return { file, decoder, what, bytes: Uint8Array.from(Buffer.from(hex, 'hex')) };
}

/** Keeps an input; gives the path of its file. */
export function keepInput(folder: string, decoder: string, what: string, bytes: Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  const path = join(folder, `found-${decoder.replaceAll(/[^a-z0-9]+/gi, '-')}-${digest}.json`);
  writeFileSync(path, `${JSON.stringify({ decoder, what: what.slice(0, 200), hex: Buffer.from(bytes).toString('hex') }, null, 2)}\n`);
  return path;
}
