import type { Readable } from 'node:stream';
import { QuorateError, concatBytes } from '@quorate/base';

const NEWLINE = 10;

/** The lines of a stream of bytes, without their `\n`, in the groups they came in. A line over `bytesMax` is `recordTooLarge`. */
export async function* splitLines(input: Readable, bytesMax: number): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let line = 1;
  for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE, start); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      lines.push(rest.length === 0 ? bytes.subarray(start, end) : concatBytes([...rest, bytes.subarray(start, end)]));
      rest = [];
      restBytes = 0;
      start = end + 1;
      line++;
    }
    if (start < bytes.length) {
      rest.push(bytes.subarray(start));
      restBytes += bytes.length - start;
    }
    if (lines.length > 0) yield lines;
    if (restBytes > bytesMax)
      throw new QuorateError('recordTooLarge', `line ${line} has more than ${bytesMax} bytes`, { line, max: bytesMax });
  }
  if (restBytes > 0) yield [concatBytes(rest)];
}
