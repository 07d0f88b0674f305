/** Operations that a load can be made of. */
export const OPERATIONS = ['put', 'append', 'read'] as const;
/** One of them: `put` sets an entry of a map, `append` appends to a stream, `read` is a linearizable look-up of an entry. */
export type Operation = (typeof OPERATIONS)[number];

/** What a driver is opened with: plain values, for they go to another process. */
export interface DriverSettings {
  /** `HOST:PORT` of the servers. */
  readonly addresses: readonly string[];
  readonly operation: Operation;
  /** Connections of this driver. */
  readonly connections: number;
  /** Of each value or record. */
  readonly bytes: number;
  /** Records in each call of `append`. */
  readonly batch: number;
  /** Keys that are written and read, one after the other. */
  readonly keys: number;
  /** Streams that are appended to, one after the other. */
  readonly streams: number;
  /** Time for an operation, in ms. */
  readonly timeoutMs: number;
  /** Refuse any other cluster. */
  readonly cluster?: string;
  /** The first of several drivers: the one that makes what all need (names, entries to read). The others are opened when it is ready. */
  readonly isFirst: boolean;
}

/** A system under load, as one client process sees it. */
export interface Driver {
  /** Begins an operation, the `turn`th of this driver; `done` is told the code of an error, or null, exactly once and never before it returns. */
  call(turn: number, done: (errorCode: string | null) => void): void;
  close(): Promise<void>;
}

/** What the module of a driver exports under this name. Resolves when all connections stand and all that operations need is there. */
export type OpenDriver = (settings: DriverSettings) => Promise<Driver>;
