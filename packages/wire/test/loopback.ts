import assert from 'node:assert/strict';
import { type Socket, connect } from 'node:net';
import { type Address, LIMITS, type Listener, type NodeId, type QuorateError, SYSTEM_GROUP, concatBytes, nodeId } from '@quorate/base';
import { NodeNetwork, nodeTimers } from '@quorate/platform-node';
import {
  type AcceptOptions,
  type AcceptedReply,
  type DialOptions,
  type EncodedFrame,
  FRAME_TYPES,
  FrameDecoder,
  OutgoingFrames,
  type FrameConnection,
  type FrameHandlers,
  type Hello,
  type HelloReply,
  acceptFrameConnection,
  decodeHelloReply,
  encodeHello,
  encodePreface,
  encodeRaftFrame,
  openFrameConnection,
} from '@quorate/wire';

/** A promise and what settles it. */
export interface Signal<T> {
  readonly promise: Promise<T>;
  fire(value: T): void;
}

export function signal<T>(): Signal<T> {
  let fire: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}

/** Handlers that remember what they are told. */
export class Recorder implements FrameHandlers {
  readonly frames: { type: number; body: Uint8Array }[] = [];
  readonly opened: Signal<AcceptedReply> = signal();
  readonly ended: Signal<QuorateError> = signal();
  closedCount = 0;
  drains = 0;
  #waiting: { count: number; signal: Signal<void> } | null = null;
  onFrame: (type: number, body: Uint8Array) => void = () => {};

  frame(type: number, body: Uint8Array): void {
    this.frames.push({ type, body: body.slice() });
    this.onFrame(type, body);
    if (this.#waiting !== null && this.frames.length >= this.#waiting.count) this.#waiting.signal.fire();
  }
  drain(): void {
    this.drains++;
  }
  closed(error: QuorateError): void {
    this.closedCount++;
    this.ended.fire(error);
  }
  /** Settles when that many frames came in all. */
  received(count: number): Promise<void> {
    this.#waiting = { count, signal: signal() };
    if (this.frames.length >= count) this.#waiting.signal.fire();
    return this.#waiting.signal.promise;
  }
}

export const SELF: NodeId = nodeId(1);
export const CLIENT_REPLY: AcceptedReply = { status: 'client', nodeId: SELF, clusterId: null, members: [] };

/** A listening node on a free port of loopback: admits every hello as a client, unless told otherwise. */
export class TestServer {
  readonly network: NodeNetwork = new NodeNetwork();
  readonly hellos: Hello[] = [];
  /** Per admitted connection. */
  readonly recorders: Recorder[] = [];
  readonly connections: FrameConnection[] = [];
  readonly failed: Signal<QuorateError> = signal();
  readonly admitted: Signal<FrameConnection> = signal();
  #listener: Listener | null = null;

  async start(options: Partial<AcceptOptions> = {}): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.network.listen(
        { host: '127.0.0.1', port: 0 },
        (connection) => {
          const frames = acceptFrameConnection(connection, {
            timers: nodeTimers,
            hello: (hello, admitted) => {
              this.hellos.push(hello);
              const recorder = new Recorder();
              this.recorders.push(recorder);
              this.admitted.fire(admitted);
              return { reply: CLIENT_REPLY, handlers: recorder };
            },
            failed: (error) => this.failed.fire(error),
            ...options,
          });
          this.connections.push(frames);
          return frames.connectionHandlers;
        },
        (error, listener) => {
          this.#listener = listener;
          if (error === null) resolve();
          else reject(error);
        },
      );
    });
    return this;
  }

  get address(): Address {
    return (this.#listener as Listener).address;
  }

  dial(recorder: Recorder, options: Partial<DialOptions> = {}): FrameConnection {
    return openFrameConnection({
      network: this.network,
      address: this.address,
      timers: nodeTimers,
      hello: () => ({ role: 'client', clusterId: null }),
      handlers: {
        opened: (reply) => recorder.opened.fire(reply),
        frame: (type, body) => recorder.frame(type, body),
        drain: () => recorder.drain(),
        closed: (error) => recorder.closed(error),
      },
      ...options,
    });
  }

  /** A socket that speaks whatever the test writes; resolves with all it was sent once the server closed it. */
  raw(bytes: Uint8Array | string): { socket: Socket; all: Promise<Buffer> } {
    const socket = connect({ host: '127.0.0.1', port: this.address.port });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    const all = new Promise<Buffer>((resolve) => socket.on('close', () => resolve(Buffer.concat(chunks))));
    socket.write(bytes);
    return { socket, all };
  }

  stop(): void {
    this.#listener?.close();
    for (const connection of this.connections) connection.destroy();
  }
}

/** A frame of some bytes to send. */
export function payload(bytes: Uint8Array): { type: number; parts: readonly Uint8Array[] } {
  return encodeRaftFrame(SYSTEM_GROUP, [bytes]);
}

/** Runs a test against a server and stops it whatever happens. */
export async function withServer(server: TestServer, options: Parameters<TestServer['start']>[0], act: () => Promise<void>): Promise<void> {
  await server.start(options);
  try {
    await act();
  } finally {
    server.stop();
  }
}

/** What a raw client sends first: the preface and frames. */
export function firstFrames(...frames: { type: number; parts: readonly Uint8Array[] }[]): Uint8Array {
  const outgoing = new OutgoingFrames(LIMITS.frameBytesMax);
  outgoing.addRaw(encodePreface());
  for (const frame of frames) outgoing.add(frame.type, frame.parts);
  return concatBytes(outgoing.takeChunks());
}

/** The hello of a client that takes any cluster. */
export const CLIENT_HELLO: EncodedFrame = encodeHello({ role: 'client', clusterId: null });

/** What a raw client was answered. */
export function replyIn(bytes: Uint8Array): HelloReply {
  let reply: HelloReply | null = null;
  new FrameDecoder({ frameBytesMax: LIMITS.frameBytesMax, expectPreface: true }).push(bytes, (type, body) => {
    assert.equal(type, FRAME_TYPES.helloReply);
    reply = decodeHelloReply(body);
  });
  assert.ok(reply !== null, `no reply in ${bytes.length} bytes`);
  return reply;
}

/** Both ends of an open connection, each with who is told of it. */
export interface OpenPair {
  readonly dialed: FrameConnection;
  readonly client: Recorder;
  readonly accepted: FrameConnection;
  readonly recorder: Recorder;
}

/** Runs `use` with an open connection to a server of its own; `options` are of both ends. */
export async function withPair(options: Partial<AcceptOptions & DialOptions>, use: (pair: OpenPair) => Promise<void>): Promise<void> {
  const server = new TestServer();
  await withServer(server, options, async () => {
    const client = new Recorder();
    const dialed = server.dial(client, options);
    await client.opened.promise;
    await use({ dialed, client, accepted: server.connections[0] as FrameConnection, recorder: server.recorders[0] as Recorder });
  });
}
