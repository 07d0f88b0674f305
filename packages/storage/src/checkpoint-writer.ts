import { type Checksum, type Disk, type DiskFault, type DiskFile, invariant } from '@quorate/base';
import { CHECKPOINT_NEW, checkpointPath, encodeCheckpoint } from './checkpoint.js';
import type { CapturedCheckpoint } from './checkpoint-capture.js';
import type { DiskPace } from './disk-pace.js';

export interface CheckpointWriterOptions {
  readonly disk: Disk;
  readonly pace: DiskPace;
  readonly checksum: Checksum;
  readonly journalId: string;
  /** Number of the newest checkpoint that is known to be durable; 0: none. */
  readonly number: number;
  /** The state right after the frame that is being sealed; null: not now (open damage). */
  readonly capture: (number: number, sequence: number) => CapturedCheckpoint | null;
  /** The checkpoint is durable: these files are free. */
  readonly release: (deadFiles: readonly number[]) => void;
  /** There is no space for a checkpoint. */
  readonly full: () => void;
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
    const { disk, pace } = this.#options;
    const busy = pace.begin();
    const ended = (fault: DiskFault | null): void => {
      busy();
      this.#ended(captured, fault);
    };
    disk.create(CHECKPOINT_NEW, (createFault, file) => {
      if (file === null) return ended(createFault);
      this.#fill(file, captured, (fault) => {
        file.close();
        // T26: the new one counts only once its name is durable, which `ended` then learns.
        if (fault !== null) ended(fault);
        else disk.putInPlace(CHECKPOINT_NEW, checkpointPath(captured.number), ended);
      });
    });
  }

  #fill(file: DiskFile, captured: Captured, done: (fault: DiskFault | null) => void): void {
    file.write(0, [captured.bytes], (fault) => (fault === null ? this.#options.pace.sync(file, done) : done(fault)));
  }

  #ended(captured: Captured, fault: DiskFault | null): void {
    invariant(captured.number === this.#number + 1, 'checkpoints are written one at a time, in order', { number: captured.number });
    this.#captured = null;
    this.#isWriting = false;
    if (fault === null) {
      this.#number = captured.number;
      if (this.#stopped === null) this.#options.release(captured.deadFiles);
      // Without space the older checkpoint still holds; the next frame tries again.
    } else if (fault.kind === 'full') {
      this.#isDue = true;
      this.#options.full();
    } else this.#options.failed(fault);
    this.#stopped?.();
  }
}
