/** Longest key of a table in bytes. */
export const TABLE_KEY_BYTES_MAX = 8192;
/** Longest value of a table in bytes: one whole batch fits. */
export const TABLE_VALUE_BYTES_MAX = 2_097_152;
/** Largest table number. */
export const TABLE_NUMBER_MAX = 65_535;
