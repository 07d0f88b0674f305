import { type OperationDeclaration, type ResourceDeclaration, describeFields } from '@quorate/machine';
import { BUILTIN_TYPES, fieldText, fieldsText } from '@quorate/resources';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { isObject, jsonOfValue, valuesOfJson } from '../field-json.js';
import { Output, table } from '../output.js';
import { UsageError } from '../report-error.js';
import { valueLine, valueOutput } from '../stored-value.js';

/** `quorate call [KIND [NAME OPERATION [ARGUMENTS]]]`; `given`: the arguments, JSON. */
export interface CallCommand {
  readonly kind: string | undefined;
  readonly name: string | undefined;
  readonly operation: string | undefined;
  readonly given: string;
  readonly flags: ConnectFlags;
}

const KINDS: readonly ResourceDeclaration[] = BUILTIN_TYPES.map(({ declaration }) => declaration);

/** Calls an operation and prints its result; prints the operations of a kind, or the kinds, if none is named. */
export async function runCall({ kind, name, operation, given, flags }: CallCommand, io: CliIo): Promise<number> {
  const output = new Output(io.stdout, flags.json);
  if (kind === undefined) return await printKinds(output);
  const declaration = KINDS.find(({ type }) => type === kind);
  if (declaration === undefined) throw new UsageError(`<kind>: there is no "${kind}", but ${KINDS.map(({ type }) => type).join(', ')}`);
  if (name === undefined) return await printOperations(declaration, output);
  const { operations } = declaration;
  const names = Object.keys(operations);
  if (operation === undefined) throw new UsageError(`<operation> is missing: ${names.join(', ')}`);
  if (!names.includes(operation)) throw new UsageError(`<operation>: ${kind} has no "${operation}", but ${names.join(', ')}`);
  const { args, result } = operations[operation] as OperationDeclaration;
  const values = valuesOfJson(describeFields(args), parsedArguments(given), operation);
  return await withClient(flags, async (client) => {
    const value = jsonOfValue(result.description, await client.resource(declaration, name).call(operation, values));
    const shown = { type: 'json', value } as const;
    if (result.description.kind !== 'nothing') await output.text(output.isTerminal ? valueLine(shown) : String(valueOutput(shown)));
    await output.json({ result: value });
    return EXIT_CODES.ok.code;
  });
}

async function printKinds(output: Output): Promise<number> {
  await output.text(table(KINDS.map(({ type, doc }) => [type, doc])));
  for (const { type, version, doc } of KINDS) await output.json({ kind: type, version, doc });
  return EXIT_CODES.ok.code;
}

async function printOperations({ operations }: ResourceDeclaration, output: Output): Promise<number> {
  for (const [name, { kind, doc, args, result, errors }] of Object.entries(operations)) {
    const described = { arguments: plain(fieldsText(describeFields(args))), result: plain(fieldText(result.description)) };
    await output.text(`${name} (${kind}): ${doc}`);
    if (described.arguments !== '') await output.text(`    arguments  ${described.arguments}`);
    await output.text(`    result     ${described.result}`);
    if (errors.length > 0) await output.text(`    errors     ${errors.join(', ')}`);
    await output.json({ operation: name, kind, doc, ...described, errors });
  }
  return EXIT_CODES.ok.code;
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text.replaceAll('`', '');
}

function parsedArguments(text: string): Readonly<Record<string, unknown>> {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (thrown) {
    throw new UsageError(`<arguments>: they are not JSON: ${(thrown as Error).message}`);
  }
  if (!isObject(given)) throw new UsageError('<arguments>: they must be a JSON object');
  return given;
}
