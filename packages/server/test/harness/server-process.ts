import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ErrorDetails } from '@quorate/base';
import { LineProcess } from './line-process.js';
import { temporaryDirectory } from './temporary-directory.js';

const MAIN = fileURLToPath(new URL('./server-main.js', import.meta.url));

/** The outcome of `runServer`, as it left its process. */
export interface PrintedOutcome {
  readonly type: 'stopped' | 'failed' | 'forced';
  readonly signal?: string;
  readonly error: { readonly code: string; readonly message: string; readonly details: ErrorDetails } | null;
}

/** A line of a server's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string; readonly level: string };

/** How a server is started. */
export interface ServerStart {
  readonly node: number;
  readonly data: string;
  /** Ports of all members: the first is that of node 1. */
  readonly ports: readonly number[];
  readonly flags?: Readonly<Record<string, string>>;
  readonly settings?: Readonly<Record<string, number>>;
}

/** One server in a process of its own. */
export class ServerProcess extends LineProcess {
  readonly node: number;

  constructor({ node, data, ports, flags = {}, settings = {} }: ServerStart) {
    const config = join(temporaryDirectory(), 'config.json');
    // Small files, so that the many starts of the tests write little.
    writeFileSync(config, JSON.stringify({ settings: { journalFileBytes: 4_194_304, ...settings } }));
    const members = ports.map((port, index) => `${index + 1}=127.0.0.1:${port}`).join(',');
    const all = { node: String(node), data, members, config, ...flags };
    super(MAIN, [JSON.stringify(all)], { stdin: 'pipe' });
    this.node = node;
  }

  /** All lines of its log so far. Fails if one is not a JSON object with level, time, node and msg. */
  get log(): readonly LogLine[] {
    return this.lines.map((line) => {
      const parsed = JSON.parse(line) as LogLine;
      if (!['debug', 'info', 'warn', 'error'].includes(parsed.level) || typeof parsed.msg !== 'string' || parsed['node'] !== this.node)
        throw new Error(`not a log line: ${line}`);
      if (new Date(parsed['time'] as string).toISOString() !== parsed['time']) throw new Error(`not a time: ${line}`);
      return parsed;
    });
  }

  /** The first line of its log with this event, logged already or later. */
  async event(name: string): Promise<LogLine> {
    return JSON.parse(await this.line(new RegExp(`"msg":"${name}"`))) as LogLine;
  }

  /** Resolves when it leads the system group. */
  async leads(): Promise<void> {
    await this.line(/"group":0,.*"role":"leader"/);
  }

  /** What `runServer` resolved with; fails if the process ended otherwise. */
  async outcome(): Promise<PrintedOutcome> {
    const { code, signal } = await this.ended;
    const last = this.errorLines.at(-1);
    if (code !== 0 || last === undefined) throw new Error(`ended with ${code ?? signal}:\n${this.said}`);
    return JSON.parse(last) as PrintedOutcome;
  }
}
