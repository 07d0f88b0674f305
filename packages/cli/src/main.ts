import { type Command, CommanderError } from 'commander';
import type { CliIo } from './cli-io.js';
import { EXIT_CODES } from './exit-codes.js';
import { createProgram } from './program.js';
import { UsageError, reportError } from './report-error.js';

/**
 * Runs the `quorate` command. `argv`: the arguments after the name of the program. Gives the exit code (`EXIT_CODES`) and never rejects;
 * what went wrong was then said on `io.stderr`.
 */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  const isJson = hasJsonFlag(argv);
  const run = { code: EXIT_CODES.ok.code as number };
  io.stderr.on('error', () => {});
  const program = createProgram(io, run);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return run.code;
  } catch (thrown) {
    const command = commandIn(program, argv);
    if (!(thrown instanceof CommanderError)) return reportError(thrown, io, isJson, command);
    if (thrown.exitCode === 0) return EXIT_CODES.ok.code;
    if (thrown.code === 'commander.help') return EXIT_CODES.usage.code;
    return reportError(new UsageError(thrown.message.replace(/^error: /, '')), io, isJson, command);
  }
}

/** Also when the rest of the arguments is wrong, errors must come in the form that was asked for. */
function hasJsonFlag(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json');
}

/** The command that the arguments begin with: `quorate stream read`. */
function commandIn(program: Command, argv: readonly string[]): string {
  const words = [program.name()];
  let command: Command | undefined = program;
  for (const word of argv) {
    command = command.commands.find((candidate) => candidate.name() === word);
    if (command === undefined) break;
    words.push(word);
  }
  return words.join(' ');
}
