import type { NodeId } from '@quorate/base';
import type { OutgoingMessage, RaftMessage } from './messages.js';

/** Messages that wait for one sync; beyond it the oldest goes, as if the network had lost it. */
const WITHHELD_MAX = 4096;

/**
 * Messages on their way out, each withheld until the hard state that it follows from is durable (thesis 3.8; T01, T02): a term, a vote or
 * an admission that a crash could take back is never told to anyone.
 */
export class Outbox {
  #queue: { readonly version: number; readonly outgoing: OutgoingMessage }[] = [];

  /** Queues a message that may leave once hard state `version` is durable. Versions never decrease from call to call. */
  push(version: number, to: NodeId, message: RaftMessage): void {
    if (this.#queue.length >= WITHHELD_MAX) this.#queue.shift();
    this.#queue.push({ version, outgoing: { to, message } });
  }

  hasSendable(durableVersion: number): boolean {
    const first = this.#queue[0];
    return first !== undefined && first.version <= durableVersion;
  }

  /** Moves what may leave into `target`, in order. */
  drainInto(target: OutgoingMessage[], durableVersion: number): void {
    let count = 0;
    while (count < this.#queue.length) {
      const next = this.#queue[count];
      if (next === undefined || next.version > durableVersion) break;
      target.push(next.outgoing);
      count++;
    }
    if (count > 0) this.#queue.splice(0, count);
  }
}
