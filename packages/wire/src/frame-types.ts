/**
 * Every frame type number in one table; numbers are never reused. 1–15 belong to the connection, 16–31 to peers, 32–63 are requests,
 * 64–95 their answers.
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

  statusRequest: 32,
  createStreamRequest: 33,
  listStreamsRequest: 34,
  findStreamRequest: 35,
  streamInfoRequest: 36,
  appendRequest: 37,
  readStreamRequest: 38,
  transferLeaderRequest: 39,

  errorResponse: 64,
  statusResponse: 65,
  streamCreatedResponse: 66,
  streamListResponse: 67,
  streamFoundResponse: 68,
  streamInfoResponse: 69,
  appendedResponse: 70,
  recordsResponse: 71,
  transferredResponse: 72,
} as const;

/** A frame before it is put on a connection: its type, and the parts that make up its body. */
export interface EncodedFrame {
  readonly type: number;
  readonly parts: readonly Uint8Array[];
}
