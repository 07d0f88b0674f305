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
 * Makes a machine of a snapshot, piece by piece: each `push` takes time in proportion to its bytes, so that whoever loads can let other work go
 * in between. Pieces may be cut anywhere. What is damaged, cut or in disorder throws `dataDamaged` with what and at which byte; what a newer
 * version wrote throws `formatUnsupported`. After an error the loader is of no more use.
 */
export class MachineLoader {
  readonly #checksum: Checksum;
  readonly #tables: Tables = createTables();
  /** Kinds of resources in the snapshot, as `type version`. */
  readonly #kinds = new Map<string, { readonly type: string; readonly version: number }>();
  #buffer = new Uint8Array(65_536);
  #buffered = 0;
  /** Bytes of the snapshot before the buffer. */
  #offset = 0;
  #header: SnapshotHeader | null = null;
  #trailer: SnapshotTrailer | null = null;
  #entries = 0;
  #lastTable = 0;
  #lastKey: Uint8Array = new Uint8Array(0);
  #error: QuorateError | null = null;

  constructor(checksum: Checksum = crc32c) {
    this.#checksum = checksum;
  }

  /** Entries taken in so far. */
  get entries(): number {
    return this.#entries;
  }

  /** The next bytes of the snapshot; they are copied. */
  push(bytes: Uint8Array): void {
    if (this.#error !== null) throw this.#error;
    this.#append(bytes);
    try {
      this.#takeFrames();
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

  #append(bytes: Uint8Array): void {
    const needed = this.#buffered + bytes.length;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, this.#buffered));
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#buffered);
    this.#buffered = needed;
  }

  #takeFrames(): void {
    let at = 0;
    while (this.#buffered - at >= FRAME_HEAD_BYTES) {
      const length = readU32(this.#buffer, at + 1);
      if (length > FRAME_BODY_BYTES_MAX) throw this.#damaged(`a frame of ${length} bytes`);
      const end = at + FRAME_HEAD_BYTES + length;
      if (end > this.#buffered) break;
      const frame = this.#buffer.subarray(at, end);
      if (!isFrameSound(frame, this.#checksum)) throw this.#damaged(`checksum of a frame of ${length} bytes`);
      this.#take(frame[0] as number, frame.subarray(FRAME_HEAD_BYTES));
      this.#offset += end - at;
      at = end;
    }
    this.#buffer.copyWithin(0, at, this.#buffered);
    this.#buffered -= at;
    if (this.#trailer !== null && this.#buffered > 0) throw this.#damaged('something after the trailer');
  }

  #take(type: number, body: Uint8Array): void {
    if (this.#trailer !== null) throw this.#damaged('a frame after the trailer');
    if ((type === FRAME.header) !== (this.#header === null)) throw this.#damaged(this.#header === null ? 'no header' : 'a second header');
    switch (type) {
      case FRAME.header:
        this.#header = this.#decoded(() => decodeHeader(body));
        break;
      case FRAME.entries:
        this.#takeEntries(body);
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

  #takeEntries(body: Uint8Array): void {
    let at = 0;
    while (at < body.length) {
      if (body.length - at < ENTRY_HEAD_BYTES) throw this.#damaged('an entry is cut');
      const table = readU16(body, at);
      const keyLength = readU16(body, at + 2);
      const valueLength = readU32(body, at + 4);
      const from = at + ENTRY_HEAD_BYTES;
      if (keyLength < 1 || keyLength > TABLE_KEY_BYTES_MAX || keyLength + valueLength > body.length - from) {
        throw this.#damaged(`an entry of ${keyLength} and ${valueLength} bytes`);
      }
      const middle = from + keyLength;
      at = middle + valueLength;
      this.#takeEntry(table, body.subarray(from, middle), body.subarray(middle, at));
    }
  }

  #takeEntry(table: number, key: Uint8Array, value: Uint8Array): void {
    if (!TABLE_NUMBERS.has(table)) throw new QuorateError('formatUnsupported', `table ${table}: written by a newer version`, { table });
    if (table < this.#lastTable || (table === this.#lastTable && compareBytes(this.#lastKey, key) >= 0)) {
      throw this.#damaged(`entries of table ${table} are not in order`);
    }
    this.#lastTable = table;
    this.#lastKey = key.slice();
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
