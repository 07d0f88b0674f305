import { type ErrorDetails, QuorateError, type RetryClass, asQuorateError } from '@quorate/base';
import type { CliIo } from './cli-io.js';
import { EXIT_CODES, exitCodeOf } from './exit-codes.js';
import { OutputClosed } from './output.js';

/** The command was called wrongly; the message names the flag or argument. Exit code 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** One error as `--json` prints it on standard error: `{"error": …}`. */
export interface ReportedError {
  readonly code: string;
  readonly retry: RetryClass;
  readonly message: string;
  readonly details: ErrorDetails;
}

/**
 * Says what went wrong on standard error (`error: CODE: message`, or one JSON object) and gives the exit code. `command`: the words that
 * were understood, for a hint.
 */
export function reportError(thrown: unknown, io: Pick<CliIo, 'stderr'>, isJson: boolean, command: string = 'quorate'): number {
  if (thrown instanceof OutputClosed) return EXIT_CODES.ok.code;
  const isUsage = thrown instanceof UsageError;
  const error = isUsage ? new QuorateError('invalidArgument', thrown.message) : asQuorateError(thrown);
  const reported: ReportedError = { code: error.code, retry: error.retry, message: error.message, details: error.details };
  io.stderr.write(isJson ? `${JSON.stringify({ error: reported })}\n` : `error: ${error.code}: ${error.message}\n`);
  if (isUsage && !isJson) io.stderr.write(`'${command} --help' tells what it takes\n`);
  if (error.code === 'unavailable' && error.details['reason'] === 'connection refused' && !isJson)
    io.stderr.write("is a cluster running there? 'quorate dev' starts one on this machine; --connect HOST:PORT says where another is\n");
  if (error.code === 'invariantBroken' && !isJson) {
    const stack = error.cause instanceof Error ? error.cause.stack : error.stack;
    io.stderr.write(`this is a bug in Quorate; please report it with these lines:\n${stack}\n`);
  }
  return isUsage ? EXIT_CODES.usage.code : exitCodeOf(error);
}

/** Runs a parser of a flag's value so that its refusal names the flag. */
export function asUsage<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (thrown) {
    if (thrown instanceof QuorateError) throw new UsageError(`${flag}: ${thrown.message}`);
    throw thrown;
  }
}
