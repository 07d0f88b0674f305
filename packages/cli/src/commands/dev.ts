import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { QuorateError } from '@quorate/base';
import { StopSignals } from '@quorate/server/stop-signals';
import type { CliIo } from '../cli-io.js';
import type { ChildExit, ChildSettings } from '../dev/child-node.js';
import { clusterReady } from '../dev/cluster-ready.js';
import { parseLine, readableLine } from '../dev/node-lines.js';
import { Supervisor } from '../dev/supervisor.js';
import { EXIT_CODES, exitCodeOfSignal } from '../exit-codes.js';
import { UsageError, reportError } from '../report-error.js';

export interface DevFlags {
  readonly nodes: number;
  readonly data: string;
  readonly port: number;
  readonly logLevel: string;
  readonly json: boolean;
}

const HOST = '127.0.0.1';
const COLORS = [36, 33, 35, 32, 34, 31] as const;

/** `quorate dev`: all nodes of a cluster as child processes, until a signal. */
export async function runDev(flags: DevFlags, io: CliIo): Promise<number> {
  if (flags.port + flags.nodes - 1 > 65_535)
    throw new UsageError(`--port: ${flags.nodes} nodes from port ${flags.port} on go beyond 65535`);
  const ports = Array.from({ length: flags.nodes }, (_, index) => flags.port + index);
  // Asked here first: one error that names the flag instead of one from each child.
  await Promise.all(ports.map(checkPortFree));
  return await new Promise((done) => new DevRun(flags, io, done).start(ports));
}

class DevRun {
  readonly #flags: DevFlags;
  readonly #io: CliIo;
  readonly #done: (code: number) => void;
  readonly #watch = new AbortController();
  #supervisor: Supervisor | null = null;
  #code: number = EXIT_CODES.ok.code;

  constructor(flags: DevFlags, io: CliIo, done: (code: number) => void) {
    this.#flags = flags;
    this.#io = io;
    this.#done = done;
  }

  start(ports: readonly number[]): void {
    const { stdout } = this.#io;
    // Nobody reads any more (a closed terminal, `| head`): the same as being told to stop.
    stdout.on('error', () => this.#stop());
    const members = ports.map((port, index) => `${index + 1}=${HOST}:${port}`).join(',');
    const nodes = ports.map(
      (port, index): ChildSettings => ({
        node: index + 1,
        address: `${HOST}:${port}`,
        dataDirectory: join(resolve(this.#flags.data), `node-${index + 1}`),
        members,
        logLevel: this.#flags.logLevel,
      }),
    );
    const supervisor = new Supervisor(nodes, {
      line: (node, line) => this.#line(node, line),
      crashed: (node, exit, restartMs) => this.#crashed(node, exit, restartMs),
      hopeless: (node, exit) => this.#hopeless(node, exit),
      killed: (node) => {
        this.#code = EXIT_CODES.internal.code;
        this.#say({ event: 'killed', node }, `node ${node} did not stop in time and was killed`);
      },
      allStopped: () => this.#end(),
    });
    this.#supervisor = supervisor;
    new StopSignals({
      stop: () => this.#stop(),
      force: (signal) => {
        this.#code = exitCodeOfSignal(signal);
        supervisor.kill();
      },
    });
    this.#say(
      { event: 'starting', nodes: nodes.length, data: resolve(this.#flags.data) },
      `starting ${nodes.length} node${nodes.length === 1 ? '' : 's'}, data in ${resolve(this.#flags.data)}`,
    );
    supervisor.start();
    clusterReady(
      nodes.map((node) => node.address),
      this.#watch.signal,
    ).then(
      ({ leader }) => this.#ready(nodes, leader),
      () => {},
    );
  }

  #ready(nodes: readonly ChildSettings[], leader: number): void {
    const addresses = nodes.map((node) => node.address);
    this.#say({ event: 'ready', leader, addresses }, readyText(addresses, leader));
  }

  #stop(): void {
    if (this.#supervisor === null || this.#supervisor.isStopping) return;
    this.#watch.abort();
    this.#say({ event: 'stopping' }, 'stopping all nodes (again to end them at once)');
    this.#supervisor.stop();
  }

  #crashed(node: number, exit: ChildExit, restartMs: number): void {
    const how = exit.signal === null ? `exit code ${exit.code}` : `signal ${exit.signal}`;
    const why = exit.error === null ? '' : ` (${exit.error.code}: ${exit.error.message})`;
    this.#say(
      { event: 'crashed', node, code: exit.code, signal: exit.signal, restartMs },
      `node ${node} ended with ${how}${why}; it starts again in ${restartMs} ms`,
    );
  }

  #hopeless(node: number, exit: ChildExit): void {
    this.#watch.abort();
    this.#code = exit.code ?? EXIT_CODES.internal.code;
    const { code, message, details } = exit.error ?? {
      code: 'unavailable' as const,
      message: `it ended with exit code ${exit.code}`,
      details: {},
    };
    const hint =
      code === 'directoryForeign' ? `; the data is in ${resolve(this.#flags.data)}: --nodes must be as it was, or --data another` : '';
    reportError(new QuorateError(code as QuorateError['code'], `node ${node}: ${message}${hint}`, details), this.#io, this.#flags.json);
  }

  #end(): void {
    this.#watch.abort();
    this.#say({ event: 'stopped' }, 'all nodes stopped');
    this.#done(this.#code);
  }

  #line(node: number, line: string): void {
    if (this.#flags.json) {
      this.#print(parseLine(line) === null ? JSON.stringify({ node, line }) : line);
    } else {
      this.#print(`${this.#prefix(`[node ${node}]`, COLORS[(node - 1) % COLORS.length] ?? 36)} ${readableLine(line)}`);
    }
  }

  #say(event: Readonly<Record<string, unknown>>, text: string): void {
    if (this.#flags.json) this.#print(JSON.stringify(event));
    else for (const line of text.split('\n')) this.#print(`${this.#prefix('[quorate]', 1)} ${line}`);
  }

  #print(line: string): void {
    if (!this.#io.stdout.destroyed) this.#io.stdout.write(`${line}\n`);
  }

  #prefix(text: string, color: number): string {
    return this.#io.stdout.isTTY === true && this.#io.environment['NO_COLOR'] === undefined ? `\u001b[${color}m${text}\u001b[0m` : text;
  }
}

function readyText(addresses: readonly string[], leader: number): string {
  const connect = addresses[0] === '127.0.0.1:7400' ? '' : ` --connect ${addresses[0]}`;
  return [
    `ready: node ${leader} leads; clients connect to ${addresses.join(', ')}`,
    'try in another terminal:',
    `  npx quorate stream create orders${connect}`,
    `  npx quorate stream append orders 'hello'${connect}`,
    `  npx quorate stream read orders${connect}`,
    `  npx quorate status${connect}`,
    'Ctrl-C drains and stops all nodes; the next start has the data',
  ].join('\n');
}

function checkPortFree(port: number): Promise<void> {
  return new Promise((done, fail) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) => {
      const message =
        cause.code === 'EADDRINUSE'
          ? `port ${port} is in use: stop what listens there or choose others with --port`
          : `cannot listen on port ${port}: ${cause.message}`;
      fail(new QuorateError('addressInUse', message, { address: `${HOST}:${port}` }, { cause }));
    });
    probe.listen({ host: HOST, port, exclusive: true }, () => probe.close(() => done()));
  });
}
