/** Bounds of the wire format that concern no other part. All are hard: a decoder refuses what is beyond them. */
export const WIRE_LIMITS = {
  /** Members in a hello or a status. A static cluster is far smaller; keeps one hello in one frame. */
  membersMax: 1024,
  /** Bytes of a member's `host:port`. */
  addressBytesMax: 300,
  /** Bytes of the message of an error; a longer one is cut when it is encoded. */
  errorMessageBytesMax: 4096,
  /** Values in the details of an error, and bytes of one of them that is a text. */
  detailsMax: 32,
  detailTextBytesMax: 1024,
  /** Bytes of the name of a detail or a metric. */
  keyBytesMax: 128,
  /** Streams in one answer to `listStreams`. */
  streamListMax: 8192,
  /** Metrics, groups and notes of damage in a status. */
  metricsMax: 4096,
  statusGroupsMax: 32_768,
  /** Name of a group as a status tells it: a stream's name, or more for people. */
  groupNameBytesMax: 512,
  damageMax: 1024,
  damageBytesMax: 4096,
  versionBytesMax: 128,
  /** Records asked for in one read. */
  readRecordsMax: 1_048_576,
  /** Events in one frame: of one log index, for one session. */
  eventsPerPushMax: 16_384,
  /** Time a read may ask to wait for a record, in ms. */
  waitMsMax: 600_000,
} as const;
