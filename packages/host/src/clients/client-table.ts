import { type ClusterId, type Connection, type ConnectionHandlers, LIMITS, type NodeId, QuorateError, asQuorateError } from '@quorate/base';
import {
  type Admission,
  type FrameConnection,
  type Hello,
  type Member,
  type PeerHello,
  acceptFrameConnection,
  toWireError,
} from '@quorate/wire';
import type { PeerLink } from '../peers/peer-link.js';
import type { PeerTable } from '../peers/peer-table.js';
import { ClientConnection } from './client-connection.js';
import type { RequestNode } from './request-handler.js';

/** Most connections that have not said hello; each may take `LIMITS.handshakeTimeoutMs` for it. */
const GREETING_MAX = 1024;

/** What connections need of the node. */
export interface ClientTableNode extends RequestNode {
  readonly peers: PeerTable;
  /** What a client is told first. */
  introduction(): { readonly nodeId: NodeId; readonly clusterId: ClusterId | null; readonly members: readonly Member[] };
  /** Something is to be sent at the end of this turn. */
  needTurn(): void;
}

/** All connections that others opened to this node: a hello tells peers from clients. */
export class ClientTable {
  readonly #node: ClientTableNode;
  readonly #clients = new Set<ClientConnection>();
  /** Connections whose hello is yet to come. */
  #greeting = 0;
  #toFlush: ClientConnection[] = [];
  #isClosed = false;

  constructor(node: ClientTableNode) {
    this.#node = node;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** True while answers wait until their connection has room. */
  get owesAnswers(): boolean {
    for (const client of this.#clients) if (client.owesAnswers) return true;
    return false;
  }

  accept(connection: Connection): ConnectionHandlers {
    let isGreeting = true;
    this.#greeting++;
    const greeted = (): void => {
      if (isGreeting) this.#greeting--;
      isGreeting = false;
    };
    const frames = acceptFrameConnection(connection, {
      timers: this.#node.options.timers,
      hello: (hello, accepted) => {
        const admission = this.#hello(hello, accepted);
        if ('handlers' in admission) greeted();
        return admission;
      },
      failed: (error) => {
        greeted();
        this.#node.options.logger.log('info', 'connection refused', { code: error.code, message: error.message });
      },
    });
    if (this.#greeting > GREETING_MAX) {
      frames.close(new QuorateError('overloaded', `this node has ${GREETING_MAX} connections that have not said hello`));
    }
    return frames.connectionHandlers;
  }

  #hello(hello: Hello, frames: FrameConnection): Admission {
    try {
      if (this.#isClosed) throw new QuorateError('shuttingDown', 'this node is shutting down');
      return hello.role === 'peer' ? this.#peer(hello, frames) : this.#client(hello.clusterId, frames);
    } catch (thrown) {
      return { reply: { status: 'refused', ...toWireError(asQuorateError(thrown)) } };
    }
  }

  #peer(hello: PeerHello, frames: FrameConnection): Admission {
    const { peers } = this.#node;
    const refusal = peers.refusal(hello);
    if (refusal !== null) throw refusal;
    const reply = { status: 'peer', ...peers.helloFor(hello) } as const;
    const oldImage = peers.oldImageOf(hello);
    if (oldImage !== null) {
      // It learns from the reply how far it had been; more than that is not to be said between us.
      this.#node.options.timers.defer(() => frames.close(oldImage));
      return { reply, handlers: { frame: () => {}, drain: () => {}, closed: () => {} } };
    }
    // The link begins once the reply is queued: what the cores then send must come after it.
    let link: PeerLink | null = null;
    let isOver = false;
    const isAsSaid = (): boolean => peers.isAsSaid(reply) && peers.isOfCluster(reply.clusterId);
    this.#node.options.timers.defer(() => {
      if (isOver) return;
      // Formed, closed or a new incarnation since the reply was made: the other side must not go by a hello that says otherwise.
      if (!isAsSaid()) frames.destroy();
      else link ??= peers.established(hello, frames);
    });
    return {
      reply,
      handlers: {
        frame: (type, body) => {
          if (link === null && !isAsSaid()) return;
          link ??= peers.established(hello, frames);
          peers.frame(link, type, body);
        },
        bytesArrived: () => {
          if (link !== null) peers.bytesArrived(link);
        },
        drain: () => {
          if (link !== null) peers.drained(link);
        },
        closed: (error) => {
          isOver = true;
          if (link !== null) peers.closed(link, error);
        },
      },
    };
  }

  #client(wanted: ClusterId | null, frames: FrameConnection): Admission {
    const { nodeId, clusterId, members } = this.#node.introduction();
    if (wanted !== null && clusterId !== null && wanted !== clusterId) {
      throw new QuorateError('clusterMismatch', `this is cluster ${clusterId}, not ${wanted}`, { found: clusterId, wanted });
    }
    if (this.#clients.size >= LIMITS.clientConnectionsMax) {
      throw new QuorateError('overloaded', `this node has ${LIMITS.clientConnectionsMax} client connections`);
    }
    const client: ClientConnection = new ClientConnection({ node: this.#node, frames, replied: () => this.#flushLater(client) });
    this.#clients.add(client);
    return {
      reply: { status: 'client', nodeId, clusterId, members },
      handlers: {
        frame: (type, body) => client.request(type, body),
        drain: () => client.drained(),
        closed: () => this.#closed(client),
      },
    };
  }

  #closed(client: ClientConnection): void {
    if (client.closed()) {
      this.#node.waiters.tails.someAreGone();
      this.#node.machines.someAreGone();
      // The next look at them is to come soon, not when their time is over.
      this.#node.needTurn();
    }
    this.#clients.delete(client);
  }

  #flushLater(client: ClientConnection): void {
    if (client.isFlushDue) return;
    client.isFlushDue = true;
    this.#toFlush.push(client);
    this.#node.needTurn();
  }

  flush(): void {
    const clients = this.#toFlush;
    this.#toFlush = [];
    for (const client of clients) {
      client.isFlushDue = false;
      client.frames.flush();
    }
  }

  /** Also refuses those whose hello is yet to come. */
  close(): void {
    this.#isClosed = true;
    this.flush();
    for (const client of this.#clients) client.frames.close();
  }
}
