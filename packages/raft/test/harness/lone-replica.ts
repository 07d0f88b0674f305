import { type NodeId, crc32c, encodeBatch, nodeId, utf8 } from '@quorate/base';
import { type AppendRequest, type AppendResponse, Raft, type RaftMessage, type RaftOptions, type Ready } from '@quorate/raft';
import { GROUP } from './cluster.js';
import { PlainDisk } from './disk.js';

/** A batch of commands. */
export function batch(index: number, term: number, text: string, count = 1): Uint8Array {
  const payload = utf8(text);
  return encodeBatch(
    { kind: 'commands', group: GROUP, term, baseIndex: index, count, loggedTimeMs: 0, payloadChecksum: crc32c(payload) },
    payload,
    crc32c,
  );
}

/** An append of a leader, empty unless told otherwise. */
export function append(from: Partial<AppendRequest> & { term: number; prevIndex: number; prevTerm: number }): AppendRequest {
  return { type: 'appendRequest', commitIndex: 0, probe: 1, admitAt: 0, batches: [], ...from };
}

/** One replica by itself, its Readys carried out by hand. */
export class LoneReplica {
  readonly disk = new PlainDisk([nodeId(1), nodeId(2), nodeId(3)], false);
  readonly raft: Raft;
  nowMs = 0;
  constructor(options: Partial<RaftOptions> = {}) {
    this.raft = new Raft({
      options: {
        group: GROUP,
        self: nodeId(1),
        electionTimeoutMinMs: 150,
        electionTimeoutMaxMs: 300,
        heartbeatMs: 30,
        windowMessages: 4,
        windowBytes: 1000,
        appendMessageBytes: 500,
        ...options,
      },
      start: this.disk.start(),
      random: { nextUint32: () => 7 },
      contacts: { heardAtMs: () => null, lastHeardAtMs: () => Number.NEGATIVE_INFINITY, acknowledgedAtMs: () => Number.NEGATIVE_INFINITY },
      log: this.disk,
      checksum: crc32c,
      nowMs: 0,
    });
  }
  step(from: NodeId, message: RaftMessage): Ready {
    this.raft.step(from, message, this.nowMs);
    return this.ready();
  }
  ready(): Ready {
    const ready = this.raft.ready();
    this.disk.write(ready, 0);
    return ready;
  }
  /** The answers to appends that are to leave now. */
  answers(ready: Ready): AppendResponse[] {
    return ready.sendNow.map((outgoing) => outgoing.message).filter((message) => message.type === 'appendResponse');
  }
}
