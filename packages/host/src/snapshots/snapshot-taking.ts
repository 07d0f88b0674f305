import { QuorateError, asQuorateError } from '@quorate/base';
import type { MachineSnapshot } from '@quorate/machine';
import type { SnapshotFile, SnapshotWriter } from '@quorate/storage';
import { Pace } from './pace.js';
import type { SlicePorts } from './slices.js';

/** Bytes of a piece: what is encoded in one turn of the event loop. */
const PIECE_BYTES = 65_536;
/** Longest rest after a piece in ms: a snapshot of 1 GiB rests for 82 s at most. */
const REST_MAX_MS = 5;
/** Bytes that are written for each byte that is applied meanwhile, at least: so a snapshot is over before the next one is due. */
const BYTES_PER_APPLIED = 1.5;

/** What taking one snapshot needs. */
export interface SnapshotTakingInit {
  readonly state: MachineSnapshot;
  readonly writer: SnapshotWriter;
  readonly ports: SlicePorts;
  /** Bytes of batches applied since the snapshot was begun. */
  readonly appliedBytes: () => number;
  /** Called once: the file; null without an error if a newer one is in force by now. */
  readonly done: (error: QuorateError | null, file: SnapshotFile | null) => void;
}

/**
 * Writes the state that was captured, one piece after the other, each when the one before is written and the event loop has had time for
 * everything else. The view of the state is released as soon as all of it was read, or the writing ended.
 */
export class SnapshotTaking {
  readonly #init: SnapshotTakingInit;
  readonly #pace: Pace;
  #bytes = 0;

  constructor(init: SnapshotTakingInit) {
    this.#init = init;
    this.#pace = new Pace(init.ports, {
      restMaxMs: REST_MAX_MS,
      isBehind: () => this.#bytes < BYTES_PER_APPLIED * init.appliedBytes(),
    });
  }

  /** Begins; once. */
  start(): void {
    this.#next();
  }

  /** Ends it; `done` still follows. */
  abort(): void {
    const { state, writer, ports, done } = this.#init;
    state.release();
    writer.abort();
    // Else a step of the writer is under way and tells it.
    if (this.#pace.cancel()) ports.timers.defer(() => done(new QuorateError('aborted', 'the snapshot was given up'), null));
  }

  #next(): void {
    const { state, writer, ports, done } = this.#init;
    const sinceMs = ports.clock.nowMs();
    let workMs = 0;
    try {
      const piece = state.next(PIECE_BYTES);
      if (piece === null) {
        state.release();
        writer.finish(done);
        return;
      }
      this.#bytes += piece.length;
      writer.write(piece, (error) => {
        if (error !== null) this.#failed(error);
        else this.#pace.rest(workMs, () => this.#next());
      });
      workMs = ports.clock.nowMs() - sinceMs;
    } catch (thrown) {
      writer.abort();
      this.#failed(asQuorateError(thrown));
    }
  }

  #failed(error: QuorateError): void {
    this.#init.state.release();
    this.#init.done(error, null);
  }
}
