import assert from 'node:assert/strict';
import { type LogIndex, type NodeId, type Term, batchPayload, bytesEqual, fromUtf8 } from '@quorate/base';
import { type Ready, quorumSize } from '@quorate/raft';
import type { StoredBatch } from './disk.js';
import type { Member, Proposal } from './member.js';

/**
 * What must hold after every step of any replica: one leader a term, leader completeness, committed entries never change, each commit of a
 * leader is durable on a quorum; and at rest: log matching, nothing acknowledged lost.
 */
export class Invariants {
  readonly #members: readonly Member[];
  readonly #proposals: readonly Proposal[];
  /** The leader of each term that had one. */
  readonly leaders = new Map<Term, NodeId>();
  /** Every batch that any leader has committed, by base index. */
  readonly #committed = new Map<LogIndex, StoredBatch>();
  /** What every machine is at an index. */
  readonly #states = new Map<LogIndex, number>();

  constructor(members: readonly Member[], proposals: readonly Proposal[]) {
    this.#members = members;
    this.#proposals = proposals;
  }

  /** A replica says that it leads; true if that is news. */
  checkLeader(member: Member, ready: Ready): boolean {
    const known = this.leaders.get(ready.term);
    assert.ok(known === undefined || known === member.id, `nodes ${known} and ${member.id} both lead term ${ready.term}`);
    if (known !== undefined) return false;
    this.leaders.set(ready.term, member.id);
    // Leader completeness (thesis 3.6.3): all that was committed is in its log.
    for (const batch of this.#committed.values()) {
      if (batch.term >= ready.term) continue;
      if (batch.baseIndex <= member.disk.origin.index) continue;
      const own = member.disk.batches.find((other) => other.baseIndex === batch.baseIndex);
      assert.ok(
        own !== undefined && own.term === batch.term,
        `leader ${member.id} of term ${ready.term} lacks committed ${batch.baseIndex}@${batch.term}`,
      );
    }
    return true;
  }

  /** A replica is about to commit up to `ready.commitIndex`. */
  checkCommit(member: Member, ready: Ready): void {
    assert.ok(ready.commitIndex > member.commitIndex, 'the commit index never goes back');
    for (const batch of member.disk.batches) {
      if (batch.lastIndex <= member.commitIndex || batch.baseIndex > ready.commitIndex) continue;
      assert.ok(
        batch.lastIndex <= ready.commitIndex,
        `commit index ${ready.commitIndex} lies inside batch ${batch.baseIndex}..${batch.lastIndex}`,
      );
      const known = this.#committed.get(batch.baseIndex);
      if (known !== undefined) {
        assert.ok(
          known.term === batch.term && bytesEqual(known.bytes, batch.bytes),
          `node ${member.id} commits another batch at ${batch.baseIndex}`,
        );
        continue;
      }
      this.#committed.set(batch.baseIndex, batch);
      const copies = this.#members.filter((other) => other.disk.hasDurable(batch.baseIndex, batch.term));
      assert.ok(
        copies.length >= quorumSize(this.#members.length),
        `${batch.baseIndex}@${batch.term} is committed with ${copies.length} durable copies`,
      );
    }
  }

  /** A machine is at its applied index, by its log or by a snapshot: the same there as every other one (T40). */
  checkMachine(member: Member): void {
    const { appliedIndex, chain } = member.machine;
    const known = this.#states.get(appliedIndex);
    assert.ok(known === undefined || known === chain, `the machine of node ${member.id} differs at index ${appliedIndex}`);
    this.#states.set(appliedIndex, chain);
  }

  /** Log matching (thesis 3.5): equal index and term means equal logs up to there. */
  checkLogMatching(): void {
    for (const a of this.#members) {
      for (const b of this.#members) {
        if (a.id >= b.id) continue;
        let isEqual = true;
        const start = Math.max(a.disk.origin.index, b.disk.origin.index);
        const [xs, ys] = [a, b].map((member) => member.disk.batches.filter((batch) => batch.baseIndex > start)) as [
          StoredBatch[],
          StoredBatch[],
        ];
        for (let at = Math.min(xs.length, ys.length) - 1; at >= 0; at--) {
          const [x, y] = [xs[at] as StoredBatch, ys[at] as StoredBatch];
          if (x.baseIndex === y.baseIndex && x.term === y.term) {
            assert.ok(bytesEqual(x.bytes, y.bytes), `nodes ${a.id} and ${b.id} differ at ${x.baseIndex}@${x.term}`);
            isEqual = false;
          } else {
            assert.ok(isEqual, `nodes ${a.id} and ${b.id} agree after ${x.baseIndex}, but not there`);
          }
        }
      }
    }
  }

  /** The batch that was committed at this base index, if any was. */
  committedAt(baseIndex: LogIndex): StoredBatch | undefined {
    return this.#committed.get(baseIndex);
  }

  /** Every replica holds every acknowledged proposal at its index, and all logs are the same. */
  checkConverged(): void {
    const [first] = this.#members as [Member];
    const start = Math.max(...this.#members.map((member) => member.disk.origin.index));
    const logOf = (member: Member): string[] =>
      member.disk.batches.filter((b) => b.baseIndex > start).map((b) => `${b.baseIndex}@${b.term}`);
    for (const member of this.#members) {
      assert.deepEqual(logOf(member), logOf(first), `log of ${member.id}`);
      assert.deepEqual(member.machine, first.machine, `machine of ${member.id}`);
      assert.equal(member.commitIndex, first.commitIndex, `commit index of ${member.id}`);
    }
    for (const proposal of this.#proposals) {
      if (!proposal.isAcked) continue;
      const batch =
        proposal.index <= first.disk.origin.index
          ? this.#committed.get(proposal.index)
          : first.disk.batches.find((other) => other.baseIndex === proposal.index);
      assert.ok(
        batch !== undefined && fromUtf8(batchPayload(batch.bytes)) === proposal.text,
        `acknowledged "${proposal.text}" at ${proposal.index} is there`,
      );
    }
  }
}
