// Where namespaces are not to be had: every node is reached through a proxy of this process, which knows by the first frame of a connection who
// has dialed, and can hold what one side sends or break the connection.
import { connect, createServer } from 'node:net';
import { LIMITS } from '@quorate/base';
import { FrameDecoder, decodeHello } from '@quorate/wire';
import { freePorts } from '../prove/free-ports.mjs';

export class ProxyNetwork {
  kind = 'proxies';
  #ports = new Map();
  #servers = [];
  #pipes = new Set();
  #cuts = new Set();
  #nodes;

  /** For each node name a proxy; clients are told apart from nodes, and not from each other. */
  static async make(nodes) {
    const network = new ProxyNetwork();
    network.#nodes = [...nodes];
    const ports = await freePorts(2 * nodes.length);
    for (const [i, name] of nodes.entries()) {
      network.#ports.set(name, { listen: ports[2 * i], advertise: ports[2 * i + 1] });
      await network.#serve(name);
    }
    return network;
  }

  listener(name) {
    const { listen, advertise } = this.#ports.get(name);
    return { listen: `127.0.0.1:${listen}`, advertise: `127.0.0.1:${advertise}` };
  }

  within(_name, command, args) {
    return [command, args];
  }

  async #serve(name) {
    const { listen, advertise } = this.#ports.get(name);
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const pipe = new Pipe(socket, connect(listen, '127.0.0.1'), (id) => this.#nodes[id - 1]);
      pipe.listener = name;
      pipe.changed = () => this.#apply(pipe);
      pipe.closed = () => this.#pipes.delete(pipe);
      this.#pipes.add(pipe);
      this.#apply(pipe);
    });
    this.#servers.push(server);
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(advertise, '127.0.0.1', resolve);
    });
  }

  #apply(pipe) {
    pipe.hold(this.#cuts.has(`${pipe.dialer}>${pipe.listener}`), this.#cuts.has(`${pipe.listener}>${pipe.dialer}`));
  }

  cut(from, to) {
    this.#cuts.add(`${from}>${to}`);
    for (const pipe of this.#pipes) this.#apply(pipe);
  }

  reset(a, b) {
    for (const pipe of [...this.#pipes]) {
      const ends = [pipe.dialer, pipe.listener];
      if (ends.includes(a) && ends.includes(b)) pipe.destroy();
    }
  }

  healAll() {
    this.#cuts.clear();
    for (const pipe of this.#pipes) this.#apply(pipe);
  }

  remove() {
    for (const server of this.#servers) server.close();
    for (const pipe of [...this.#pipes]) pipe.destroy();
  }
}

/** One connection through a proxy. Until the dialer is known it counts as a client. */
class Pipe {
  dialer = 'client';
  listener = '';
  changed = () => {};
  closed = () => {};
  #near;
  #far;
  #held = new Set();

  constructor(near, far, nameOf) {
    this.#near = near;
    this.#far = far;
    const reader = new DialerReader();
    const look = (chunk) => {
      const dialer = reader.push(chunk);
      if (dialer === undefined) return;
      near.off('data', look);
      if (dialer === 0) return;
      this.dialer = nameOf(dialer) ?? 'client';
      this.changed();
    };
    near.on('data', look);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.setNoDelay(true);
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (!this.#isHeld(from)) from.resume();
      });
      from.on('end', () => to.end());
      from.on('error', () => this.destroy());
      from.on('close', () => this.destroy());
    }
  }

  #isHeld(socket) {
    return this.#held.has(socket);
  }

  /** Whether what the dialer, and what the listener sends is held back. */
  hold(isDialerHeld, isListenerHeld) {
    for (const [socket, isHeld] of [
      [this.#near, isDialerHeld],
      [this.#far, isListenerHeld],
    ]) {
      if (isHeld === this.#isHeld(socket)) continue;
      if (isHeld) {
        this.#held.add(socket);
        socket.pause();
      } else {
        this.#held.delete(socket);
        socket.resume();
      }
    }
  }

  destroy() {
    this.#near.destroy();
    this.#far.destroy();
    this.closed();
  }
}

/** Finds out by the first frame of a connection who has dialed. */
class DialerReader {
  #decoder = new FrameDecoder({ frameBytesMax: LIMITS.helloFrameBytesMax, expectPreface: true });

  /** Node id of the dialer; 0: a client, or none of ours; undefined: more bytes are needed. */
  push(bytes) {
    let dialer;
    try {
      this.#decoder.push(bytes, (_type, body) => {
        const hello = decodeHello(body);
        dialer = hello.role === 'peer' ? hello.nodeId : 0;
        this.#decoder.stop();
      });
    } catch {
      return 0;
    }
    return dialer;
  }
}
