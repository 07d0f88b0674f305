import { type Command, Option } from 'commander';
import { duration } from '../arguments.js';

const SESSION_TTL_MS_MIN = 100;
const SESSION_TTL_MS_MAX = 0xffff_ffff;

/** The part of the help of a command that runs another while it holds `what`. */
export function whileHeld(what: string): string {
  return (
    'Ends with the exit code of the command (128 + n if signal n ended it, 127 if there is no such command, 126 if it cannot be run). ' +
    `If ${what} is lost meanwhile, the command is sent SIGTERM, after a while SIGKILL, and the exit code is 75. ` +
    'SIGINT, SIGTERM and SIGHUP are passed on to the command. Without a terminal all this reaches whatever the command has started, too; on one only the command itself, ' +
    'so end scripts with "exec", or give them no terminal (< /dev/null).\n\n' +
    'The command finds its token, which grows from holder to holder, in QUORATE_TOKEN (as 1.42), and in QUORATE_FENCE what --fence takes: a process that ' +
    'was stopped may go on after another has begun, and only fenced writes are safe from it.'
  );
}

/** Adds the flags of such a command. */
export function heldFlags(command: Command): Command {
  return command
    .option(
      '--session-ttl <duration>',
      'time without contact after which another may go on (default: 10s)',
      duration(SESSION_TTL_MS_MIN, SESSION_TTL_MS_MAX),
    )
    .addOption(
      new Option('--kill-after <duration>', 'time between SIGTERM and SIGKILL').argParser(duration(0, 3_600_000)).default(5000, '5s'),
    );
}
