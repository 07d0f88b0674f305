import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

type Body = (quorate: unknown, console: unknown, ...work: readonly (() => void)[]) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => Body;

/** The only example of a page under `docs/resources`, and as a program: of what it imports, the console, and functions that it is to have by these names. */
export function pageExample(page: string, names: readonly string[] = []): { readonly example: string; readonly program: Body } {
  const text = readFileSync(new URL(`../../../../docs/resources/${page}`, import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, body]) => body as string);
  assert.equal(examples.length, 1);
  const example = examples[0] as string;
  return { example, program: new AsyncFunction('Quorate', 'console', ...names, example.replaceAll(/^import .*$/gm, '')) };
}
