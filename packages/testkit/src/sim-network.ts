import {
  type Address,
  type Connection,
  type ConnectionHandlers,
  type Listener,
  type Network,
  QuorateError,
  type Random,
  formatAddress,
  randomChance,
} from '@quorate/base';
import { randomByName } from './random-by-name.js';
import type { SentMessage } from './run-record.js';
import type { SimScheduler } from './scheduler.js';
import { NetworkCalls } from './network-calls.js';
import { SimConnection } from './sim-connection.js';
import { DEFAULT_LINK, type LinkConditions, SimLink } from './sim-link.js';
import type { SimProcess } from './sim-process.js';

/** What the cables between simulated nodes are like. */
export interface SimNetworkOptions {
  readonly scheduler: SimScheduler;
  readonly random: Random;
  /** What every link is like until `setLink`. */
  readonly link?: Partial<LinkConditions>;
  /** Socket buffers of both sides of a connection together. Default 256 KiB. */
  readonly windowBytes?: number;
  /** Time after which a connection attempt over a cut link fails, in ms. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** Told of everything that sets out. */
  readonly sent?: (message: SentMessage) => void;
}

interface SimListener {
  readonly process: SimProcess;
  readonly accept: (connection: Connection) => ConnectionHandlers;
}

/** The cables and switches between the nodes of a simulation. Each process gets its own `Network` from `attach`. */
export class SimNetwork {
  readonly #scheduler: SimScheduler;
  readonly #seed: number;
  readonly #conditions: LinkConditions;
  readonly #windowBytes: number;
  readonly #connectTimeoutMs: number;
  readonly #sent: SimNetworkOptions['sent'];
  readonly #links = new Map<string, SimLink>();
  readonly #listeners = new Map<string, SimListener>();
  /** The node that last listened on an address: where packets to it go even while nobody listens. */
  readonly #homes = new Map<string, string>();
  readonly #open = new Set<SimConnection>();
  /** The two ends of each connection. */
  readonly #other = new Map<SimConnection, SimConnection>();
  /** Ends whose other machine lost power, by the name of that machine. */
  readonly #orphans = new Map<string, SimConnection[]>();
  readonly #calls = new Map<SimProcess, NetworkCalls>();
  #nextPort = 40_000;
  #opened = 0;

  constructor(options: SimNetworkOptions) {
    this.#scheduler = options.scheduler;
    this.#seed = options.random.nextUint32();
    this.#conditions = { ...DEFAULT_LINK, ...options.link };
    this.#windowBytes = options.windowBytes ?? 262_144;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 2000;
    this.#sent = options.sent;
  }

  /** Connections made since the start. */
  get connectionsOpened(): number {
    return this.#opened;
  }
  /** Ends of connections that are open now. */
  get openEnds(): number {
    return this.#open.size;
  }

  /** The network as a process sees it. When the process is killed its connections close toward others. */
  attach(process: SimProcess): Network {
    const calls = this.callsOf(process);
    process.onKilled(() => {
      this.#calls.delete(process);
      this.#release(process, (end) => end.abandon());
    });
    // A rebooted machine answers packets of connections it does not know with a reset.
    for (const end of this.#orphans.get(process.name) ?? []) this.#breakOffLater(end, 'connection reset', 2 * this.#conditions.latencyMs);
    this.#orphans.delete(process.name);
    return {
      listen: (address, accept, done) => within(calls, () => this.#listen(process, address, accept, done)),
      connect: (address, handlers) => within(calls, () => this.#connect(process, address, handlers)),
    };
  }

  /** The calls of a process, from its first one on. */
  callsOf(process: SimProcess): NetworkCalls {
    let calls = this.#calls.get(process);
    if (calls === undefined) this.#calls.set(process, (calls = new NetworkCalls(process)));
    return calls;
  }

  /** The machine loses power: call before killing the process. Others hear nothing until the node attaches again, or for `silenceMs`. */
  powerLost(process: SimProcess, silenceMs: number): void {
    const orphans: SimConnection[] = this.#orphans.get(process.name) ?? [];
    this.#orphans.set(process.name, orphans);
    this.#release(process, (end) => {
      const other = this.#other.get(end);
      end.vanish();
      if (other === undefined) return;
      orphans.push(other);
      this.#breakOffLater(other, 'no answer', silenceMs);
    });
  }

  /** Conditions of one direction from now on. */
  setLink(from: string, to: string, conditions: Partial<LinkConditions>): void {
    const link = this.#link(from, to);
    link.conditions = { ...link.conditions, ...conditions };
  }

  /** The conditions that the network began with. */
  resetLink(from: string, to: string): void {
    this.#link(from, to).conditions = this.#conditions;
  }

  /** Cuts one direction: what is sent waits until `heal`. */
  cutOneWay(from: string, to: string): void {
    this.#link(from, to).cut();
  }
  /** Cuts both directions. `reset`: open connections between the two break at once on both sides; `hold`: they stall. */
  cut(a: string, b: string, mode: 'hold' | 'reset' = 'hold'): void {
    this.#link(a, b).cut();
    this.#link(b, a).cut();
    if (mode === 'reset') this.resetConnections(a, b);
  }
  /** Mends both directions. */
  heal(a: string, b: string): void {
    this.#link(a, b).heal();
    this.#link(b, a).heal();
  }
  healAll(): void {
    for (const link of this.#links.values()) link.heal();
  }

  /** Breaks all connections between two nodes, possibly in the middle of a frame; returns how many ends. */
  resetConnections(a: string, b: string): number {
    const ends = this.#endsBetween(a, b);
    for (const [end] of ends) {
      end.cutInFlight();
      this.#breakOffLater(end, 'connection reset', this.#conditions.latencyMs);
    }
    return ends.length;
  }

  /**
   * Each connection between two nodes is over for `a`, and what is on its way is lost; `b` hears nothing and takes it for open, for `silenceMs`.
   * Returns how many.
   */
  halfOpen(a: string, b: string, silenceMs: number): number {
    const ends = this.#endsBetween(a, b).filter(([end]) => end.process.name === a);
    for (const [end, other] of ends) {
      end.vanish('connection lost');
      this.#breakOffLater(other, 'no answer', silenceMs);
    }
    return ends.length;
  }

  /**
   * Each connection between two nodes is over for the one that dialed, who will dial again; the other takes it for open, and is given what was
   * on its way only after `holdMs`, when the next connection may be at work. Then it hears the end. Returns how many.
   */
  doubleConnections(a: string, b: string, holdMs: number): number {
    const ends = this.#endsBetween(a, b).filter(([end]) => end.isDialer);
    for (const [end, other] of ends) {
      other.hold();
      end.breakOff('connection lost');
      this.#scheduler.schedule(this.#scheduler.nowMs + holdMs, () => other.release(), other.process);
      this.#breakOffLater(other, 'connection reset', holdMs + 2 * this.#conditions.latencyMs);
    }
    return ends.length;
  }

  /** Ends of connections between two nodes, each with the other end. */
  #endsBetween(a: string, b: string): readonly (readonly [SimConnection, SimConnection])[] {
    const ends: (readonly [SimConnection, SimConnection])[] = [];
    for (const end of this.#open) {
      const other = this.#other.get(end);
      if (other !== undefined && isBetween(end.process.name, other.process.name, a, b)) ends.push([end, other]);
    }
    return ends;
  }

  #breakOffLater(end: SimConnection, reason: string, delayMs: number): void {
    this.#scheduler.schedule(this.#scheduler.nowMs + delayMs, () => end.breakOff(reason), end.process);
  }

  #link(from: string, to: string): SimLink {
    const key = `${from}>${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      const sent = this.#sent;
      const tell = (bytes: number, sentMs: number, arrivesMs: number): void => sent?.({ from, to, bytes, sentMs, arrivesMs });
      link = new SimLink(this.#scheduler, randomByName(this.#seed, key), this.#conditions, sent === undefined ? undefined : tell);
      this.#links.set(key, link);
    }
    return link;
  }

  #release(process: SimProcess, close: (end: SimConnection) => void): void {
    for (const [key, listener] of this.#listeners) if (listener.process === process) this.#listeners.delete(key);
    for (const end of [...this.#open]) if (end.process === process) close(end);
  }

  #listen(
    process: SimProcess,
    address: Address,
    accept: SimListener['accept'],
    done: (error: QuorateError | null, listener: Listener | null) => void,
  ): void {
    // Code of a process that died in a call may go on to its end: it takes no address from the next one.
    if (!process.isAlive) return;
    const actual: Address = address.port === 0 ? { host: address.host, port: this.#nextPort++ } : address;
    const key = formatAddress(actual);
    if (this.#listeners.has(key)) {
      const error = new QuorateError('addressInUse', `address ${key} is in use`, { address: key });
      process.timers.defer(() => done(error, null));
      return;
    }
    const listener: SimListener = { process, accept };
    this.#listeners.set(key, listener);
    this.#homes.set(key, process.name);
    const close = (): void => {
      if (this.#listeners.get(key) === listener) this.#listeners.delete(key);
    };
    process.timers.defer(() => done(null, { address: actual, close }));
  }

  #connect(
    process: SimProcess,
    address: Address,
    handlers: ConnectionHandlers & { opened(connection: Connection): void },
  ): { cancel(): void } {
    if (!process.isAlive) return { cancel: () => {} };
    const key = formatAddress(address);
    const home = this.#homes.get(key) ?? process.name;
    const there = this.#link(process.name, home);
    const back = this.#link(home, process.name);
    let isSettled = false;
    let ours: SimConnection | undefined;
    const settle = (outcome: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      outcome();
    };
    const timeout = process.timers.set(this.#connectTimeoutMs, () =>
      settle(() => {
        ours?.destroy();
        handlers.closed('connection attempt timed out');
      }),
    );
    // The handshake is the work of the two operating systems: a stopped process on the other side does not delay it.
    const answer = (): void => {
      const listener = this.#listeners.get(key);
      if (listener === undefined) {
        back.send(
          { lastArrivalMs: 0 },
          0,
          this.#scheduler.nowMs,
          () =>
            settle(() => {
              process.timers.clear(timeout);
              handlers.closed('connection refused');
            }),
          process,
        );
        return;
      }
      if (!process.isAlive || isSettled) return;
      const [near, far] = this.#pair(process, listener.process, key);
      ours = near;
      this.#scheduler.schedule(this.#scheduler.nowMs, () => this.#accept(listener, far), listener.process);
      back.send(
        { lastArrivalMs: 0 },
        0,
        this.#scheduler.nowMs,
        () => {
          if (isSettled) near.destroy();
          settle(() => {
            process.timers.clear(timeout);
            if (near.isClosed) {
              handlers.closed('connection reset');
              return;
            }
            near.attach(handlers);
            handlers.opened(near);
          });
        },
        process,
      );
    };
    there.send({ lastArrivalMs: 0 }, 0, process.nowMs, answer, null);
    return {
      cancel: () => {
        process.timers.clear(timeout);
        settle(() => {});
      },
    };
  }

  #accept(listener: SimListener, end: SimConnection): void {
    if (end.isClosed) return;
    end.attach(listener.accept(end));
  }

  #pair(client: SimProcess, server: SimProcess, serverAddress: string): [SimConnection, SimConnection] {
    const there = this.#link(client.name, server.name);
    const back = this.#link(server.name, client.name);
    const onGone = (end: SimConnection): void => {
      this.#open.delete(end);
      this.#other.delete(end);
    };
    const shared = {
      random: randomByName(this.#seed, `connection ${this.#opened}`),
      trace: this.#scheduler.trace,
      windowBytes: this.#windowBytes,
      onGone,
    };
    const near = new SimConnection({
      ...shared,
      process: client,
      calls: this.callsOf(client),
      isDialer: true,
      remote: serverAddress,
      outward: there,
      inward: back,
    });
    const far = new SimConnection({
      ...shared,
      process: server,
      calls: this.callsOf(server),
      isDialer: false,
      remote: `${client.name}:${this.#nextPort++}`,
      outward: back,
      inward: there,
    });
    SimConnection.join(near, far);
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#open.add(end);
      this.#other.set(end, other);
    }
    this.#opened++;
    return [near, far];
  }
}

/** One call of a process. */
function within<T>(calls: NetworkCalls, action: () => T): T {
  const crash = calls.enter();
  const result = action();
  if (crash !== null) calls.die();
  return result;
}

function isBetween(x: string, y: string, a: string, b: string): boolean {
  return (x === a && y === b) || (x === b && y === a);
}

/** All random faults of a network that a swarm may draw: one link's conditions. */
export function randomLinkConditions(random: Random): Partial<LinkConditions> {
  const isSlow = randomChance(random, 0.2);
  const unit = (): number => random.nextUint32() / 0x1_0000_0000;
  return {
    latencyMs: isSlow ? 2 + unit() * 20 : 0.05 + unit(),
    jitterMs: isSlow ? unit() * 20 : unit(),
    bytesPerMs: randomChance(random, 0.1) ? 1000 + unit() * 10_000 : 125_000,
    chunkChance: randomChance(random, 0.15) ? 0.9 : 0.05,
  };
}
