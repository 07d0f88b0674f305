import type { ErrorDetails } from './errors.js';

/** How much a person should care: `error` needs action, `warn` a look, `info` marks changes, `debug` is for developers. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Structured events for people who run the system. Never throws, never blocks for long. */
export interface Logger {
  log(level: LogLevel, event: string, fields?: ErrorDetails): void;
}

/** Drops everything. */
export const SILENT_LOGGER: Logger = { log: () => {} };
