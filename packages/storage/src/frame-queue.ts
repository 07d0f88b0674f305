import { Fifo, SECTOR_BYTES } from '@quorate/base';
import { alignToSector } from './frame.js';
import { recordBytes } from './records.js';
import type { QueueEntry } from './stored-log.js';

/** A frame takes records until its body has this many bytes: the largest write and sync that others wait for. */
const FRAME_BODY_BYTES = 4_194_304;

/** Records that wait for a frame, in order. Bounded by its users: what followers send and clients propose is bounded before it gets here. */
export class FrameQueue {
  readonly #entries = new Fifo<QueueEntry>();
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }
  get bytes(): number {
    return this.#bytes;
  }

  push(entry: QueueEntry): void {
    this.#entries.push(entry);
    this.#bytes += recordBytes(entry.record);
  }

  /** Takes the records of the next frame, which may use `room` bytes; none if the first one does not fit. Dropped ones are let go. */
  take(room: number): QueueEntry[] {
    const taken: QueueEntry[] = [];
    let body = 0;
    for (let entry = this.#entries.first; entry !== undefined; entry = this.#entries.first) {
      const bytes = recordBytes(entry.record);
      if (!entry.isDropped) {
        if ((body > 0 && body + bytes > FRAME_BODY_BYTES) || alignToSector(SECTOR_BYTES + body + bytes) > room) break;
        body += bytes;
        taken.push(entry);
      }
      this.#bytes -= bytes;
      this.#entries.shift();
    }
    return taken;
  }
}
