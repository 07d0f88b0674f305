import type { ErrorDetails, LogLevel, Logger } from '@quorate/base';
import { pino } from 'pino';
import { LineWriter } from './line-writer.js';

/** A logger that writes one JSON object per line: `{"level":"info","time":"…","node":1,"msg":"event", …fields}`. */
export interface ProcessLogger extends Logger {
  /** Resolves when what was logged is written, or nobody reads it, or after a second. For the last words of a process. */
  flushed(): Promise<void>;
}

/** Characters that wait for a reader that does not keep up. */
const WAITING_MAX = 4_194_304;
const FLUSH_MS = 1000;

/** Logs to a file descriptor (1: standard output). Never blocks: lines that a slow reader leaves no room for are counted and dropped. */
export function processLogger(options: {
  readonly level: LogLevel;
  readonly node: number;
  readonly fileDescriptor?: number;
}): ProcessLogger {
  const writer = new LineWriter({
    fileDescriptor: options.fileDescriptor ?? 1,
    bytesMax: WAITING_MAX,
    droppedLine: (count) =>
      `${JSON.stringify({ level: 'warn', time: new Date().toISOString(), node: options.node, count, msg: 'log lines dropped' })}\n`,
  });
  const lines = pino(
    {
      level: options.level,
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    writer,
  );
  return {
    log: (level: LogLevel, event: string, fields: ErrorDetails = {}) => lines[level](fields, event),
    flushed: () => writer.flushed(FLUSH_MS),
  };
}
