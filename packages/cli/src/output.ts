import { once } from 'node:events';
import type { CliIo } from './cli-io.js';

/** Thrown by a write when nobody reads standard output any more (`| head`): the command ends quietly with exit code 0. */
export class OutputClosed extends Error {
  override readonly name: string = 'OutputClosed';
}

/** Standard output of a command: text for people, or one JSON object per line. Waits for a slow reader, notices one that is gone. */
export class Output {
  readonly isJson: boolean;
  readonly isTerminal: boolean;
  readonly #stream: CliIo['stdout'];
  #isClosed = false;

  constructor(stream: CliIo['stdout'], isJson: boolean) {
    this.#stream = stream;
    this.isJson = isJson;
    this.isTerminal = stream.isTTY === true;
    stream.on('error', () => {
      this.#isClosed = true;
    });
  }

  /** True once the reader is gone. */
  get isClosed(): boolean {
    return this.#isClosed || this.#stream.destroyed;
  }

  /** A line for people; nothing with `--json`. */
  async text(line: string): Promise<void> {
    if (!this.isJson) await this.raw(`${line}\n`);
  }

  /** A line for programs; nothing without `--json`. */
  async json(value: unknown): Promise<void> {
    if (this.isJson) await this.raw(`${JSON.stringify(value)}\n`);
  }

  /** Bytes as they are. Throws `OutputClosed`. */
  async raw(bytes: string | Uint8Array): Promise<void> {
    if (this.isClosed) throw new OutputClosed();
    if (this.#stream.write(bytes) || this.isClosed) return;
    await Promise.race([once(this.#stream, 'drain'), once(this.#stream, 'close')]).catch(() => {});
    if (this.isClosed) throw new OutputClosed();
  }
}

/** Aligned columns: the first row is the head; numbers are the caller's to format. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
