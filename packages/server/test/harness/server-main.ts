// A server in a process of its own: takes flags as JSON, prints the outcome as one line of JSON on standard error.
import { readFileSync } from 'node:fs';
import { loadConfig, runServer } from '@quorate/server';

const flags = JSON.parse(process.argv[2] ?? '{}') as Record<string, string>;
process.on('SIGUSR2', () => {
  throw new Error('thrown by the test');
});
const outcome = await runServer(loadConfig({ flags, environment: {}, readFile: (path) => readFileSync(path, 'utf8') }));
const error =
  outcome.type === 'failed' ? { code: outcome.error.code, message: outcome.error.message, details: outcome.error.details } : null;
process.stderr.write(`${JSON.stringify({ ...outcome, error })}\n`, () => process.exit(0));
