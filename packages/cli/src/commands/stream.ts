import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';

/** `quorate stream create NAME` */
export async function createStream(name: string, flags: ConnectFlags, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const wasCreated = await client.stream(name).create();
    const output = new Output(io.stdout, flags.json);
    await output.text(wasCreated ? `created ${name}` : `${name} exists`);
    await output.json({ name, wasCreated });
    return EXIT_CODES.ok.code;
  });
}

/** `quorate stream list`: one name per line. */
export async function listStreams(flags: ConnectFlags & { readonly prefix: string }, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const output = new Output(io.stdout, flags.json);
    for await (const { name, group } of client.listStreams({ prefix: flags.prefix })) {
      await output.text(name);
      await output.json({ name, group });
    }
    return EXIT_CODES.ok.code;
  });
}

/** `quorate stream info NAME` */
export async function streamInfo(name: string, flags: ConnectFlags, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const info = await client.stream(name).info();
    const output = new Output(io.stdout, flags.json);
    const records = info.nextOffset - info.firstOffset;
    const offsets = records === 0 ? `next offset ${info.nextOffset}` : `offsets ${info.firstOffset} to ${info.nextOffset - 1}`;
    await output.text(
      `${name}: ${records} record${records === 1 ? '' : 's'}, ${offsets}, group ${info.group}, leader node ${info.leader}, term ${info.term}`,
    );
    await output.json(info);
    return EXIT_CODES.ok.code;
  });
}
