import { type ClusterId, QuorateError, formatAddress, parseAddress } from '@quorate/base';
import type { AcceptedReply } from '@quorate/wire';
import { type LinkEvents, NodeLink } from './node-link.js';
import type { Settings } from './options.js';
import type { TurnEnd } from './turn-end.js';

/** Addresses a client keeps: those it was given, those of the members it learnt, and hints. */
const ADDRESSES_MAX = 256;

/** The nodes that a client knows: one link per address, opened when needed. */
export class ConnectionPool implements LinkEvents {
  readonly #settings: Settings;
  readonly #turnEnd: TurnEnd;
  readonly #links = new Map<string, NodeLink>();
  readonly #addresses: string[] = [];
  /** Links to addresses that no node named. */
  #others = 0;
  #clusterId: ClusterId | null;

  constructor(settings: Settings, turnEnd: TurnEnd) {
    this.#settings = settings;
    this.#turnEnd = turnEnd;
    this.#clusterId = settings.clusterId;
    for (const address of settings.addresses) this.learn(address);
  }

  /** Addresses in the order they were learnt. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }
  /** The cluster that was asked for, or the first that answered. */
  get clusterId(): ClusterId | null {
    return this.#clusterId;
  }

  /** Adds an address to those that are asked in turn; false if it is none, or there are too many. */
  learn(address: string): boolean {
    if (this.#addresses.includes(address)) return true;
    if (this.#addresses.length >= ADDRESSES_MAX || !isAddress(address)) return false;
    this.#addresses.push(address);
    return true;
  }

  /** The link to an address. `addressInvalid` if it is none. */
  link(address: string): NodeLink {
    const known = this.#links.get(address);
    if (known !== undefined) return known;
    // Those that are only asked for by address must not take the room of the cluster's.
    if (!this.#addresses.includes(address)) {
      if (this.#others >= ADDRESSES_MAX) {
        throw new QuorateError('overloaded', `a client keeps at most ${ADDRESSES_MAX} addresses that are not of its cluster`);
      }
      this.#others += 1;
    }
    const link = new NodeLink(address, { settings: this.#settings, turnEnd: this.#turnEnd, events: this });
    this.#links.set(address, link);
    return link;
  }

  /** True if a node was silent when it was asked last; false for one that was never asked. */
  isDoubtful(address: string): boolean {
    return this.#links.get(address)?.isDoubtful === true;
  }

  close(error: QuorateError): void {
    for (const link of this.#links.values()) link.close(error);
  }

  wantedCluster(): ClusterId | null {
    return this.#clusterId;
  }

  greeted(reply: AcceptedReply, address: string): void {
    if (reply.status !== 'client') throw new QuorateError('protocolMismatch', `${address} took this client for a peer`, { address });
    if (this.#clusterId !== null && reply.clusterId !== null && reply.clusterId !== this.#clusterId) {
      throw new QuorateError('clusterMismatch', `${address} belongs to cluster ${reply.clusterId}, not ${this.#clusterId}`, {
        address,
        expected: this.#clusterId,
        found: reply.clusterId,
      });
    }
    this.#clusterId ??= reply.clusterId;
    for (const member of reply.members) this.learn(member.address);
  }
}

function isAddress(text: string): boolean {
  try {
    return formatAddress(parseAddress(text)) === text;
  } catch {
    return false;
  }
}
