import { type Command, Option } from 'commander';
import type { CliIo } from '../cli-io.js';
import { type Run, common, example, named } from '../command-flags.js';
import { heldFlags, whileHeld } from './while-held.js';

/** `quorate elect` */
export function addElectCommand(program: Command, io: CliIo, run: Run): void {
  const elect = named(program.command('elect'), 'election')
    .usage('[options] <name> [-- <command> [arguments…]]')
    .argument('[command...]', 'the command and its arguments, after "--"')
    .summary('Run a command while leading.')
    .description(
      `Stand for election, run a command while leading, and step down when the command has ended. ${whileHeld('leadership')}\n\nWithout a ` +
        'command: prints a line when it leads and when it no longer does, and stands again, until Ctrl-C (exit code 0).',
    )
    .option('--about <text>', 'what it says of itself to those who ask who leads')
    .addOption(new Option('--leader', 'print who leads, run nothing').conflicts(['about']));
  example(
    common(heldFlags(elect)),
    'quorate elect scheduler --about "$(hostname)" -- ./scheduler.sh',
    'quorate elect scheduler --leader',
  ).action(async (name: string, command: readonly string[], flags) => {
    run.code = await (await import('../commands/elect.js')).runElect({ name, command, flags }, io);
  });
}
