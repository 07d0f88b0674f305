import { type Checksum, type GroupId, type LogIndex, type Term, writeU16, writeU32 } from '@quorate/base';
import type { MachineSnapshot } from './machine-types.js';
import type { MachinePosition } from './machine-state.js';
import { ENTRY_HEAD_BYTES, FRAME, FRAME_HEAD_BYTES, PIECE_BYTES_MAX, encodeHeader, encodeTrailer, sealFrame } from './snapshot-codec.js';
import type { TablesView, ViewCursor } from './tables/types.js';

/** A frame ends with the entry that goes beyond its length: room for most entries, so that the buffer of most snapshots never grows. */
const LAST_ENTRY_BYTES = 4096;
const NOTHING = new Uint8Array(0);

/**
 * Writes the view that was made when the snapshot was taken, while the machine goes on. Frames are put together in one buffer, which all pieces
 * are cut from: a snapshot of a gigabyte has sixteen thousand pieces, and new memory for each would keep the garbage collector busy.
 */
export class SnapshotWriter implements MachineSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly hash: string;
  readonly view: TablesView;
  readonly #group: GroupId;
  readonly #position: MachinePosition;
  readonly #checksum: Checksum;
  #stage: 'header' | 'entries' | 'trailer' | 'end' = 'header';
  #cursor: ViewCursor | null = null;
  #entries = 0;
  #isReleased = false;
  /** Frames that are not given out yet lie from `#start` to `#end`. */
  #buffer: Uint8Array = NOTHING;
  #start = 0;
  #end = 0;

  constructor(group: GroupId, position: MachinePosition, hash: string, view: TablesView, checksum: Checksum) {
    this.index = position.index;
    this.term = position.term;
    this.hash = hash;
    this.view = view;
    this.#group = group;
    this.#position = position;
    this.#checksum = checksum;
  }

  next(maxBytes: number): Uint8Array | null {
    while (this.#end - this.#start < maxBytes && this.#stage !== 'end') this.#addFrame(maxBytes);
    if (this.#start === this.#end) return null;
    const from = this.#start;
    this.#start = Math.min(this.#end, from + maxBytes);
    return this.#buffer.subarray(from, this.#start);
  }

  release(): void {
    this.#stage = 'end';
    this.#buffer = NOTHING;
    this.#start = 0;
    this.#end = 0;
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.view.release();
  }

  #addFrame(maxBytes: number): void {
    switch (this.#stage) {
      case 'header':
        this.#stage = this.view.size === 0 ? 'trailer' : 'entries';
        return this.#addWhole(FRAME.header, encodeHeader({ group: this.#group, position: this.#position, hash: this.hash }));
      case 'entries':
        return this.#addEntries(Math.min(maxBytes, PIECE_BYTES_MAX));
      case 'trailer':
        this.#stage = 'end';
        return this.#addWhole(FRAME.trailer, encodeTrailer({ entries: this.#entries, hash: this.view.hash }));
      case 'end':
    }
  }

  #addWhole(type: number, body: Uint8Array): void {
    const at = this.#reserve(FRAME_HEAD_BYTES + body.length);
    this.#buffer.set(body, at + FRAME_HEAD_BYTES);
    sealFrame(type, this.#buffer.subarray(at, this.#end), this.#checksum);
  }

  #addEntries(bodyBytes: number): void {
    // What was given out before is done with: its place is used again.
    this.#makeRoom(FRAME_HEAD_BYTES + bodyBytes + LAST_ENTRY_BYTES);
    const head = this.#end - this.#start;
    this.#reserve(FRAME_HEAD_BYTES);
    const body = this.#end - this.#start;
    this.#cursor = this.view.resume(this.#cursor, (table, key, value) => {
      const at = this.#reserve(ENTRY_HEAD_BYTES + key.length + value.length);
      const buffer = this.#buffer;
      writeU16(buffer, at, table);
      writeU16(buffer, at + 2, key.length);
      writeU32(buffer, at + 4, value.length);
      buffer.set(key, at + ENTRY_HEAD_BYTES);
      buffer.set(value, at + ENTRY_HEAD_BYTES + key.length);
      this.#entries++;
      return this.#end - this.#start - body < bodyBytes;
    });
    if (this.#cursor === null) this.#stage = 'trailer';
    sealFrame(FRAME.entries, this.#buffer.subarray(this.#start + head, this.#end), this.#checksum);
  }

  /** Makes place for so many bytes behind what is there; gives where they begin. */
  #reserve(bytes: number): number {
    this.#makeRoom(bytes);
    const at = this.#end;
    this.#end += bytes;
    return at;
  }

  #makeRoom(bytes: number): void {
    const held = this.#end - this.#start;
    if (this.#end + bytes <= this.#buffer.length) return;
    if (held + bytes <= this.#buffer.length) this.#buffer.copyWithin(0, this.#start, this.#end);
    else {
      const grown = new Uint8Array(Math.max(held + bytes, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = grown;
    }
    this.#start = 0;
    this.#end = held;
  }
}
