import type { Readable } from 'node:stream';
import { LIMITS, QuorateError, utf8 } from '@quorate/base';
import type { AppendResult, Stream } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import type { WriteOptions } from '@quorate/resources';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, withClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output } from '../output.js';
import { splitLines } from '../split-lines.js';

export interface AppendCommand {
  readonly name: string;
  /** The record, or `-`: each line of standard input is one. */
  readonly value: string;
  readonly flags: ConnectFlags & { readonly inFlight: number; readonly fence?: Fence };
}

/** Bytes under way at once, whatever their number. */
const IN_FLIGHT_BYTES_MAX = 8_388_608;

/** `quorate stream append NAME [VALUE|-]`: prints the offset of each record once it is on the disks of a majority. */
export async function appendToStream({ name, value, flags }: AppendCommand, io: CliIo): Promise<number> {
  return await withClient(flags, async (client) => {
    const stream = client.stream(name);
    const output = new Output(io.stdout, flags.json);
    const options: WriteOptions = flags.fence === undefined ? {} : { fence: flags.fence };
    if (value === '-') {
      await new LineAppender({ stream, output, options, inFlightMax: flags.inFlight }).run(io.stdin);
    } else {
      const { offset } = await stream.append(utf8(value), options);
      await output.text(String(offset));
      await output.json({ offset });
    }
    return EXIT_CODES.ok.code;
  });
}

/** A line under way. */
interface LineUnderWay {
  readonly line: number;
  readonly bytes: number;
  readonly result: Promise<AppendResult>;
  /** Resolves when its offset is printed; rejects if it, or a line before it, failed. */
  readonly printed: Promise<void>;
}

/** Appends lines in order with a bounded number under way, and prints each offset as soon as it and all before it are known. */
class LineAppender {
  readonly #stream: Stream;
  readonly #output: Output;
  readonly #options: WriteOptions;
  readonly #inFlightMax: number;
  readonly #inFlight: LineUnderWay[] = [];
  /** Rejects with the first failure, also while standard input is waited for. */
  readonly #failed: Promise<never>;
  #fail: (thrown: unknown) => void = () => {};
  /** Settles when every line so far is printed. */
  #printed: Promise<void> = Promise.resolve();
  #bytes = 0;
  #line = 0;
  #stored = 0;

  constructor(options: { stream: Stream; output: Output; options: WriteOptions; inFlightMax: number }) {
    this.#stream = options.stream;
    this.#options = options.options;
    this.#output = options.output;
    this.#inFlightMax = options.inFlightMax;
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failed.catch(() => {});
  }

  async run(input: Readable): Promise<void> {
    const lines = splitLines(input, LIMITS.recordBytesMax);
    for (;;) {
      const next = await Promise.race([lines.next(), this.#failed]);
      if (next.done === true) {
        await this.#printed;
        if (next.value !== null) throw this.#withFacts(next.value, { line: this.#line + 1, later: 0 });
        return;
      }
      for (const value of next.value) await this.#append(value);
    }
  }

  /** Resolves when it is under way, not when it is stored. */
  async #append(value: Uint8Array): Promise<void> {
    while (this.#inFlight.length >= this.#inFlightMax || (this.#bytes > 0 && this.#bytes + value.length > IN_FLIGHT_BYTES_MAX)) {
      await this.#inFlight[0]?.printed;
    }
    this.#line++;
    const entry = { line: this.#line, bytes: value.length, result: this.#stream.append(value, this.#options) };
    // Looked at in its turn; until then a rejection has nobody else to handle it.
    entry.result.catch(() => {});
    this.#printed = this.#printed.then(() => this.#print(entry));
    this.#printed.catch(this.#fail);
    this.#inFlight.push({ ...entry, printed: this.#printed });
    this.#bytes += entry.bytes;
  }

  async #print(entry: Omit<LineUnderWay, 'printed'>): Promise<void> {
    const offset = await this.#offsetOf(entry);
    this.#inFlight.shift();
    this.#bytes -= entry.bytes;
    this.#stored++;
    await this.#output.text(String(offset));
    await this.#output.json({ offset });
  }

  async #offsetOf({ line, result }: Omit<LineUnderWay, 'printed'>): Promise<number> {
    try {
      return (await result).offset;
    } catch (thrown) {
      if (!(thrown instanceof QuorateError)) throw thrown;
      const rest = await Promise.allSettled(this.#inFlight.map((entry) => entry.result));
      throw this.#withFacts(thrown, { line, later: rest.filter((outcome) => outcome.status === 'fulfilled').length });
    }
  }

  /** What is stored when a line failed: whoever goes on must know where. */
  #withFacts(error: QuorateError, { line, later }: { line: number; later: number }): QuorateError {
    const where = error.message.startsWith(`line ${line} `) ? error.message : `line ${line}: ${error.message}`;
    const facts = `${where}; lines stored before it: ${this.#stored}, after it: ${later}`;
    return new QuorateError(
      error.code,
      facts,
      { ...error.details, line, storedBefore: this.#stored, storedAfter: later },
      { cause: error },
    );
  }
}
