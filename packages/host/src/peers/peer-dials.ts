import { type NodeId, QuorateError, parseAddress, randomBetween } from '@quorate/base';
import { type AcceptedReply, type FrameConnection, type PeerHello, openFrameConnection } from '@quorate/wire';
import type { HostOptions } from '../host-options.js';
import type { PeerLink } from './peer-link.js';
import type { PeerTable } from './peer-table.js';

const REDIAL_MIN_MS = 20;
const REDIAL_MAX_MS = 250;

interface Dial {
  readonly peer: NodeId;
  readonly address: string;
  cancel: (() => void) | null;
  delayMs: number;
}

/** Connections that this node opens, to the peers with a higher node id: again and again, less often while a peer is away. */
export class PeerDials {
  readonly #options: HostOptions;
  readonly #table: PeerTable;
  readonly #dials: readonly Dial[];

  constructor(options: HostOptions, table: PeerTable) {
    this.#options = options;
    this.#table = table;
    this.#dials = options.members
      .filter((member) => member.nodeId > options.nodeId)
      .map((member) => ({ peer: member.nodeId, address: member.address, cancel: null, delayMs: REDIAL_MIN_MS }));
  }

  start(): void {
    for (const dial of this.#dials) this.#dial(dial);
  }

  /** The table stopped: connections under way are given up. */
  stop(): void {
    for (const dial of this.#dials) dial.cancel?.();
  }

  #dial(dial: Dial): void {
    const table = this.#table;
    if (table.isStopped) return;
    let link: PeerLink | null = null;
    let said: PeerHello | null = null;
    const frames: FrameConnection = openFrameConnection({
      network: this.#options.network,
      timers: this.#options.timers,
      address: parseAddress(dial.address),
      hello: () => {
        said = table.helloTo(dial.peer);
        return { role: 'peer', ...said };
      },
      handlers: {
        opened: (reply) => {
          if (said === null || !table.isAsSaid(said)) frames.destroy();
          else link = this.#replied(dial, frames, reply);
        },
        frame: (type, body) => {
          if (link !== null) table.frame(link, type, body);
        },
        bytesArrived: () => {
          if (link !== null) table.bytesArrived(link);
        },
        drain: () => {
          if (link !== null) table.drained(link);
        },
        closed: (error) => {
          dial.cancel = null;
          if (link !== null) table.closed(link, error);
          else this.#dialFailed(dial, error);
          this.#redial(dial);
        },
      },
    });
    dial.cancel = () => frames.destroy();
  }

  #dialFailed(dial: Dial, error: QuorateError): void {
    const level = error.code === 'unavailable' || error.code === 'closed' ? 'debug' : 'warn';
    this.#options.logger.log(level, 'peer not reached', {
      peer: dial.peer,
      address: dial.address,
      code: error.code,
      message: error.message,
    });
  }

  #redial(dial: Dial): void {
    if (this.#table.isStopped) return;
    const delayMs = randomBetween(this.#options.random, Math.ceil(dial.delayMs / 2), dial.delayMs);
    dial.delayMs = Math.min(dial.delayMs * 2, REDIAL_MAX_MS);
    this.#options.timers.set(delayMs, () => this.#dial(dial));
  }

  #replied(dial: Dial, frames: FrameConnection, reply: AcceptedReply): PeerLink | null {
    if (reply.status !== 'peer' || reply.nodeId !== dial.peer) {
      frames.destroy(new QuorateError('clusterMismatch', `${dial.address} answers as node ${reply.nodeId}, not as node ${dial.peer}`));
      return null;
    }
    const refusal = this.#table.refusal(reply) ?? this.#table.oldImageOf(reply);
    if (refusal !== null) {
      frames.close(refusal);
      return null;
    }
    dial.delayMs = REDIAL_MIN_MS;
    this.#table.met(dial.peer);
    return this.#table.established(reply, frames);
  }
}
