import type { Address, Connection, ConnectionHandlers, Listener } from '@quorate/base';
import { NodeNetwork } from '@quorate/platform-node';

/** Remembers what a connection told, and waits for it. */
export class Recorder implements ConnectionHandlers {
  readonly log: string[] = [];
  readonly chunks: Uint8Array[] = [];
  bytes = 0;
  connection: Connection | null = null;
  onData: (bytes: Uint8Array) => void = () => {};
  /** True while a call to the connection is on the stack: no callback may come then. */
  isInCall = false;
  readonly #waiting: { until: () => boolean; resolve: () => void }[] = [];

  opened(connection: Connection): void {
    this.connection = connection;
    this.#note('opened');
  }
  data(bytes: Uint8Array): void {
    this.bytes += bytes.length;
    this.chunks.push(bytes.slice());
    this.onData(bytes);
    this.#note('data');
  }
  drain(): void {
    this.#note('drain');
  }
  closed(reason: string): void {
    this.#note(`closed: ${reason}`);
  }
  #note(event: string): void {
    this.log.push(this.isInCall ? `${event} within a call` : event);
    for (const waiter of this.#waiting) if (waiter.until()) waiter.resolve();
  }

  /** Calls the connection; a callback from within shows in the log. */
  call(act: (connection: Connection) => void): void {
    this.isInCall = true;
    act(this.connection as Connection);
    this.isInCall = false;
  }
  async until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => this.#waiting.push({ until: condition, resolve }));
  }
  async event(name: string): Promise<void> {
    await this.until(() => this.log.some((event) => event.startsWith(name)));
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

export function listen(network: NodeNetwork, address: Address, accept: (connection: Connection) => ConnectionHandlers): Promise<Listener> {
  return new Promise((resolve, reject) => {
    network.listen(address, accept, (error, listener) => (error === null ? resolve(listener as Listener) : reject(error)));
  });
}

/** Two ends of one loopback connection. */
export async function pair(): Promise<{ dialed: Recorder; accepted: Recorder; stop(): void }> {
  const network = new NodeNetwork();
  const accepted = new Recorder();
  const dialed = new Recorder();
  const listener = await listen(network, { host: '127.0.0.1', port: 0 }, (connection) => {
    accepted.opened(connection);
    return accepted;
  });
  network.connect(listener.address, dialed);
  await dialed.event('opened');
  await accepted.event('opened');
  listener.close();
  return {
    dialed,
    accepted,
    stop: () => {
      dialed.connection?.destroy();
      accepted.connection?.destroy();
    },
  };
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
