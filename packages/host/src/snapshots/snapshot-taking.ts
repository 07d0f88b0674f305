import { type QuorateError, asQuorateError } from '@quorate/base';
import type { MachineSnapshot } from '@quorate/machine';
import type { SnapshotFile, SnapshotWriter } from '@quorate/storage';

/** Bytes of a piece: what is encoded and copied in one turn of the event loop. */
const PIECE_BYTES = 65_536;

/**
 * Writes the state that was captured, one piece after the other, each when the one before is written, so that everything else goes on in
 * between. The view of the state is released as soon as all of it was read, or the writing ended.
 */
export class SnapshotTaking {
  readonly #state: MachineSnapshot;
  readonly #writer: SnapshotWriter;
  readonly #done: (error: QuorateError | null, file: SnapshotFile | null) => void;

  /** `done` once: the file; null without an error if a newer one is in force by now. */
  constructor(state: MachineSnapshot, writer: SnapshotWriter, done: (error: QuorateError | null, file: SnapshotFile | null) => void) {
    this.#state = state;
    this.#writer = writer;
    this.#done = done;
  }

  /** Begins; once. */
  start(): void {
    this.#next();
  }

  /** Ends it; `done` still follows. */
  abort(): void {
    this.#state.release();
    this.#writer.abort();
  }

  #next(): void {
    try {
      const piece = this.#state.next(PIECE_BYTES);
      if (piece === null) {
        this.#state.release();
        this.#writer.finish(this.#done);
        return;
      }
      this.#writer.write(piece, (error) => {
        if (error === null) this.#next();
        else this.#failed(error);
      });
    } catch (thrown) {
      this.#writer.abort();
      this.#failed(asQuorateError(thrown));
    }
  }

  #failed(error: QuorateError): void {
    this.#state.release();
    this.#done(error, null);
  }
}
