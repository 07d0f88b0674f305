import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Quorate, type QuorateClient } from 'quorate';
import { CALL_MS, startMembers } from './homes.js';

type Body = (quorate: unknown, console: unknown, ...work: readonly (() => void)[]) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...args: string[]) => Body;

/** What an example wrote, and what the comments behind its `console.log` say that it writes: ` … ` between lines, an explanation after a comma. */
export interface PageRun {
  readonly printed: readonly string[];
  readonly promised: readonly string[];
}

/** Runs the only example of a page under `docs/resources` against a real node; `work`: functions that it is to have by these names. */
export async function runPageExample(page: string, work: Readonly<Record<string, () => void>> = {}): Promise<PageRun> {
  const text = readFileSync(new URL(`../../../../docs/resources/${page}`, import.meta.url), 'utf8');
  const examples = [...text.matchAll(/^```js\n(.*?)^```$/gms)].map(([, body]) => body as string);
  assert.equal(examples.length, 1);
  const example = examples[0] as string;
  const program = new AsyncFunction('Quorate', 'console', ...Object.keys(work), example.replaceAll(/^import .*$/gm, ''));
  const { nodes, addresses } = await startMembers(1);
  const clients: QuorateClient[] = [];
  try {
    const printed: string[] = [];
    const connect = async (): Promise<QuorateClient> => {
      const client = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
      clients.push(client);
      return client;
    };
    const log = (...values: unknown[]): void => void printed.push(values.map(String).join(' '));
    await program({ connect }, { log }, ...Object.values(work));
    const comments = [...example.matchAll(/console\.log\(.*\);.*?\/\/ (.+)$/gm)].map(([, comment]) => comment as string);
    return { printed, promised: comments.flatMap((comment) => comment.split(' … ')).map((line) => line.split(',')[0] as string) };
  } finally {
    await Promise.all([...clients, ...nodes].map((client) => client.close()));
  }
}
