import { type Checksum, QuorateError, crc32c, invariant, readU16, readU32 } from '@quorate/base';
import { CompiledTypes, resourceUnsupported } from './compiled-type.js';
import { textOf } from './faults.js';
import { Machine } from './machine.js';
import { machineHash } from './machine-hash.js';
import type { MachineOptions } from './machine-types.js';
import { decodeResource } from './resources.js';
import {
  ENTRY_HEAD_BYTES,
  FRAME,
  FRAME_BODY_BYTES_MAX,
  FRAME_HEAD_BYTES,
  type SnapshotHeader,
  type SnapshotTrailer,
  decodeHeader,
  decodeTrailer,
  isFrameSound,
} from './snapshot-codec.js';
import { TABLE, TABLE_NUMBERS, readU64Be } from './table-keys.js';
import { TABLE_KEY_BYTES_MAX } from './tables/bounds.js';
import { createTables } from './tables/tables.js';
import type { Tables } from './tables/types.js';

/**
 * Makes a machine of a snapshot, piece by piece: after `feed`, each `work` takes in so many entries at most, so that whoever loads can let other
 * work go in between. Pieces may be cut anywhere. What is damaged, cut or in disorder throws `dataDamaged` with what and at which byte; what a newer
 * version wrote throws `formatUnsupported`. After an error the loader is of no more use.
 */
export class MachineLoader {
  readonly #checksum: Checksum;
  readonly #tables: Tables = createTables();
  /** Kinds of resources in the snapshot, as `type version`. */
  readonly #kinds = new Map<string, { readonly type: string; readonly version: number }>();
  /** What was pushed and is not taken in lies from `#at` to `#buffered`. */
  #buffer = new Uint8Array(131_072);
  #at = 0;
  #buffered = 0;
  /** End of the frame of entries that is being taken in; 0: none is. */
  #frameEnd = 0;
  /** Bytes of the snapshot before `#at`. */
  #offset = 0;
  #header: SnapshotHeader | null = null;
  #trailer: SnapshotTrailer | null = null;
  #entries = 0;
  #lastTable = 0;
  readonly #lastKey = new Uint8Array(TABLE_KEY_BYTES_MAX);
  #lastKeyBytes = 0;
  #error: QuorateError | null = null;

  constructor(checksum: Checksum = crc32c) {
    this.#checksum = checksum;
  }

  /** Entries taken in so far. */
  get entries(): number {
    return this.#entries;
  }

  /** The next bytes of the snapshot, taken in at once; they are copied. */
  push(bytes: Uint8Array): void {
    this.feed(bytes);
    while (this.work(Number.POSITIVE_INFINITY));
  }

  /** The next bytes of the snapshot, for `work`; they are copied. To be called when there is no more work, so that little is held. */
  feed(bytes: Uint8Array): void {
    if (this.#error !== null) throw this.#error;
    if (this.#at > 0) {
      this.#buffer.copyWithin(0, this.#at, this.#buffered);
      this.#buffered -= this.#at;
      this.#frameEnd = Math.max(0, this.#frameEnd - this.#at);
      this.#at = 0;
    }
    const needed = this.#buffered + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#buffered));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered = needed;
  }

  /** Takes in what was fed, `entriesMax` entries at most; false: there is no more. */
  work(entriesMax: number): boolean {
    if (this.#error !== null) throw this.#error;
    try {
      for (let left = entriesMax; left > 0; left--) {
        if (this.#frameEnd === 0) {
          if (!this.#beginFrame()) return false;
        } else this.#takeEntry();
      }
      return true;
    } catch (thrown) {
      this.#error = thrown instanceof QuorateError ? thrown : this.#damaged(textOf(thrown), thrown);
      throw this.#error;
    }
  }

  /** The machine, once everything was pushed. Throws also `resourceUnsupported`, and `invalidArgument` if the snapshot is of another group. */
  finish(options: MachineOptions): Machine {
    if (this.#error !== null) throw this.#error;
    if (this.#header === null || this.#trailer === null)
      throw this.#damaged(this.#header === null ? 'no header' : 'cut off before its end');
    const { group, position, hash } = this.#header;
    if (group !== options.group) {
      throw new QuorateError('invalidArgument', `a snapshot of group ${group} for group ${options.group}`, { group });
    }
    if (this.#tables.hash !== this.#trailer.hash)
      throw this.#damaged(`the tables have hash ${this.#tables.hash}, not ${this.#trailer.hash}`);
    const machine = machineHash(this.#tables.hash, group, position);
    if (machine !== hash) throw this.#damaged(`the machine has hash ${machine}, not ${hash}`);
    const known = new CompiledTypes(options.resources);
    for (const { type, version } of this.#kinds.values()) {
      if (known.find(type, version) === undefined) throw resourceUnsupported(type, version);
    }
    this.#error = new QuorateError('invariantBroken', 'the loader has given its machine away');
    return new Machine(options, { tables: this.#tables, position });
  }

  /** Takes in the next frame, of entries only its head; false: it is not all there. */
  #beginFrame(): boolean {
    const at = this.#at;
    if (this.#trailer !== null && this.#buffered > at) throw this.#damaged('something after the trailer');
    if (this.#buffered - at < FRAME_HEAD_BYTES) return false;
    const length = readU32(this.#buffer, at + 1);
    if (length > FRAME_BODY_BYTES_MAX) throw this.#damaged(`a frame of ${length} bytes`);
    const end = at + FRAME_HEAD_BYTES + length;
    if (end > this.#buffered) return false;
    const frame = this.#buffer.subarray(at, end);
    if (!isFrameSound(frame, this.#checksum)) throw this.#damaged(`checksum of a frame of ${length} bytes`);
    const type = frame[0] as number;
    if ((type === FRAME.header) !== (this.#header === null)) throw this.#damaged(this.#header === null ? 'no header' : 'a second header');
    if (type === FRAME.entries) {
      this.#taken(FRAME_HEAD_BYTES);
      this.#frameEnd = length === 0 ? 0 : end;
      return true;
    }
    this.#take(type, frame.subarray(FRAME_HEAD_BYTES));
    this.#taken(frame.length);
    return true;
  }

  #taken(bytes: number): void {
    this.#at += bytes;
    this.#offset += bytes;
  }

  #take(type: number, body: Uint8Array): void {
    switch (type) {
      case FRAME.header:
        this.#header = this.#decoded(() => decodeHeader(body));
        break;
      case FRAME.trailer: {
        this.#trailer = this.#decoded(() => decodeTrailer(body));
        if (this.#trailer.entries !== this.#entries) throw this.#damaged(`${this.#entries} entries, not ${this.#trailer.entries}`);
        break;
      }
      default:
        throw new QuorateError('formatUnsupported', `a snapshot frame of type ${type}: written by a newer version`, { type });
    }
  }

  /** Takes in the next entry of the frame. */
  #takeEntry(): void {
    const at = this.#at;
    const room = this.#frameEnd - at;
    if (room < ENTRY_HEAD_BYTES) throw this.#damaged('an entry is cut');
    const keyLength = readU16(this.#buffer, at + 2);
    const valueLength = readU32(this.#buffer, at + 4);
    if (keyLength < 1 || keyLength > TABLE_KEY_BYTES_MAX || keyLength + valueLength > room - ENTRY_HEAD_BYTES) {
      throw this.#damaged(`an entry of ${keyLength} and ${valueLength} bytes`);
    }
    const middle = at + ENTRY_HEAD_BYTES + keyLength;
    const end = middle + valueLength;
    this.#set(readU16(this.#buffer, at), this.#buffer.subarray(at + ENTRY_HEAD_BYTES, middle), this.#buffer.subarray(middle, end));
    this.#taken(end - at);
    if (end === this.#frameEnd) this.#frameEnd = 0;
  }

  #set(table: number, key: Uint8Array, value: Uint8Array): void {
    if (!TABLE_NUMBERS.has(table)) throw new QuorateError('formatUnsupported', `table ${table}: written by a newer version`, { table });
    if (table < this.#lastTable || (table === this.#lastTable && compareBytes(this.#lastKey.subarray(0, this.#lastKeyBytes), key) >= 0)) {
      throw this.#damaged(`entries of table ${table} are not in order`);
    }
    this.#lastTable = table;
    this.#lastKey.set(key);
    this.#lastKeyBytes = key.length;
    this.#tables.table(table).set(key, value);
    this.#entries++;
    if (table === TABLE.resources) {
      const { type, version } = this.#decoded(() => decodeResource(readU64Be(key, 0), value));
      this.#kinds.set(`${type} ${version}`, { type, version });
    }
  }

  #decoded<T>(decode: () => T): T {
    try {
      return decode();
    } catch (thrown) {
      if (thrown instanceof QuorateError && thrown.code === 'formatUnsupported') throw thrown;
      throw this.#damaged(textOf(thrown), thrown);
    }
  }

  #damaged(what: string, cause?: unknown): QuorateError {
    invariant(this.#offset >= 0, 'offset >= 0');
    return new QuorateError('dataDamaged', `snapshot of a machine, at byte ${this.#offset}: ${what}`, { offset: this.#offset }, { cause });
  }
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
