import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { untilStopped } from '../signals.js';
import { oneLine, valueJson, valueLine } from '../stored-value.js';
import { openMap } from './map.js';

/** Flags of `quorate map watch`. */
export interface WatchFlags extends ConnectFlags {
  readonly key?: string;
  readonly prefix?: string;
  readonly after?: number;
}

/** `quorate map watch NAME`: one line per change, until a signal. */
export async function watchMap(name: string, flags: WatchFlags, io: CliIo): Promise<number> {
  const { key, prefix, after } = flags;
  const range = {
    ...(key === undefined ? {} : { key }),
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { afterVersion: after }),
  };
  await withClient(flags, async (client) => {
    const output = new Output(io.stdout, flags.json);
    await untilStopped(async (signal) => {
      for await (const change of openMap(client, name).watch({ ...range, signal })) {
        const { type, version } = change;
        const cells = [version, type, oneLine(change.key), ...(change.type === 'set' ? [valueLine(change.value)] : [])];
        await output.text(cells.join('\t'));
        await output.json({ version, type, key: change.key, ...(change.type === 'set' ? valueJson(change.value) : {}) });
      }
    });
  });
  return EXIT_CODES.ok.code;
}
