import type { QuorateClient, Stream } from '@quorate/client';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { printable, recordJson } from '../record-text.js';

export interface ReadFlags extends ConnectFlags {
  readonly from?: number;
  readonly limit?: number;
  readonly follow: boolean;
}

type StreamRecord = ReturnType<Stream['read']> extends AsyncGenerator<infer R> ? R : never;

/** Bytes gathered before they are written: far fewer writes than records. */
const GATHER_BYTES = 65_536;
const NEWLINE = Buffer.from('\n');

/** `quorate stream read NAME`: records from an offset to the present end, or on and on with `--follow`. */
export async function readStream(name: string, flags: ReadFlags, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const output = new Output(io.stdout, flags.json);
    let left = flags.limit ?? Number.POSITIVE_INFINITY;
    let gathered: Uint8Array[] = [];
    let bytes = 0;
    for await (const record of recordsOf(client, name, flags)) {
      for (const part of shown(record, output)) {
        gathered.push(part);
        bytes += part.length;
      }
      left--;
      // Whoever follows wants to see what there is; a reading that ends may gather.
      if (flags.follow || bytes >= GATHER_BYTES) {
        await output.raw(Buffer.concat(gathered));
        gathered = [];
        bytes = 0;
      }
      if (left === 0) break;
    }
    if (bytes > 0) await output.raw(Buffer.concat(gathered));
    return EXIT_CODES.ok.code;
  });
}

/** To a file or pipe go the very bytes, to a terminal what it can show. */
function shown(record: StreamRecord, output: Output): readonly Uint8Array[] {
  if (output.isJson) return [Buffer.from(`${JSON.stringify(recordJson(record))}\n`)];
  if (output.isTerminal) return [Buffer.from(`${printable(new TextDecoder().decode(record.value))}\n`)];
  return [record.value, NEWLINE];
}

async function* recordsOf(client: QuorateClient, name: string, flags: ReadFlags): AsyncGenerator<StreamRecord, void, undefined> {
  const stream = client.stream(name);
  const from = flags.from ?? (await stream.info()).firstOffset;
  if (flags.follow) yield* stream.tail({ from });
  else yield* stream.read({ from, ...(flags.limit === undefined ? {} : { limit: flags.limit }) });
}
