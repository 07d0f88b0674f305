/**
 * Every frame type number in one table; numbers are never reused. 1–15 belong to the connection, 16–31 to peers, 32–63 are requests,
 * 64–95 their answers, 96–111 what a node sends a client unasked.
 */
export const FRAME_TYPES = {
  hello: 1,
  helloReply: 2,
  goodbye: 3,

  raft: 16,
  heartbeat: 17,
  heartbeatAck: 18,
  form: 19,
  formed: 20,
  stateHash: 21,

  statusRequest: 32,
  createStreamRequest: 33,
  listStreamsRequest: 34,
  findStreamRequest: 35,
  streamInfoRequest: 36,
  appendRequest: 37,
  readStreamRequest: 38,
  transferLeaderRequest: 39,
  openSessionRequest: 40,
  bindSessionRequest: 41,
  commandsRequest: 42,
  queriesRequest: 43,
  acknowledgeRequest: 44,
  pingRequest: 45,

  errorResponse: 64,
  statusResponse: 65,
  streamCreatedResponse: 66,
  streamListResponse: 67,
  streamFoundResponse: 68,
  streamInfoResponse: 69,
  appendedResponse: 70,
  recordsResponse: 71,
  transferredResponse: 72,
  sessionOpenedResponse: 73,
  sessionBoundResponse: 74,
  repliesResponse: 75,
  queryResultsResponse: 76,
  acknowledgedResponse: 77,
  pongResponse: 78,

  eventsPush: 96,
  sessionEndedPush: 97,
} as const;

/** A frame before it is put on a connection: its type, and the parts that make up its body. */
export interface EncodedFrame {
  readonly type: number;
  readonly parts: readonly Uint8Array[];
}
