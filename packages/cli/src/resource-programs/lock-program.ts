import { type Command, Option } from 'commander';
import { duration } from '../arguments.js';
import type { CliIo } from '../cli-io.js';
import { type Run, common, example, named } from '../command-flags.js';
import { heldFlags, whileHeld } from './while-held.js';

/** `quorate lock` */
export function addLockCommand(program: Command, io: CliIo, run: Run): void {
  const lock = named(program.command('lock'), 'lock')
    .usage('[options] <name> -- <command> [arguments…]')
    .argument('[command...]', 'the command and its arguments, after "--"')
    .summary('Run a command while holding a lock.')
    .description(`Wait for a lock, run a command while holding it, and give it up when the command has ended. ${whileHeld('the lock')}`)
    .option('--wait <duration>', 'longest wait, like 500ms or 10s; 0s: only if it is free (default: as long as it takes)', duration(0))
    .addOption(new Option('--holder', 'print who holds it, run nothing').conflicts(['wait']));
  example(
    common(heldFlags(lock)),
    'quorate lock nightly --wait 10s -- ./backup.sh --full',
    'quorate lock import -- sh -c \'quorate map set jobs last "$(date)" --fence "$QUORATE_FENCE"\'',
    'quorate lock nightly --holder',
  ).action(async (name: string, command: readonly string[], flags) => {
    run.code = await (await import('../commands/lock.js')).runLock({ name, command, flags }, io);
  });
}
