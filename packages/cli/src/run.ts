import process from 'node:process';
import { main } from './main.js';

/** Runs the command line for this process and ends it with the exit code once standard output and error took everything. */
export async function run(): Promise<void> {
  const { stdin, stdout, stderr, env } = process;
  // The timers of the ports do not keep a process alive, and a command that waits for a reconnect has nothing else that does.
  const keepAlive = setInterval(() => {}, 0x7fff_ffff);
  const code = await main(process.argv.slice(2), { stdin, stdout, stderr, environment: env });
  clearInterval(keepAlive);
  await Promise.all([flushed(stdout), flushed(stderr)]);
  // Open handles (a standard input that never ends, connections being torn down) must not keep a finished command alive.
  process.exit(code);
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  if (stream.destroyed || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
