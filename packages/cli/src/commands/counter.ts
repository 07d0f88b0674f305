import type { Fence } from '@quorate/machine';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';

/** A change of a counter by, or to, `n`. */
export interface CounterCommand {
  readonly name: string;
  readonly n: number;
  readonly flags: ConnectFlags & { readonly fence?: Fence };
}

/** `quorate counter add NAME [N]`: prints the new value. */
export async function addToCounter({ name, n, flags }: CounterCommand, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const value = await client.counter(name).add(n, fenceOf(flags));
    return await print({ value }, value, flags, io);
  });
}

/** `quorate counter get NAME` */
export async function getCounter(name: string, flags: ConnectFlags, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const value = await client.counter(name).get();
    return await print({ value }, value, flags, io);
  });
}

/** `quorate counter set NAME N`: prints the value before. */
export async function setCounter({ name, n, flags }: CounterCommand, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const previous = await client.counter(name).set(n, fenceOf(flags));
    return await print({ value: n, previous }, previous, flags, io);
  });
}

function fenceOf({ fence }: CounterCommand['flags']): { readonly fence?: Fence } {
  return fence === undefined ? {} : { fence };
}

async function print(result: Readonly<Record<string, number>>, shown: number, { json }: ConnectFlags, io: CliIo): Promise<number> {
  const output = new Output(io.stdout, json);
  await output.text(String(shown));
  await output.json(result);
  return EXIT_CODES.ok.code;
}
