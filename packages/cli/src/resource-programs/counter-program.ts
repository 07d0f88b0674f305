import type { Command } from 'commander';
import { integer } from '../arguments.js';
import type { CliIo } from '../cli-io.js';
import { type Run, common, example, fenceOption, named } from '../command-flags.js';

/** `quorate counter …` */
export function addCounterCommands(program: Command, io: CliIo, run: Run): void {
  const counter = program
    .command('counter')
    .helpCommand(false)
    .description('Read and change counters: whole numbers, 0 at first.')
    .exitOverride();
  example(counter, 'quorate counter add visits');

  const add = named(counter.command('add'), 'counter')
    .argument('[n]', 'what to add; may be negative', integer, 1)
    .description('Add to a counter, exactly once; prints the new value.')
    .addOption(fenceOption());
  example(common(add), 'quorate counter add visits', 'quorate counter add visits -5').action(async (name: string, n: number, flags) => {
    run.code = await (await import('../commands/counter.js')).addToCounter({ name, n, flags }, io);
  });

  const get = named(counter.command('get'), 'counter').description('Print the value of a counter.');
  example(common(get), 'quorate counter get visits').action(async (name: string, flags) => {
    run.code = await (await import('../commands/counter.js')).getCounter(name, flags, io);
  });

  const set = named(counter.command('set'), 'counter')
    .argument('<n>', 'the new value', integer)
    .description('Set a counter; prints the value before.')
    .addOption(fenceOption());
  example(common(set), 'quorate counter set visits 0').action(async (name: string, n: number, flags) => {
    run.code = await (await import('../commands/counter.js')).setCounter({ name, n, flags }, io);
  });
}
