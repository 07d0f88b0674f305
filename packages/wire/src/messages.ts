import type { ClusterId, ErrorCode, ErrorDetails, GroupId, Incarnation, LogIndex, NodeId, Offset } from '@quorate/base';
import type { SessionRequestBody, SessionResponseBody } from './session-messages.js';

/** A member as others must know it. */
export interface Member {
  readonly nodeId: NodeId;
  readonly address: string;
  readonly incarnation: Incarnation | null;
}

/** First frame of the connecting side. It tells peers from clients on the one listener of a node. */
export type Hello =
  | { readonly role: 'client' /** Null: any cluster. */; readonly clusterId: ClusterId | null }
  | ({ readonly role: 'peer' } & PeerHello);

/** What two nodes tell each other first, in both directions. */
export interface PeerHello {
  readonly nodeId: NodeId;
  readonly incarnation: Incarnation;
  /** Null: not formed yet. */
  readonly clusterId: ClusterId | null;
  /** All members as this node is configured or formed. */
  readonly members: readonly Member[];
  /** Sequence of its newest durable journal frame: lower than seen before in this incarnation means an old image (T37). */
  readonly durableSequence: number;
  /** Highest durable sequence that it has seen of the other side, in `seenIncarnation`; 0: none. */
  readonly seenSequence: number;
  /** The incarnation of the other side that `seenSequence` speaks of; null: none seen yet. */
  readonly seenIncarnation: Incarnation | null;
}

/** First frame of the accepting side. A refusal carries an error and the connection ends. */
export type HelloReply =
  | { readonly status: 'client'; readonly nodeId: NodeId; readonly clusterId: ClusterId | null; readonly members: readonly Member[] }
  | ({ readonly status: 'peer' } & PeerHello)
  | ({ readonly status: 'refused' } & WireError);

/** A reply that opens the connection. */
export type AcceptedReply = Exclude<HelloReply, { status: 'refused' }>;
/** A reply after which the connection ends. */
export type RefusedReply = Extract<HelloReply, { status: 'refused' }>;

/** An error as frames carry it: a code of the closed list, a text for people, and values that say where and what. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
}

/** Frames between peers after the hellos. */
export type PeerFrame =
  | { readonly type: 'raft'; readonly group: GroupId /** Encoded by the codec of `raft`. */; readonly body: Uint8Array }
  /**
   * Every `heartbeatMs`; `nonce` comes back in the ack, and grows by one if an ack came since the heartbeat before: so a higher one tells the
   * other side that its acks arrive.
   * `durableSequence`: see `PeerHello`.
   */
  | { readonly type: 'heartbeat'; readonly nonce: number; readonly durableSequence: number }
  | { readonly type: 'heartbeatAck'; readonly nonce: number; readonly durableSequence: number }
  /** Leader of a group: the state of its view once `index` was applied. Whoever follows and has another one there has diverged. */
  | { readonly type: 'stateHash'; readonly group: GroupId; readonly index: LogIndex /** 32 bits unsigned. */; readonly hash: number }
  /** Formation: the cluster as it shall be. Idempotent. */
  | { readonly type: 'form'; readonly clusterId: ClusterId; readonly members: readonly Member[] }
  /** The identity is durable. */
  | { readonly type: 'formed'; readonly clusterId: ClusterId };

/** A named stream as the catalogue knows it. */
export interface StreamEntry {
  readonly name: string;
  readonly group: GroupId;
}

/** The state of a stream as its leader knows it. */
export interface StreamInfo extends StreamEntry {
  /** First offset that can be read. */
  readonly firstOffset: Offset;
  /** The offset the next record will get. */
  readonly nextOffset: Offset;
  readonly leader: NodeId | 0;
  readonly term: number;
}

/** One stored record as a reader gets it. */
export interface StreamRecord {
  readonly offset: Offset;
  readonly value: Uint8Array;
}

/** What a node tells of itself; lists are bounded (`WIRE_LIMITS`) and cut where a status would not fit a frame. */
export interface NodeStatus {
  readonly nodeId: NodeId;
  readonly clusterId: ClusterId | null;
  readonly incarnation: Incarnation;
  /** `forming`: waits for members; `serving`; `failed`: the disk latched; `draining`. */
  readonly state: 'forming' | 'serving' | 'failed' | 'draining';
  readonly version: string;
  readonly pid: number;
  readonly members: readonly (Member & { readonly isConnected: boolean })[];
  readonly groups: readonly GroupStatus[];
  readonly metrics: Readonly<Record<string, number>>;
  /** Damage found, for people: "file at offset: what". */
  readonly damage: readonly string[];
}

/** What a node tells of its replica of one group. Indexes are 0 for an empty log; `durableIndex` may lag `lastIndex`. */
export interface GroupStatus {
  readonly group: GroupId;
  /** Stream name, or `system`. */
  readonly name: string;
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader' | 'stopped';
  readonly isLearner: boolean;
  readonly term: number;
  readonly leader: NodeId | 0;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly durableIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Of the state at `appliedIndex`, 32 bits unsigned: equal on all nodes at an equal index, or they have diverged. */
  readonly stateHash: number;
}

/** `id` is chosen by the client, unique among its open requests, u32. */
export type ClientRequest = { readonly id: number } & ClientRequestBody;

/** What a client may ask. Reads and `status` change nothing and may be asked again at will; an `append` is deduplicated by its payload. */
export type ClientRequestBody =
  | SessionRequestBody
  | { readonly type: 'status' }
  /** Creates a stream; an existing one of that name is answered the same way. Leader of the system group. */
  | { readonly type: 'createStream'; readonly name: string }
  /** Linearizable. Leader of the system group. Names that start with `prefix`, after `after`, at most `limit`. */
  | { readonly type: 'listStreams'; readonly prefix: string; readonly after: string; readonly limit: number }
  /** Linearizable look-up of one name. Leader of the system group. */
  | { readonly type: 'findStream'; readonly name: string }
  /** Linearizable. Leader of the group. */
  | { readonly type: 'streamInfo'; readonly group: GroupId }
  /** Leader of the group. `payload` is an append payload (format in `streams`), kept as it is; `payloadChecksum` is its CRC-32C. */
  | { readonly type: 'append'; readonly group: GroupId; readonly payloadChecksum: number; readonly payload: Uint8Array }
  /**
   * Records from an offset. `linearizable`: leader of the group, after a read-index round. `sequential`: any replica, what it has applied.
   * If there is none yet, waits up to `waitMs` for one.
   */
  | {
      readonly type: 'readStream';
      readonly group: GroupId;
      readonly fromOffset: Offset;
      readonly maxRecords: number;
      readonly maxBytes: number;
      readonly waitMs: number;
      readonly consistency: 'linearizable' | 'sequential';
    }
  /** Asks the group's leader to hand over; `to` 0: to the most caught-up follower. */
  | { readonly type: 'transferLeader'; readonly group: GroupId; readonly to: NodeId | 0 };

/** The answer to the request with that id. An error of code `notLeader` carries details `{leader, address}` if known. */
export type ClientResponse = { readonly id: number } & ClientResponseBody;

/** What a node answers; the type that belongs to each request, or `error`. Byte views are valid only while the frame is handled. */
export type ClientResponseBody =
  | SessionResponseBody
  | ({ readonly type: 'error' } & WireError)
  | { readonly type: 'status'; readonly status: NodeStatus }
  | { readonly type: 'streamCreated'; readonly stream: StreamEntry; readonly wasCreated: boolean }
  | { readonly type: 'streamList'; readonly streams: readonly StreamEntry[]; readonly hasMore: boolean }
  | { readonly type: 'streamFound'; readonly stream: StreamEntry }
  | { readonly type: 'streamInfo'; readonly info: StreamInfo }
  /** Offset of the first record; the others follow densely. */
  | { readonly type: 'appended'; readonly offset: Offset; readonly count: number }
  /** `records` are dense from `fromOffset`. Records are encoded as u32 length + bytes each. */
  | {
      readonly type: 'records';
      readonly fromOffset: Offset;
      readonly count: number;
      readonly nextOffset: Offset;
      readonly records: Uint8Array;
    }
  | { readonly type: 'transferred' };
