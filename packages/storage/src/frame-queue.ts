import { SECTOR_BYTES } from '@quorate/base';
import { alignToSector } from './frame.js';
import { recordBytes } from './records.js';
import type { QueueEntry } from './stored-log.js';

/** A frame takes records until its body has this many bytes: the largest write and sync that others wait for. */
const FRAME_BODY_BYTES = 4_194_304;

/** Records that wait for a frame, in order. Bounded by its users: what followers send and clients propose is bounded before it gets here. */
export class FrameQueue {
  #entries: QueueEntry[] = [];
  #head = 0;
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#head === this.#entries.length;
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
    while (this.#head < this.#entries.length) {
      const entry = this.#entries[this.#head] as QueueEntry;
      const bytes = recordBytes(entry.record);
      if (!entry.isDropped) {
        if ((body > 0 && body + bytes > FRAME_BODY_BYTES) || alignToSector(SECTOR_BYTES + body + bytes) > room) break;
        body += bytes;
        taken.push(entry);
      }
      this.#bytes -= bytes;
      this.#head++;
    }
    this.#compact();
    return taken;
  }

  #compact(): void {
    if (this.isEmpty) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
