import { type Command, Option } from 'commander';
import { DEFAULT_CONNECT, addressList, fence, seconds } from './arguments.js';
import { exitCodeTable } from './exit-codes.js';

/** Where an action leaves its exit code. */
export interface Run {
  code: number;
}

/** Adds the flags that most commands take. `connect`: it talks to a cluster. */
export function common(command: Command, { connect = true }: { connect?: boolean } = {}): Command {
  if (connect) {
    command.addOption(
      new Option('--connect <addresses>', 'HOST:PORT[,…] of some nodes')
        .argParser(addressList)
        .default(addressList(DEFAULT_CONNECT), DEFAULT_CONNECT),
    );
    command.option('--cluster <id>', 'refuse any other cluster than this');
    command.option('--timeout <seconds>', 'give up after this time without an answer', seconds, 5);
  }
  return flag(command, '--json', 'print JSON, one object per line; errors too').exitOverride();
}

/** A flag that is off unless given. Its default is not told to commander as one, or the help of each would say "(default: false)". */
export function flag(command: Command, name: `--${string}`, description: string): Command {
  return command.option(name, description).setOptionValueWithSource(new Option(name).attributeName(), false, 'default');
}

/** Adds example lines and the exit codes to the help of a command. */
export function example(command: Command, ...lines: string[]): Command {
  return command.addHelpText('after', () => `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}\n\n${exitCodeTable()}\n`);
}

/** Adds the argument that names a resource. */
export function named(command: Command, kind: string): Command {
  return command.argument('<name>', `name of the ${kind}`);
}

/** `--fence`, of commands that write. */
export function fenceOption(): Option {
  return new Option('--fence <json>', 'only while this lock or leadership is held: what QUORATE_FENCE says').argParser(fence);
}
