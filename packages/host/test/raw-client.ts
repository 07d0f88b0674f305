import { type QuorateError, formatAddress, parseAddress } from '@quorate/base';
import {
  type ClientRequestBody,
  type ClientResponse,
  type FrameConnection,
  type ServerPush,
  decodePush,
  decodeResponse,
  encodeRequest,
  isPush,
  openFrameConnection,
} from '@quorate/wire';
import type { SimCluster, SimNode } from '@quorate/testkit';

let count = 0;

/** A client that speaks the protocol to one node and does nothing by itself. */
export class RawClient {
  readonly answers: Map<number, ClientResponse> = new Map();
  /** All answers in order, also several to one request. */
  readonly log: ClientResponse[] = [];
  readonly pushes: ServerPush[] = [];
  /** Types of all that came, in order. */
  readonly order: string[] = [];
  readonly frames: FrameConnection;
  /** What the connection ended with; null: it has not. */
  closeError: QuorateError | null = null;
  /** Of its process. */
  readonly name: string;
  readonly #waiting: { id: number; body: ClientRequestBody }[] = [];
  #isOpen = false;
  #id = 0;

  constructor(cluster: SimCluster, node: SimNode) {
    this.name = `raw${++count}`;
    const process = cluster.scheduler.forNode(this.name);
    this.frames = openFrameConnection({
      network: cluster.network.attach(process),
      timers: process.timers,
      address: parseAddress(formatAddress(node.address)),
      hello: () => ({ role: 'client', clusterId: null }),
      handlers: {
        opened: () => {
          this.#isOpen = true;
          for (const { id, body } of this.#waiting.splice(0)) this.#send(id, body);
        },
        frame: (type, body) => {
          if (isPush(type)) {
            const push = decodePush(type, body.slice());
            this.pushes.push(push);
            this.order.push(push.type);
            return;
          }
          const response = decodeResponse(type, body.slice());
          this.log.push(response);
          this.order.push(response.type);
          this.answers.set(response.id, response);
        },
        drain: () => {},
        closed: (error) => {
          this.closeError = error;
          this.#isOpen = false;
        },
      },
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Sends a request, at once or when the connection is open; its id. */
  send(body: ClientRequestBody): number {
    const id = ++this.#id;
    if (this.#isOpen) this.#send(id, body);
    else this.#waiting.push({ id, body });
    return id;
  }

  #send(id: number, body: ClientRequestBody): void {
    const { type, parts } = encodeRequest(id, body);
    this.frames.send(type, parts);
  }
}
