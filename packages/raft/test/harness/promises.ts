import assert from 'node:assert/strict';
import type { NodeId, Term } from '@quorate/base';
import type { Ready } from '@quorate/raft';
import type { Flight } from './cluster-options.js';
import type { Member } from './member.js';

/**
 * What must hold of promises: for `leaseMs` after a node heard the leader that it follows it neither votes nor stands in any later term, whatever
 * comes between, a restart too; except where a leader hands over.
 */
export class Promises {
  readonly #leaseMs: number;
  readonly #promises = new Map<NodeId, { readonly untilMs: number; readonly term: Term }>();
  /** Candidates that were told to stand by their leader, by voter and candidate. */
  readonly #handedOver = new Set<string>();

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs;
  }

  /** A message or heartbeat of `from` reached `to`. */
  heard(to: Member, from: NodeId, nowMs: number): void {
    if (to.raft?.leader === from) this.#promises.set(to.id, { untilMs: nowMs + this.#leaseMs, term: to.raft.term });
  }

  delivered(to: Member, { from, message }: Flight, nowMs: number): void {
    // What it sent in an earlier term is no sign of life of the leader that it is now.
    const isOfNow = message.term === to.raft?.term;
    if (isOfNow && (message.type === 'appendRequest' || message.type === 'snapshotRequest')) this.heard(to, from, nowMs);
    if (message.type === 'voteRequest' && message.isTransfer) this.#handedOver.add(`${to.id} ${from} ${message.term}`);
  }

  /** Its process ended: a term that is not on its disk was told to nobody, so nobody counts on what followed. */
  crashed({ id, disk }: Member): void {
    if (disk.hardState.term < (this.#promises.get(id)?.term ?? 0)) this.#promises.delete(id);
  }

  check({ id, raft }: Member, { sendNow }: Ready, nowMs: number): void {
    const promise = this.#promises.get(id);
    if (promise === undefined || nowMs >= promise.untilMs) return;
    for (const { to, message } of sendNow) {
      if (message.term <= promise.term) continue;
      const what = `node ${id} at ${nowMs}, though it promised not to until ${promise.untilMs}: ${message.type} to ${to}`;
      if (message.type === 'voteResponse' && !message.isPreVote && message.isGranted)
        assert.ok(this.#handedOver.has(`${id} ${to} ${message.term}`), what);
      // A pre-vote may have waited for the disk since before the promise; whoever heard of a leader since does not count its answers.
      if (message.type === 'voteRequest') assert.ok(message.isTransfer || (message.isPreVote && raft?.role === 'follower'), what);
    }
  }
}
