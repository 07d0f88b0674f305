import { writeSync } from 'node:fs';
import type { Clock, ErrorDetails, LogLevel, Logger } from '@quorate/base';

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };
const TEXT_CHARACTERS_MAX = 4096;

export interface JsonLinesLoggerOptions {
  /** Lower levels are dropped. Default `info`. */
  readonly level?: LogLevel;
  readonly clock: Clock;
  /** Default: standard error. May throw; then the line is lost. */
  readonly write?: (line: string) => void;
  /** In every line, such as the node's number. */
  readonly fields?: ErrorDetails;
}

/** One JSON object per line: `time` (ISO 8601), `level`, `event`, then the fields; those named like one of the first three are left out. */
export class JsonLinesLogger implements Logger {
  readonly #least: number;
  readonly #clock: Clock;
  readonly #write: (line: string) => void;
  readonly #fields: ErrorDetails;
  /** Lines that could not be written: the pipe is full or closed. */
  #lost = 0;

  constructor(options: JsonLinesLoggerOptions) {
    this.#least = LEVELS[options.level ?? 'info'];
    this.#clock = options.clock;
    this.#write = options.write ?? ((line) => writeSync(2, line));
    this.#fields = options.fields ?? {};
  }

  log(level: LogLevel, event: string, fields: ErrorDetails = {}): void {
    if (LEVELS[level] < this.#least) return;
    try {
      const lost = this.#lost === 0 ? {} : { linesLost: this.#lost };
      const named = { ...this.#fields, ...fields, ...lost, time: new Date(this.#clock.wallMs()).toISOString(), level, event };
      const { time, level: _, event: __, ...rest } = named;
      this.#write(`${JSON.stringify({ time, level, event, ...rest }, short)}\n`);
      this.#lost = 0;
    } catch {
      this.#lost++;
    }
  }
}

function short(_key: string, value: unknown): unknown {
  return typeof value === 'string' && value.length > TEXT_CHARACTERS_MAX ? `${value.slice(0, TEXT_CHARACTERS_MAX)}…` : value;
}
