import { freePortRange } from '../../../server/dist-test/harness/free-ports.js';
import { LineProcess, type ProcessEnd } from '../../../server/dist-test/harness/line-process.js';
import { temporaryDirectory } from '../../../server/dist-test/harness/temporary-directory.js';
import { ENTRY } from './cli-run.js';

/** How a cluster is started. */
export interface DevClusterOptions {
  readonly nodes: number;
  /** Program that runs the command line. */
  readonly program?: string;
  /** Data and port of an earlier cluster, to start it again. */
  readonly data?: string;
  readonly port?: number;
}

/** `quorate dev` with all its processes. */
export class DevCluster {
  readonly process: LineProcess;
  readonly data: string;
  readonly port: number;
  /** `HOST:PORT` of each node. */
  readonly addresses: readonly string[];

  private constructor(facts: { process: LineProcess; data: string; port: number; nodes: number }) {
    this.process = facts.process;
    this.data = facts.data;
    this.port = facts.port;
    this.addresses = Array.from({ length: facts.nodes }, (_, index) => `127.0.0.1:${facts.port + index}`);
  }

  /** Starts it and waits until it says that it is ready. */
  static async start({ nodes, program = ENTRY, data, port }: DevClusterOptions): Promise<DevCluster> {
    const facts = { nodes, data: data ?? temporaryDirectory(), port: port ?? (await freePortRange(nodes)) };
    const args = ['dev', '--nodes', String(nodes), '--data', facts.data, '--port', String(facts.port), '--json'];
    const cluster = new DevCluster({ process: new LineProcess(program, args), ...facts });
    await cluster.process.line(/"event":"ready"/);
    return cluster;
  }

  /** All addresses, as `--connect` and `Quorate.connect` take them. */
  get connect(): string {
    return this.addresses.join(',');
  }

  /** Process ids of all servers that were ever started. */
  get serverPids(): readonly number[] {
    const starts = this.process.lines.filter((line) => line.includes('"msg":"starting"'));
    return starts.map((line) => (JSON.parse(line) as { pid: number }).pid);
  }

  /** Asks it to stop in order, as Ctrl-C does, and waits for the end. */
  stop(): Promise<ProcessEnd> {
    return this.process.end('SIGINT');
  }
}
