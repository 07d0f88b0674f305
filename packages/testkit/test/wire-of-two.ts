import { type Connection, type ConnectionHandlers, SeededRandom } from '@quorate/base';
import { type SimProcess, SimNetwork, SimScheduler } from '@quorate/testkit';

const ADDRESS = { host: 'b', port: 7400 };

/** What one end of a connection was told, with the time. */
export interface End {
  readonly connection: Connection;
  readonly received: string[];
  readonly closed: number[];
}

/** `a` dials `b` as often as it is told to. */
export class Wire {
  readonly scheduler = new SimScheduler();
  readonly network: SimNetwork;
  readonly a: SimProcess;
  readonly b: SimProcess;
  readonly dialed: End[] = [];
  readonly accepted: End[] = [];
  readonly #networkOfA;

  constructor(seed: number) {
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: new SeededRandom(seed),
      link: { latencyMs: 1, jitterMs: 0, chunkChance: 0 },
    });
    this.a = this.scheduler.forNode('a');
    this.b = this.scheduler.forNode('b');
    this.#networkOfA = this.network.attach(this.a);
    this.network.attach(this.b).listen(
      ADDRESS,
      (connection) => this.#end(this.accepted, connection),
      () => {},
    );
    this.dial();
  }

  dial(): void {
    const end: { handlers: ConnectionHandlers | null } = { handlers: null };
    this.#networkOfA.connect(ADDRESS, {
      opened: (connection) => (end.handlers = this.#end(this.dialed, connection)),
      data: (bytes) => end.handlers?.data(bytes),
      drain: () => {},
      closed: (reason) => end.handlers?.closed(reason),
    });
    this.scheduler.runFor(10);
  }

  #end(ends: End[], connection: Connection): ConnectionHandlers {
    const end: End = { connection, received: [], closed: [] };
    ends.push(end);
    return {
      data: (bytes) => end.received.push(String.fromCharCode(...bytes)),
      drain: () => {},
      closed: () => end.closed.push(this.scheduler.nowMs),
    };
  }
}

const bytes = (text: string): Uint8Array => Uint8Array.from(text, (letter) => letter.charCodeAt(0));

/** Sends a text at once. */
export function send(end: End | undefined, text: string): void {
  end?.connection.write(bytes(text));
  end?.connection.flush();
}
