import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { RaftMessage } from '../messages.js';
import type { Role } from '../ready.js';
import type { StateOf } from '../roles/states.js';
import { appendFromLeader, appendToCandidate, appendToLeader } from './append-request.js';
import { onAppendResponse } from './append-response.js';
import { ignore } from './ignore.js';
import { onLeaderGone } from './leader-gone.js';
import { snapshotFromLeader, snapshotToCandidate, snapshotToLeader } from './snapshot-request.js';
import { onSnapshotResponse } from './snapshot-response.js';
import { onTimeoutNow } from './timeout-now.js';
import { onVoteRequest, onVoteRequestAtLeader, onVoteRequestAtPreCandidate } from './vote-request.js';
import { onPreVoteResponse, onVoteResponse } from './vote-response.js';

export type MessageOf<T extends RaftMessage['type']> = Extract<RaftMessage, { readonly type: T }>;

/**
 * What a role does on a message of its own term (`dispatch` has settled all other terms; only pre-votes still speak of a later one).
 * A handler never throws, whatever a peer sends: what contradicts the protocol is dropped and named in `Core.faults`.
 */
export type Handler<R extends Role, T extends RaftMessage['type']> = (
  core: Core,
  state: StateOf<R>,
  from: NodeId,
  message: MessageOf<T>,
) => void;

type HandlerTable = { readonly [R in Role]: { readonly [T in RaftMessage['type']]: Handler<R, T> } };

/** Every role with every message: a role or a message without an entry does not compile. */
export const HANDLERS: HandlerTable = {
  follower: {
    voteRequest: onVoteRequest,
    voteResponse: ignore,
    appendRequest: appendFromLeader,
    appendResponse: ignore,
    snapshotRequest: snapshotFromLeader,
    snapshotResponse: ignore,
    timeoutNow: onTimeoutNow,
    leaderGone: onLeaderGone,
  },
  preCandidate: {
    voteRequest: onVoteRequestAtPreCandidate,
    voteResponse: onPreVoteResponse,
    appendRequest: appendToCandidate,
    appendResponse: ignore,
    snapshotRequest: snapshotToCandidate,
    snapshotResponse: ignore,
    timeoutNow: onTimeoutNow,
    leaderGone: ignore,
  },
  candidate: {
    voteRequest: onVoteRequest,
    voteResponse: onVoteResponse,
    appendRequest: appendToCandidate,
    appendResponse: ignore,
    snapshotRequest: snapshotToCandidate,
    snapshotResponse: ignore,
    timeoutNow: ignore,
    leaderGone: ignore,
  },
  leader: {
    voteRequest: onVoteRequestAtLeader,
    voteResponse: ignore,
    appendRequest: appendToLeader,
    appendResponse: onAppendResponse,
    snapshotRequest: snapshotToLeader,
    snapshotResponse: onSnapshotResponse,
    timeoutNow: ignore,
    leaderGone: ignore,
  },
};
