import type { ErrorDetails, LogLevel, Logger } from '@quorate/base';
import { pino } from 'pino';

/** A logger that writes one JSON object per line: `{"level":"info","time":"…","node":1,"msg":"event", …fields}`. */
export interface ProcessLogger extends Logger {
  /** Writes what is buffered, before it returns. For the last words of a process. */
  flush(): void;
}

/** Bytes buffered for a reader that does not keep up; beyond it lines are dropped rather than the node slowed or its memory filled. */
const BUFFER_BYTES_MAX = 4_194_304;

/** Logs to a file descriptor (1: standard output). Lines are buffered while the reader is slow; a closed reader is no error. */
export function processLogger(options: {
  readonly level: LogLevel;
  readonly node: number;
  readonly fileDescriptor?: number;
}): ProcessLogger {
  const destination = pino.destination({ fd: options.fileDescriptor ?? 1, sync: false, maxLength: BUFFER_BYTES_MAX });
  destination.on('error', () => {});
  const lines = pino(
    {
      level: options.level,
      base: { node: options.node },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    log: (level: LogLevel, event: string, fields: ErrorDetails = {}) => lines[level](fields, event),
    flush: () => {
      try {
        destination.flushSync();
      } catch {
        // The reader is gone, or the descriptor was never ready: nobody is left to read it.
      }
    },
  };
}
