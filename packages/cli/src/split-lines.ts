import type { Readable } from 'node:stream';
import { QuorateError, concatBytes } from '@quorate/base';

const NEWLINE = 10;

/**
 * The lines of a stream of bytes, without their `\n`, in the groups they came in. It ends at a line over `bytesMax` and returns
 * `recordTooLarge`, which names it; null: all lines were given.
 */
export async function* splitLines(
  input: Readable,
  bytesMax: number,
): AsyncGenerator<readonly Uint8Array[], QuorateError | null, undefined> {
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let line = 1;
  for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const lines: Uint8Array[] = [];
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE, start); end >= 0 && restBytes <= bytesMax; end = bytes.indexOf(NEWLINE, start)) {
      rest.push(bytes.subarray(start, end));
      restBytes += end - start;
      if (restBytes > bytesMax) break;
      lines.push(rest.length === 1 ? (rest[0] as Uint8Array) : concatBytes(rest));
      rest = [];
      restBytes = 0;
      start = end + 1;
      line++;
    }
    if (start < bytes.length && restBytes <= bytesMax) {
      rest.push(bytes.subarray(start));
      restBytes += bytes.length - start;
    }
    if (lines.length > 0) yield lines;
    if (restBytes > bytesMax) {
      return new QuorateError('recordTooLarge', `line ${line} has more than ${bytesMax} bytes`, { line, max: bytesMax });
    }
  }
  if (restBytes > 0) yield [concatBytes(rest)];
  return null;
}
