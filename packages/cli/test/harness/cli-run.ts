import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '@quorate/cli';

/** The command line as a process runs it. */
export const ENTRY: string = fileURLToPath(new URL('../../dist/entry.js', import.meta.url));

/** What a command printed and how it ended. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

class Gathered extends Writable {
  readonly chunks: Buffer[] = [];
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    done();
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

/** Runs a command in this process. */
export async function quorate(args: readonly string[], input: string | Buffer = ''): Promise<CliResult> {
  const stdout = new Gathered();
  const stderr = new Gathered();
  // The timers of a client that waits do not keep a process alive.
  const keepAlive = setInterval(() => {}, 60_000);
  try {
    const code = await main(args, { stdin: Readable.from([Buffer.from(input)]), stdout, stderr, environment: {} });
    return { code, stdout: stdout.text, stderr: stderr.text };
  } finally {
    clearInterval(keepAlive);
  }
}

/** Runs a command that must succeed; gives its standard output. */
export async function quorateOk(args: readonly string[], input: string | Buffer = ''): Promise<string> {
  const result = await quorate(args, input);
  if (result.code !== 0) throw new Error(`quorate ${args.join(' ')}: exit code ${result.code}: ${result.stderr}`);
  return result.stdout;
}
