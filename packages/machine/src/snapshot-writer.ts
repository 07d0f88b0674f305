import { ByteWriter, type Checksum, type GroupId, type LogIndex, type Term } from '@quorate/base';
import type { MachineSnapshot } from './machine-types.js';
import type { MachinePosition } from './machine-state.js';
import { FRAME, PIECE_BYTES_MAX, encodeFrame, encodeHeader, encodeTrailer } from './snapshot-codec.js';
import type { TablesView, ViewCursor } from './tables/types.js';

/** A piece ends with the entry that goes beyond it: room for most entries, so that the buffer of nearly every piece need not grow to twice its size. */
const LAST_ENTRY_BYTES = 4096;

/** Writes the view that was made when the snapshot was taken, while the machine goes on. */
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
    switch (this.#stage) {
      case 'header':
        this.#stage = this.view.size === 0 ? 'trailer' : 'entries';
        return encodeFrame(FRAME.header, encodeHeader({ group: this.#group, position: this.#position, hash: this.hash }), this.#checksum);
      case 'entries':
        return encodeFrame(FRAME.entries, this.#nextEntries(Math.min(maxBytes, PIECE_BYTES_MAX)), this.#checksum);
      case 'trailer':
        this.#stage = 'end';
        return encodeFrame(FRAME.trailer, encodeTrailer({ entries: this.#entries, hash: this.view.hash }), this.#checksum);
      default:
        return null;
    }
  }

  release(): void {
    this.#stage = 'end';
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.view.release();
  }

  #nextEntries(maxBytes: number): Uint8Array {
    const body = new ByteWriter(maxBytes + LAST_ENTRY_BYTES);
    this.#cursor = this.view.resume(this.#cursor, (table, key, value) => {
      body.u16(table).u16(key.length).u32(value.length).raw(key).raw(value);
      this.#entries++;
      return body.length < maxBytes;
    });
    if (this.#cursor === null) this.#stage = 'trailer';
    return body.take();
  }
}
