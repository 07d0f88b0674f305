import { readFileSync } from 'node:fs';
import { QuorateError } from '@quorate/base';
import { CONFIG_KEYS, type ServerConfig, loadConfig, runServer } from '@quorate/server';
import type { CliIo } from '../cli-io.js';
import { EXIT_CODES, exitCodeOfSignal } from '../exit-codes.js';
import { UsageError, reportError } from '../report-error.js';

/** Flags as commander names them: `log-level` is `logLevel`. */
export type ServerFlags = Readonly<Record<string, string | boolean | undefined>>;

/** `quorate server`: one node in this process, until a signal or a fault. */
export async function runServerCommand(flags: ServerFlags, io: CliIo): Promise<number> {
  const outcome = await runServer(configOf(flags, io));
  switch (outcome.type) {
    case 'stopped':
      return EXIT_CODES.ok.code;
    case 'forced':
      return exitCodeOfSignal(outcome.signal);
    case 'failed':
      return reportError(outcome.error, io, flags['json'] === true);
  }
}

function configOf(flags: ServerFlags, io: CliIo): ServerConfig {
  const given: Record<string, string | undefined> = { 'exit-with-parent': String(flags['exitWithParent'] === true) };
  for (const key of [...CONFIG_KEYS, 'config']) {
    const value = flags[key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (typeof value === 'string') given[key] = value;
  }
  try {
    return loadConfig({ flags: given, environment: io.environment, readFile: (path) => readFileSync(path, 'utf8') });
  } catch (thrown) {
    // Whatever is wrong with a configuration is wrong use, whichever parser found it.
    if (thrown instanceof QuorateError) throw new UsageError(thrown.message);
    throw thrown;
  }
}
