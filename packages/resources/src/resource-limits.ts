/** Bounds of the built-in resources. Hard: what is refused because of them is state, so they are equal on all replicas. */
export const RESOURCE_LIMITS = {
  /** Bytes of a key of a map: a path or a composed key fits, and it stays small beside a value. */
  keyBytesMax: 4096,
  /** Bytes of a value of a map: that of a record of a stream. */
  valueBytesMax: 1_048_576,
  /** Entries in one answer to a scan; also bounded by `scanBytesMax`. */
  scanEntriesMax: 10_000,
  /** Bytes of the entries in one answer to a scan (keys, values and 16 for each), the first entry always included. */
  scanBytesMax: 1_048_576,
  /** Changes that a map remembers, for watches that begin in the past. */
  changesKept: 1024,
  /** Their bytes. */
  changeBytesKept: 4_194_304,
  /** Watches of one map. */
  watchesMax: 100_000,
  /** Different lengths of the prefixes that are watched in one map: for each of them every change looks for watches once. */
  watchedLengthsMax: 256,
  /** Bytes of the events of one change, to all who watch it: they are all in memory before any is sent. */
  changeEventBytesMax: 268_435_456,
  /** Longest time to live and to wait, in ms: a hundred years. */
  durationMsMax: 3_155_760_000_000,
  /** Those who wait for one lock or leadership. */
  waitersMax: 100_000,
  /** Bytes that a candidate says about itself. */
  candidateBytesMax: 4096,
  /** Sessions that observe one election: each change of the leader is an event for all of them, with what the leader says about itself. */
  observersMax: 10_000,
} as const;
