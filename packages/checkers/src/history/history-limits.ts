/** Bounds of a history: a file is foreign input. */
export const HISTORY_LIMITS = {
  /** Longest line in bytes: the largest answer of a client (1 MiB of records), in Base64, with room for names. */
  lineBytesMax: 16_777_216,
  /** Objects in a header. */
  objectsMax: 100_000,
  /** Levels of lists and objects in a value: nothing in the vocabulary has more than five. */
  valueDepthMax: 32,
  /** Calls open at once: a file that never answers would fill the memory. */
  openCallsMax: 100_000,
} as const;
