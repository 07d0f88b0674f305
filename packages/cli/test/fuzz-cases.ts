import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { EXIT_CODES, main } from '@quorate/cli';
import type { Command, Option } from 'commander';
import fc from 'fast-check';
import { createProgram } from '../dist/program.js';
import { splitLines } from '../dist/split-lines.js';

/** A command as the program declares it. */
interface Declared {
  readonly words: readonly string[];
  readonly options: readonly Option[];
  readonly operands: number;
  readonly isConnecting: boolean;
}

class Gathered extends Writable {
  text = '';
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

function declaredCommands(): Declared[] {
  const io = { stdin: Readable.from([]), stdout: new Gathered(), stderr: new Gathered(), environment: {} };
  const found: Declared[] = [];
  const walk = (command: Command, words: readonly string[]): void => {
    if (command.commands.length === 0) {
      const isConnecting = command.options.some(({ long }) => long === '--connect');
      found.push({ words, options: command.options, operands: command.registeredArguments.length, isConnecting });
    }
    for (const child of command.commands) walk(child, [...words, child.name()]);
  };
  walk(createProgram(io, { code: 0 }), []);
  return found;
}

/** Values that some flag takes, and those that none should. */
const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '1.5',
  '1e3',
  '99999999999999999999',
  'NaN',
  '10s',
  '0ms',
  '5',
  'ten',
  '{}',
  '{"group":1}',
  'null',
  '1=',
  '1=a:1',
];
const VALUE = fc.oneof(
  fc.constantFrom(...VALUES, 'a:1,a:1', '0123456789abcdef', '--', '-', '--json', '\u001b[31m', '__proto__', 'x'.repeat(3000)),
  fc.string({ unit: 'binary', maxLength: 12 }).map((value) => value.replace(/[\u0000\p{Surrogate}]/gu, '?')),
);
/** Nothing listens there: a command whose arguments are fine ends with "unavailable", or at its deadline. */
const NOWHERE = ['--connect', '127.0.0.1:1', '--timeout', '0.001'];

const COMMANDS = declaredCommands();

/** Arguments of one call: a command with flags and operands, in any order, some of them wrong. */
const call: fc.Arbitrary<readonly string[]> = fc.constantFrom(...COMMANDS).chain((command) => {
  const option = fc.constantFrom(...command.options).chain((each): fc.Arbitrary<string[]> => {
    const name = each.long ?? each.short ?? '--json';
    // No name is looked up, no other address is dialled.
    if (name === '--connect')
      return fc.constantFrom<string[][]>(['--connect', ''], ['--connect', 'x'], ['--connect', '127.0.0.1:99999'], ['--connect']);
    return each.required
      ? fc.oneof(
          VALUE.map((value) => [name, value]),
          fc.constant<string[]>([name]),
        )
      : fc.constant<string[]>([name]);
  });
  const operand = VALUE.map((value) => [value]);
  const unknown = fc.constantFrom<string[][]>(['--no-such-flag'], ['-z'], ['--help'], ['--version'], ['--json']);
  const parts = fc.array(
    fc.oneof({ weight: 3, arbitrary: option }, { weight: command.operands + 1, arbitrary: operand }, { weight: 1, arbitrary: unknown }),
    { maxLength: 6 },
  );
  return parts.map((some) => {
    const args = some.flat();
    // These would start servers: they are only ever called wrongly.
    const isStarting = command.words[0] === 'dev' || command.words[0] === 'server';
    if (isStarting) return [...command.words, '--no-such-flag', ...args];
    return [...command.words, ...args.filter((arg) => arg !== '--'), ...(command.isConnecting ? NOWHERE : [])];
  });
});

const input = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.constantFrom(...['', '\n', 'a\nb', '\r\n', '[[', '"x"\n'].map((text) => Buffer.from(text))),
);

const CODES = new Set<number>(Object.values(EXIT_CODES).map(({ code }) => code));

/** Runs the command line as a process would and checks what holds for any arguments. */
async function runCommand(args: readonly string[], stdin: Uint8Array): Promise<void> {
  const [stdout, stderr] = [new Gathered(), new Gathered()];
  const code = await main(args, { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, environment: {} });
  const said = `exit code ${code}: ${stderr.text.slice(0, 500)}`;
  assert.ok(CODES.has(code), said);
  assert.notEqual(code, EXIT_CODES.internal.code, said);
  assert.doesNotMatch(stderr.text, /^\s+at .*:\d+:\d+\)?$/m, said);
  if (code !== 0) assert.notEqual(stderr.text, '', `${said}: it ends without a word`);
  if (code !== 0 && args.includes('--json') && args.indexOf('--json') < (args.includes('--') ? args.indexOf('--') : args.length)) {
    for (const line of stderr.text.split('\n').filter((each) => each !== '' && each.startsWith('{'))) JSON.parse(line);
  }
}

async function checked<T>(property: fc.IAsyncPropertyWithHooks<T>, seed: number, cases: number): Promise<{ cases: number }> {
  // Commands that do not reach a cluster keep no process alive by themselves.
  const keepAlive = setInterval(() => {}, 60_000);
  try {
    await fc.assert(property, { seed, numRuns: cases, includeErrorInReport: true });
  } finally {
    clearInterval(keepAlive);
  }
  return { cases };
}

/** Calls of the command line with arguments and input of all kinds: an exit code of the table, and never a stack trace. */
export async function fuzzCommandLine(seed: number, cases: number): Promise<{ cases: number }> {
  return await checked(fc.asyncProperty(call, input, runCommand), seed, cases);
}

/** Lines of standard input in any pieces are those of the whole; one over the limit is told by its number. */
export async function fuzzLines(seed: number, cases: number): Promise<{ cases: number }> {
  const pieces = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.constantFrom(...['\n', 'a\n', '\n\n'].map((text) => Buffer.from(text)))),
    { maxLength: 8 },
  );
  const property = fc.asyncProperty(pieces, fc.integer({ min: 1, max: 20 }), async (chunks, bytesMax) => {
    const all = Buffer.concat(chunks);
    const expected = all.length === 0 ? [] : all.toString('latin1').split('\n');
    if (expected.at(-1) === '') expected.pop();
    const tooLong = expected.findIndex((line) => line.length > bytesMax);
    const lines: string[] = [];
    const reading = splitLines(Readable.from(chunks.filter((chunk) => chunk.length > 0)), bytesMax);
    let step = await reading.next();
    for (; step.done !== true; step = await reading.next()) lines.push(...step.value.map((line) => Buffer.from(line).toString('latin1')));
    assert.equal(step.value?.details['line'] ?? 0, tooLong + 1);
    assert.deepEqual(lines, tooLong < 0 ? expected : expected.slice(0, tooLong));
  });
  return await checked(property, seed, cases);
}

/** Calls open connections, so fewer of them. */
export const CASES_PER_CALL: Readonly<Record<string, number>> = { fuzzCommandLine: 200 };

/** What takes arguments and input. */
export const COVERS: Readonly<Record<string, readonly string[]>> = {
  fuzzCommandLine: ['readStream', 'inspectDirectory'],
  fuzzLines: ['splitLines'],
};
