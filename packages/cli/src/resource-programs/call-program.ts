import type { Command } from 'commander';
import type { CliIo } from '../cli-io.js';
import { type Run, common, example } from '../command-flags.js';

/** `quorate call`: every operation of every kind of resource, from their declarations. */
export function addCallCommand(program: Command, io: CliIo, run: Run): void {
  const call = program
    .command('call')
    .argument('[kind]', 'kind of the resource; none: print the kinds')
    .argument('[name]', 'name of the resource; none: print the operations of the kind, with their arguments')
    .argument('[operation]', 'one of the operations of the kind')
    .argument('[arguments]', 'JSON object with the arguments; what may be none may be left out', '{}')
    .usage('[options] [kind [name operation [arguments]]]')
    .summary('Call any operation of any resource.')
    .description(
      'Call any operation of any kind of resource, as its declaration says, and print the result: a text as it is, anything else as JSON. Bytes are ' +
        'texts (UTF-8), or {"base64": "…"} if they are none; values of maps and what candidates say of themselves are bytes, which clients write as ' +
        'JSON by default. What a call holds (a lock, a leadership, a watch) ends with the command.',
    );
  example(
    common(call),
    'quorate call',
    'quorate call counter',
    'quorate call counter visits compareAndSet \'{"expected":7,"value":8}\'',
    'quorate call map colours size',
  ).action(async (kind: string | undefined, name: string | undefined, operation: string | undefined, given: string, flags) => {
    run.code = await (await import('../commands/call.js')).runCall({ kind, name, operation, given, flags }, io);
  });
}
