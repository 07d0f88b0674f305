/** Every numeric bound in one place, with its unit and reason. Hard limits are part of the formats; the rest may be tuned. */
export const LIMITS = {
  /** Hard. Largest record of a stream in bytes: the figure users know from other logs. */
  recordBytesMax: 1_048_576,
  /** Hard. Most records in one batch: keeps a count in 16 bits and one apply short. */
  batchRecordsMax: 8192,
  /** Hard. Largest batch payload in bytes: at least one full record with its headers, so that no legal record is refused. */
  batchPayloadBytesMax: 2_097_152,
  /** Hard. Largest frame on a connection in bytes: one full batch and its envelope (D3: limits are at least the batch limit). */
  frameBytesMax: 4_194_304,
  /** Hard. Largest frame before the handshake is done: a hello is small, and the other side is not yet known. */
  helloFrameBytesMax: 16_384,
  /** Hard. Longest name of a stream in UTF-8 bytes: fits one disk sector with its entry. */
  nameBytesMax: 255,
  /** Bytes and messages in flight to one follower of one group; bytes are at least one batch. */
  replicationWindowBytes: 8_388_608,
  replicationWindowMessages: 256,
  /** Batches' bytes in one append message: below the frame limit, one batch always fits. */
  appendMessageBytes: 2_101_248,
  /** Bytes proposed on a group's leader and not yet committed; beyond it: `overloaded`. */
  groupProposalBytesMax: 33_554_432,
  /** The same over all groups of a node: many groups must not fill its memory together. */
  nodeProposalBytesMax: 268_435_456,
  /** Readers at the end of their streams that wait on one node for records; beyond it: `overloaded`. */
  tailWaitersMax: 65_536,
  /** Requests with queries that wait on one node for what they must see; beyond it: `overloaded`. */
  queryWaitersMax: 65_536,
  /** Bytes of the queries of a group, with their arguments, that wait on one node, for a read index or for what they must see; beyond it: `overloaded`. */
  groupQueryBytesMax: 33_554_432,
  /** Bytes of groups in the status of a node: what is over is left out, so that it fits a frame with all the rest. */
  statusGroupBytesMax: 3_145_728,
  /** Bytes queued to one connection; a client beyond it is cut (`slowConsumer`), a peer drops its queue and catches up. */
  connectionQueueBytesMax: 16_777_216,
  /** Bytes queued to a client's connection beyond which no events or large replies are added: answers to pings wait behind no more of them than that and one frame. */
  connectionFlowBytes: 65_536,
  /** Bytes after which events and replies go on in another frame. */
  framePieceBytes: 65_536,
  /** Bytes queued to a connection beyond which its requests are no longer read. */
  connectionQueueBytesHigh: 1_048_576,
  /** Requests of one client connection that wait for an answer; beyond it: `overloaded`. */
  connectionRequestsMax: 16_384,
  /** Open client connections of a node. */
  clientConnectionsMax: 4096,
  /** Records' bytes in one answer to a read. */
  readBytesMax: 1_048_576,
  /** Producers a stream remembers; the one idle for longest goes first and gets `producerUnknown`. */
  producersPerStream: 10_000,
  /** Last appends a stream remembers per producer: at least a client's window, so each resend finds its answer (T62). */
  appendsPerProducer: 64,
  /** Hard. Locks whose highest token a stream remembers; none is forgotten, a fence of one more is refused with `tooManyFences`. */
  fencesPerStream: 100_000,
  /** Streams and other names in the catalogue. */
  catalogueEntriesMax: 100_000,
  /** Journal file size in bytes, filled with zeros beforehand. */
  journalFileBytes: 67_108_864,
  /** Bytes of recent batches that storage keeps in memory per node for feeding followers: as much as may be in flight to one of them. */
  recentBatchesBytes: 8_388_608,
  /** Time a connection may take for its hello, in ms. */
  handshakeTimeoutMs: 5000,
} as const;
