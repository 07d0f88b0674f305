import { QuorateError, concatBytes } from '@quorate/base';
import { HISTORY_LIMITS } from './history-limits.js';

const LINE_END = 10;

/** Cuts a file that comes in pieces into its lines. An empty file has none; a last line without an end counts. */
export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #line = 0;

  /** Number of the line that was taken last, from 1. */
  get line(): number {
    return this.#line;
  }

  /** Gives the lines that end in this piece. `invalidArgument`: a line beyond the limit, or not UTF-8. */
  push(piece: Uint8Array, take: (line: string) => void): void {
    let from = 0;
    for (let end = piece.indexOf(LINE_END); end >= 0; end = piece.indexOf(LINE_END, from)) {
      this.#emit(piece.subarray(from, end), take);
      from = end + 1;
    }
    if (from === piece.length) return;
    // A copy: the caller may use its buffer again.
    this.#held.push(piece.slice(from));
    this.#heldBytes += piece.length - from;
    if (this.#heldBytes > HISTORY_LIMITS.lineBytesMax) this.#tooLong();
  }

  /** Gives what stands after the last line end. */
  finish(take: (line: string) => void): void {
    if (this.#heldBytes > 0) this.#emit(new Uint8Array(0), take);
  }

  #emit(rest: Uint8Array, take: (line: string) => void): void {
    const bytes = this.#heldBytes === 0 ? rest : concatBytes([...this.#held, rest]);
    this.#held = [];
    this.#heldBytes = 0;
    if (bytes.length > HISTORY_LIMITS.lineBytesMax) this.#tooLong();
    this.#line++;
    let line: string;
    try {
      line = this.#decoder.decode(bytes);
    } catch (cause) {
      throw new QuorateError('invalidArgument', `line ${this.#line}: not UTF-8`, { line: this.#line }, { cause });
    }
    take(line);
  }

  #tooLong(): never {
    const line = this.#line + 1;
    throw new QuorateError('invalidArgument', `line ${line}: longer than ${HISTORY_LIMITS.lineBytesMax} bytes`, { line });
  }
}
