import { type Checksum, type Disk, DiskFault } from '@quorate/base';
import { CHECKPOINT_NEW, checkpointPath, encodeCheckpoint } from './checkpoint.js';
import type { CapturedCheckpoint } from './checkpoint-capture.js';

export interface CheckpointWriterOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly journalId: string;
  /** Number of the newest checkpoint that is known to be durable; 0: none. */
  readonly number: number;
  /** The state right after the frame that is being sealed; null: not now (open damage). */
  readonly capture: (number: number, sequence: number) => CapturedCheckpoint | null;
  /** The checkpoint is durable: these files are free. Throws `DiskFault`. */
  readonly release: (deadFiles: readonly number[]) => void;
  readonly failed: (fault: DiskFault) => void;
}

interface Captured {
  readonly number: number;
  readonly sequence: number;
  readonly bytes: Uint8Array;
  readonly deadFiles: readonly number[];
}

/**
 * Writes checkpoints, one at a time, in this order: the state is captured when a frame is sealed that holds all that was queued; that frame
 * becomes durable; the checkpoint is written, synced, put in place of the older of the two and the folder synced; only then are dead files
 * used again.
 */
export class CheckpointWriter {
  readonly #options: CheckpointWriterOptions;
  #number: number;
  #isDue = false;
  #captured: Captured | null = null;
  #isWriting = false;
  #stopped: (() => void) | null = null;

  constructor(options: CheckpointWriterOptions) {
    this.#options = options;
    this.#number = options.number;
  }

  /** Number of the newest one known to be durable. */
  get number(): number {
    return this.#number;
  }

  /** Asks for one with the next suitable frame. */
  want(): void {
    this.#isDue = true;
  }

  /** A frame was sealed; `isDrained`: it holds all that was queued, so memory is what the journal says after it. */
  frameSealed(sequence: number, isDrained: boolean): void {
    if (!this.#isDue || !isDrained || this.#captured !== null || this.#stopped !== null) return;
    const number = this.#number + 1;
    const captured = this.#options.capture(number, sequence);
    if (captured === null) return;
    this.#isDue = false;
    const bytes = encodeCheckpoint(captured.checkpoint, this.#options.journalId, this.#options.checksum);
    this.#captured = { number, sequence, bytes, deadFiles: captured.deadFiles };
  }

  /** A frame is durable: what was captured with it may be written. */
  frameDurable(sequence: number): void {
    const captured = this.#captured;
    if (captured === null || this.#isWriting || captured.sequence > sequence || this.#stopped !== null) return;
    this.#isWriting = true;
    this.#write(captured);
  }

  /** Calls back when nothing is being written (within this call if nothing is). */
  stop(done: () => void): void {
    this.#stopped = done;
    if (!this.#isWriting) done();
  }

  #write(captured: Captured): void {
    const { disk } = this.#options;
    try {
      if (disk.list('').includes(CHECKPOINT_NEW)) disk.remove(CHECKPOINT_NEW);
      const file = disk.open(CHECKPOINT_NEW, 'create');
      file.write(0, [captured.bytes], (writeFault) => {
        if (writeFault !== null) {
          file.close();
          return this.#ended(captured, writeFault);
        }
        file.sync((syncFault) => {
          file.close();
          this.#ended(captured, syncFault ?? this.#putInPlace(captured.number));
        });
      });
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#ended(captured, thrown);
    }
  }

  /** T26: the new file is there only once its folder is synced. */
  #putInPlace(number: number): DiskFault | null {
    try {
      this.#options.disk.rename(CHECKPOINT_NEW, checkpointPath(number));
      this.#options.disk.syncDirectory('');
      return null;
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      return thrown;
    }
  }

  #ended(captured: Captured, fault: DiskFault | null): void {
    this.#captured = null;
    this.#isWriting = false;
    let failure = fault;
    if (failure === null) {
      this.#number = captured.number;
      try {
        if (this.#stopped === null) this.#options.release(captured.deadFiles);
      } catch (thrown) {
        if (!(thrown instanceof DiskFault)) throw thrown;
        failure = thrown;
      }
    }
    // Without space the older checkpoint still holds; the next frame tries again.
    if (failure?.kind === 'full') this.#isDue = true;
    else if (failure !== null) this.#options.failed(failure);
    this.#stopped?.();
  }
}
