import { batchPayload, fromUtf8, trustedBatchHeader } from '@quorate/base';
import type { RaftMessage } from '@quorate/raft';
import type { Member } from './member.js';

/** A batch in a trace: index, term and text or kind. */
export function describeBatch(batch: Uint8Array): string {
  const header = trustedBatchHeader(batch);
  const text = header.kind === 'commands' ? ` "${fromUtf8(batchPayload(batch))}"` : ` ${header.kind}`;
  return `${header.baseIndex}@${header.term}${text}`;
}

/** One line on where a member stands. */
export function describeMember({ id, raft, disk }: Member): string {
  if (raft === null) return `${id} down, durable to ${disk.durableIndex}`;
  const kind = raft.isLearner ? ' learner' : raft.isEstablished ? ' established' : '';
  return `${id} ${raft.role}${kind} term ${raft.term} leader ${raft.leader} log ${raft.lastIndex} durable ${raft.durableIndex} commit ${raft.commitIndex}`;
}

/** A message in a trace, with all that decides what it does. */
export function describe(message: RaftMessage): string {
  const head = `${message.type} t${message.term}`;
  switch (message.type) {
    case 'voteRequest':
      return `${head}${message.isPreVote ? ' pre' : ''}${message.isTransfer ? ' transfer' : ''} last ${message.lastIndex}@${message.lastTerm}`;
    case 'voteResponse':
      return `${head}${message.isPreVote ? ' pre' : ''} ${message.isGranted ? 'granted' : 'refused'}`;
    case 'appendRequest': {
      const batches = message.batches.map(describeBatch).join(', ');
      const admit = message.admitAt === 0 ? '' : ` admit ${message.admitAt}`;
      return `${head} prev ${message.prevIndex}@${message.prevTerm} commit ${message.commitIndex} round ${message.probe}${admit} [${batches}]`;
    }
    case 'appendResponse': {
      const what = message.isAccepted
        ? `match ${message.matchIndex} received ${message.receivedIndex}`
        : `refused ${message.receivedIndex} hint ${message.matchIndex}@${message.hintTerm}`;
      return `${head} ${what} round ${message.probe}${message.isLearner ? ' learner' : ''}`;
    }
    case 'snapshotRequest': {
      const end = message.offset + message.bytes.length;
      return `${head} ${message.snapshotIndex}@${message.snapshotTerm} bytes ${message.offset}..${end}${message.isLast ? ' last' : ''}`;
    }
    case 'snapshotResponse':
      return `${head} ${message.snapshotIndex} ${message.isInstalled ? 'is here' : `stored ${message.receivedBytes}`}`;
    case 'timeoutNow':
    case 'leaderGone':
      return head;
    default:
      return message satisfies never;
  }
}
