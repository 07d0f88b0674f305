import type { ErrorCode, ErrorDetails, GroupId, LogIndex } from '@quorate/base';

/*
 * What clients and nodes say about sessions. A session lives in the machine of one group; its number is the log index that opened it. The
 * encoded payloads and results are made and read by `machine`; here they are bytes.
 */

/** One command's answer, in order of numbers. */
export type CommandReply =
  | { readonly index: LogIndex; readonly isOk: true; readonly result: Uint8Array }
  | { readonly index: LogIndex; readonly isOk: false; readonly code: ErrorCode; readonly message: string; readonly details: ErrorDetails };

/** One event of a session. */
export interface PushedEvent {
  readonly resource: number;
  readonly code: number;
  readonly fields: Uint8Array;
}

/** What a client asks about its sessions; the comments say who answers. Refusals are `error` answers. */
export type SessionRequestBody =
  /** Opens a session; the same key again gives the same session while it has applied nothing. Leader. `key`: 16 random bytes, the client's secret. */
  | { readonly type: 'openSession'; readonly group: GroupId; readonly key: Uint8Array; readonly ttlMs: number; readonly graceMs: number }
  /**
   * From now on this connection carries the session: what it sends keeps the session alive, and events after `acknowledgedEvents`, without the
   * first `nextEvents` of the very next index, are pushed on it, also those that were pushed elsewhere. Leader. `sessionExpired` if there is no
   * such session or the key is another.
   */
  | {
      readonly type: 'bindSession';
      readonly group: GroupId;
      readonly session: number;
      readonly key: Uint8Array;
      readonly acknowledgedEvents: LogIndex;
      readonly nextEvents: number;
    }
  /** Leader. `payload`: one batch of commands; `payloadChecksum`: its CRC-32C. The session must be bound to this connection. */
  | { readonly type: 'commands'; readonly group: GroupId; readonly payloadChecksum: number; readonly payload: Uint8Array }
  /**
   * Reads resources. `linearizable`: leader, after a read-index round; `sequential`: any replica. In both cases not before command
   * `afterNumber` of `session` (0: none) and log index `minIndex` were applied. `queries`: a list of `count`, at least one, as `writeQuery` makes it.
   */
  | {
      readonly type: 'queries';
      readonly group: GroupId;
      readonly session: number;
      readonly afterNumber: number;
      readonly minIndex: LogIndex;
      readonly consistency: 'linearizable' | 'sequential';
      readonly count: number;
      readonly queries: Uint8Array;
    }
  /** The client has the replies up to this number and the events up to this index. Leader. */
  | {
      readonly type: 'acknowledge';
      readonly group: GroupId;
      readonly session: number;
      readonly replies: number;
      readonly events: LogIndex;
    }
  /**
   * A sign of life for all sessions of this connection. `notLeader` if the node no longer leads the group of one of them, so that the client does
   * not take the answer of a deposed leader for contact with its session.
   */
  | { readonly type: 'ping' };

/** What a node answers about sessions. Byte views are valid only while the frame is handled. */
export type SessionResponseBody =
  | { readonly type: 'sessionOpened'; readonly session: number; readonly ttlMs: number; readonly graceMs: number }
  /** `nextNumber`: of the next command that was not applied. `lastEventIndex`: of the session's newest event batch. */
  | { readonly type: 'sessionBound'; readonly nextNumber: number; readonly lastEventIndex: LogIndex }
  /** Large answers come in several of these with the same request id; `isLast` marks the end. */
  | { readonly type: 'replies'; readonly firstNumber: number; readonly replies: readonly CommandReply[]; readonly isLast: boolean }
  /**
   * `results`: a list of `count`, of the queries from the one at place `first` of the request on, as `writeQueryResult` makes it. Large answers come in
   * several of these, in order, each as of an index of its own; `isLast` marks the end. An `error` answers those that are left.
   *
   * `index`: what the answer is based on; not below `minIndex`. `eventIndex`: that of the session's newest event batch at or before `index`, the
   * session's number if there is none, 0 if the queries had no session: the client tells those events before this answer.
   */
  | {
      readonly type: 'queryResults';
      readonly index: LogIndex;
      readonly eventIndex: LogIndex;
      readonly first: number;
      readonly isLast: boolean;
      readonly count: number;
      readonly results: Uint8Array;
    }
  | { readonly type: 'acknowledged' }
  | { readonly type: 'pong' };

/** False for an answer that others with the same number follow. */
export function isLastAnswer(body: { readonly type: string; readonly isLast?: boolean }): boolean {
  return (body.type !== 'replies' && body.type !== 'queryResults') || body.isLast === true;
}

/** What a node sends without being asked. */
export type ServerPush =
  /**
   * Events of one log index for one session, those from place `first` on; `isLast`: none of the index follows. `previousIndex` is the index of those
   * before, the session's number if there were none. All of an index go out before the replies to commands of later ones: so the client knows what to
   * merge, and tells both in the order of the log.
   */
  | {
      readonly type: 'events';
      readonly group: GroupId;
      readonly session: number;
      readonly index: LogIndex;
      readonly previousIndex: LogIndex;
      readonly first: number;
      readonly isLast: boolean;
      readonly events: readonly PushedEvent[];
    }
  /** The session is over. */
  | { readonly type: 'sessionEnded'; readonly group: GroupId; readonly session: number; readonly isExpired: boolean };
