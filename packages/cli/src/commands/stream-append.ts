import type { Readable } from 'node:stream';
import { LIMITS, QuorateError, utf8 } from '@quorate/base';
import type { AppendResult, Stream } from '@quorate/client';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { splitLines } from '../split-lines.js';

export interface AppendCommand {
  readonly name: string;
  /** The record, or `-`: each line of standard input is one. */
  readonly value: string;
  readonly flags: ConnectFlags & { readonly inFlight: number };
}

/** Bytes under way at once, whatever their number. */
const IN_FLIGHT_BYTES_MAX = 8_388_608;

/** `quorate stream append NAME [VALUE|-]`: prints the offset of each record once it is on the disks of a majority. */
export async function appendToStream({ name, value, flags }: AppendCommand, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const stream = client.stream(name);
    const output = new Output(io.stdout, flags.json);
    if (value === '-') {
      await new LineAppender({ stream, output, inFlightMax: flags.inFlight }).run(io.stdin);
    } else {
      const { offset } = await stream.append(utf8(value));
      await output.text(String(offset));
      await output.json({ offset });
    }
    return EXIT_CODES.ok.code;
  });
}

/** Appends lines in order with a bounded number under way, and prints offsets in the order of the lines. */
class LineAppender {
  readonly #stream: Stream;
  readonly #output: Output;
  readonly #inFlightMax: number;
  readonly #inFlight: { readonly line: number; readonly bytes: number; readonly result: Promise<AppendResult> }[] = [];
  #bytes = 0;
  #line = 0;
  #stored = 0;

  constructor(options: { stream: Stream; output: Output; inFlightMax: number }) {
    this.#stream = options.stream;
    this.#output = options.output;
    this.#inFlightMax = options.inFlightMax;
  }

  async run(input: Readable): Promise<void> {
    for await (const lines of splitLines(input, LIMITS.recordBytesMax)) {
      for (const value of lines) {
        this.#line++;
        while (this.#inFlight.length >= this.#inFlightMax || (this.#bytes > 0 && this.#bytes + value.length > IN_FLIGHT_BYTES_MAX))
          await this.#settleOldest();
        const result = this.#stream.append(value);
        // Looked at in its turn; until then a rejection has nobody else to handle it.
        result.catch(() => {});
        this.#inFlight.push({ line: this.#line, bytes: value.length, result });
        this.#bytes += value.length;
      }
    }
    while (this.#inFlight.length > 0) await this.#settleOldest();
  }

  async #settleOldest(): Promise<void> {
    const oldest = this.#inFlight.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    const offset = await this.#offsetOf(oldest);
    this.#stored++;
    await this.#output.text(String(offset));
    await this.#output.json({ offset });
  }

  async #offsetOf({ line, result }: { line: number; result: Promise<AppendResult> }): Promise<number> {
    try {
      return (await result).offset;
    } catch (thrown) {
      if (!(thrown instanceof QuorateError)) throw thrown;
      const rest = await Promise.allSettled(this.#inFlight.map((entry) => entry.result));
      const later = rest.filter((outcome) => outcome.status === 'fulfilled').length;
      const facts = `line ${line}: ${thrown.message}; ${this.#stored} lines before it are stored${later === 0 ? '' : `, and ${later} after it`}`;
      throw new QuorateError(
        thrown.code,
        facts,
        { ...thrown.details, line, storedBefore: this.#stored, storedAfter: later },
        { cause: thrown },
      );
    }
  }
}
