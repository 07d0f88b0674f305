import { write } from 'node:fs';

/** Pause before a write that found the pipe full is tried again. */
const RETRY_MS = 5;
/** Told in place of lines that were dropped, once there is room again. */
type DroppedLine = (count: number) => string;

/**
 * Writes lines to a file descriptor without ever blocking or failing: beyond `bytesMax` waiting bytes, lines are dropped rather than the
 * process slowed or its memory filled, and once the reader is gone all are.
 *
 * The synchronous flush of pino's own destination tries for ever when the reader is gone, so a node whose parent was killed would not end.
 */
export class LineWriter {
  readonly #fileDescriptor: number;
  readonly #bytesMax: number;
  readonly #droppedLine: DroppedLine;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #isWriting = false;
  #isReaderGone = false;
  #onIdle: (() => void)[] = [];

  constructor(options: { readonly fileDescriptor: number; readonly bytesMax: number; readonly droppedLine: DroppedLine }) {
    this.#fileDescriptor = options.fileDescriptor;
    this.#bytesMax = options.bytesMax;
    this.#droppedLine = options.droppedLine;
  }

  /** Takes a line with its line end. */
  write(line: string): void {
    if (this.#isReaderGone) return;
    if (this.#waitingBytes + line.length > this.#bytesMax) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#add(this.#droppedLine(this.#dropped));
      this.#dropped = 0;
    }
    this.#add(line);
    this.#writeWaiting();
  }

  /** Resolves when all is written, the reader is gone, or the time is up. */
  flushed(timeoutMs: number): Promise<void> {
    if (!this.#isWriting) return Promise.resolve();
    return new Promise((resolve) => {
      const timeout = setTimeout(resolve, timeoutMs);
      this.#onIdle.push(() => {
        clearTimeout(timeout);
        resolve();
      });
    });
  }

  #add(line: string): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
  }

  #writeWaiting(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    const bytes = Buffer.from(this.#waiting.join(''));
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#writeFrom(bytes, 0);
  }

  #writeFrom(bytes: Buffer, start: number): void {
    write(this.#fileDescriptor, bytes, start, bytes.length - start, null, (error, count) => {
      if (error?.code === 'EAGAIN') setTimeout(() => this.#writeFrom(bytes, start), RETRY_MS);
      else if (error !== null) this.#readerGone();
      else if (start + count < bytes.length) this.#writeFrom(bytes, start + count);
      else this.#written();
    });
  }

  #written(): void {
    this.#isWriting = false;
    if (this.#waiting.length > 0) this.#writeWaiting();
    else this.#idle();
  }

  #readerGone(): void {
    this.#isReaderGone = true;
    this.#isWriting = false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#idle();
  }

  #idle(): void {
    const told = this.#onIdle;
    this.#onIdle = [];
    for (const tell of told) tell();
  }
}
