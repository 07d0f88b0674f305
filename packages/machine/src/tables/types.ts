/** Borders of a scan, in byte order of keys. */
export interface ScanRange {
  /** First key, included; default: from the beginning. */
  readonly from?: Uint8Array;
  /** End, excluded; default: to the end. */
  readonly to?: Uint8Array;
  /** From the end to the beginning. */
  readonly isReverse?: boolean;
}

/**
 * Receives entries in order; false ends the scan. Both arrays are views that are valid only during the call: what is kept must be copied.
 * The table must not be changed meanwhile.
 */
export type EntryVisitor = (key: Uint8Array, value: Uint8Array) => boolean;

/** Reading side of a table: ordered keys of bytes, values of bytes. */
export interface ReadableTable {
  /** Entries. */
  readonly size: number;
  /** A view of the value, valid until the next change of any table; undefined if there is none. */
  get(key: Uint8Array): Uint8Array | undefined;
  has(key: Uint8Array): boolean;
  /** Visits entries in order of keys. O(log n) to start, O(1) per entry. */
  scan(range: ScanRange, visit: EntryVisitor): void;
}

/** An ordered table. Keys 1 to 8,192 bytes, values up to `TABLE_VALUE_BYTES_MAX`; both are copied in. */
export interface Table extends ReadableTable {
  /** True if the key is new. */
  set(key: Uint8Array, value: Uint8Array): boolean;
  /** True if there was one. */
  delete(key: Uint8Array): boolean;
}

/**
 * A stable view of all tables as they were when it was made, however they change afterwards. Making one costs O(number of tables); while it
 * lives, what it shows is kept (copy on write), so it must be released.
 */
export interface TablesView {
  /** Numbers of the tables that hold something, ascending. */
  readonly tables: readonly number[];
  /** Entries of all tables. */
  readonly size: number;
  /** State hash at the time of the view, see `Tables.hash`. */
  readonly hash: string;
  table(number: number): ReadableTable;
  /**
   * Goes on with an iteration over all entries in order of table and key: from a cursor (null: from the beginning) until `visit` says false or
   * the end. Gives the cursor to go on with (behind the entry for which `visit` said false); null at the end. Between two calls the live
   * tables may change; a cursor can be used any number of times, with its own view only.
   */
  resume(cursor: ViewCursor | null, visit: (table: number, key: Uint8Array, value: Uint8Array) => boolean): ViewCursor | null;
  release(): void;
}

/** A place in a view; opaque. */
export type ViewCursor = object;

/**
 * All tables of a machine. Entries lie outside the JavaScript heap in slabs that grow by steps, so that a million of them cost the garbage
 * collector nothing and no single call takes long (D: a step of growth is bounded, there is no rehash).
 */
export interface Tables {
  /** The table of this number (1 to 65,535), made when first asked for. */
  table(number: number): Table;
  /**
   * Hash of the whole content, 16 hexadecimal digits: equal contents give equal hashes whatever way they came about, and it is kept up to
   * date by each change in O(size of the entry). Not cryptographic.
   */
  readonly hash: string;
  /** Bytes of memory held by slabs, used or not. */
  readonly allocatedBytes: number;
  /** Bytes of keys and values of live entries. */
  readonly liveBytes: number;
  /** Starts to remember changes, so that `rollback` can undo them; one level, not nested, and without `view` and `clear` until it ends. */
  begin(): void;
  /** Undoes all changes since `begin`. */
  rollback(): void;
  /** Forgets how to undo. */
  commit(): void;
  /** `invariantBroken` between `begin` and its end: a view holds nothing that may still be undone. */
  view(): TablesView;
  /** Drops everything; views that live keep what they show. */
  clear(): void;
}
