import type { Readable } from 'node:stream';
import { QuorateError, concatBytes, fromUtf8 } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import { RESOURCE_LIMITS, type ReplicatedMap } from '@quorate/resources';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { UsageError } from '../report-error.js';
import { STORED_VALUES, type StoredValue, oneLine, valueJson, valueLine, valueOutput } from '../stored-value.js';

/** A command on one entry. */
export interface EntryCommand<Flags = unknown> {
  readonly name: string;
  readonly key: string;
  readonly flags: ConnectFlags & Flags;
}

/** `quorate map set`: `value` is text, or JSON with `jsonValue`; `-`: that of standard input. */
export interface SetCommand
  extends EntryCommand<{
    readonly jsonValue: boolean;
    /** Ms. */
    readonly ttl?: number;
    readonly ifAbsent?: boolean;
    readonly ifVersion?: number;
    readonly fence?: Fence;
  }> {
  readonly value: string;
}

/** The map of that name with values as this command line takes them. */
export function openMap(client: QuorateClient, name: string): ReplicatedMap<StoredValue> {
  return client.map<StoredValue>(name, { codec: STORED_VALUES });
}

/** `quorate map set NAME KEY VALUE|-`: prints the version. */
export async function setInMap({ name, key, value, flags }: SetCommand, io: CliIo): Promise<number> {
  const text = value === '-' ? await textOf(io.stdin) : value;
  const stored: StoredValue = { type: 'json', value: flags.jsonValue ? parsedJson(text) : text };
  const { ttl, ifAbsent = false, ifVersion, fence } = flags;
  const options = { ...(ttl === undefined ? {} : { ttlMs: ttl }), ...(fence === undefined ? {} : { fence }) };
  return await withClient(flags, async (client) => {
    const map = openMap(client, name);
    let result: { readonly version: number; readonly previousVersion?: number };
    if (ifAbsent) {
      const { isSet, version } = await map.setIfAbsent(key, stored, options);
      if (!isSet) throw new QuorateError('versionMismatch', `"${key}" has an entry already, of version ${version}`, { found: version });
      result = { version };
    } else if (ifVersion !== undefined) {
      result = await map.compareAndSet(key, ifVersion, stored, options);
    } else {
      result = await map.set(key, stored, options);
    }
    const output = new Output(io.stdout, flags.json);
    await output.text(String(result.version));
    await output.json(result);
    return EXIT_CODES.ok.code;
  });
}

/** `quorate map get NAME KEY`: exit code 1 if there is no entry. */
export async function getFromMap({ name, key, flags }: EntryCommand, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const entry = await openMap(client, name).get(key);
    const output = new Output(io.stdout, flags.json);
    if (entry === undefined) {
      await output.json(null);
      if (!flags.json) io.stderr.write(`no entry ${JSON.stringify(key)} in the map ${JSON.stringify(name)}\n`);
      return EXIT_CODES.failed.code;
    }
    const { value, version } = entry;
    await output.json({ key, ...valueJson(value), version });
    if (!output.isJson) {
      // To a file or pipe goes the very value, to a terminal what it can show.
      if (output.isTerminal) await output.text(valueLine(value));
      else await output.raw(concatBytes([Buffer.from(valueOutput(value)), Buffer.from('\n')]));
    }
    return EXIT_CODES.ok.code;
  });
}

/** `quorate map remove NAME KEY` */
export async function removeFromMap(
  { name, key, flags }: EntryCommand<{ readonly ifVersion?: number; readonly fence?: Fence }>,
  io: CliIo,
): Promise<number> {
  const { ifVersion, fence } = flags;
  return await withClient(flags, async (client) => {
    const isRemoved = await openMap(client, name).remove(key, {
      ...(ifVersion === undefined ? {} : { version: ifVersion }),
      ...(fence === undefined ? {} : { fence }),
    });
    const output = new Output(io.stdout, flags.json);
    await output.text(isRemoved ? 'removed' : 'there was no entry');
    await output.json({ isRemoved });
    return EXIT_CODES.ok.code;
  });
}

/** `quorate map keys NAME` and `quorate map entries NAME` */
export interface ListCommand {
  readonly name: string;
  readonly what: 'keys' | 'entries';
  readonly flags: ConnectFlags & { readonly prefix: string; readonly limit?: number };
}

/** Prints what there is, one per line, as it comes. */
export async function listMap({ name, what, flags }: ListCommand, io: CliIo): Promise<number> {
  const { prefix, limit } = flags;
  const range = { prefix, ...(limit === undefined ? {} : { limit }) };
  return await withClient(flags, async (client) => {
    const output = new Output(io.stdout, flags.json);
    const map = openMap(client, name);
    if (what === 'keys') {
      for await (const key of map.keys(range)) {
        await output.text(oneLine(key));
        await output.json({ key });
      }
    } else {
      for await (const { key, value, version } of map.entries(range)) {
        await output.text(`${oneLine(key)}\t${valueLine(value)}`);
        await output.json({ key, ...valueJson(value), version });
      }
    }
    return EXIT_CODES.ok.code;
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    throw new UsageError(`<value>: it is not JSON, which --json-value asks for: ${(thrown as Error).message}`);
  }
}

/** All of standard input but the line end at its end, so that a file of text comes back from `map get` as it was. */
async function textOf(input: Readable): Promise<string> {
  const max = RESOURCE_LIMITS.valueBytesMax;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input as AsyncIterable<Uint8Array | string>) {
    const part = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    chunks.push(part);
    bytes += part.length;
    if (bytes > max + 1) throw new QuorateError('valueTooLarge', `standard input has more than ${max} bytes`, { max });
  }
  let text: string;
  try {
    text = fromUtf8(concatBytes(chunks));
  } catch {
    throw new UsageError('<value>: standard input is no text in UTF-8');
  }
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}
