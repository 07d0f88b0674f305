import { DEFAULT_GROUP, type QuorateError } from '@quorate/base';
import type { SessionClient, SessionOptions } from '@quorate/client';
import { type AnyResourceType, type CommandNames, type ResourceId, decodeFields, decodeValue, encodeFields } from '@quorate/machine';
import { SimCluster, type SimClient, type SimClusterOptions, type SimNode } from '@quorate/testkit';
import { TALLY, TALLY_TYPE } from './tally.js';

/** What a call ended with, and when (true time, ms). */
export interface Ended {
  readonly error: QuorateError | null;
  readonly value: unknown;
  readonly index: number;
  readonly atMs: number;
}

/** A client with a session that works on the tally `t`. */
export class TallyUser {
  readonly client: SimClient;
  readonly sessions: SessionClient;
  readonly events: { readonly value: number; readonly index: number }[] = [];
  /** Bytes events. */
  readonly fillers: number[] = [];
  readonly states: { readonly state: string; readonly atMs: number }[] = [];
  lost: { readonly error: QuorateError; readonly atMs: number } | null = null;
  readonly #cluster: SimCluster;
  #tally: ResourceId = 0;

  constructor(cluster: SimCluster, name: string, options: SessionOptions = {}) {
    this.#cluster = cluster;
    this.client = cluster.client(name);
    this.sessions = this.client.core.sessions(DEFAULT_GROUP, options);
  }

  get tally(): ResourceId {
    return this.#tally;
  }
  get id(): number {
    return this.sessions.session;
  }

  /** Opens a session and the tally. */
  open(): this {
    const { version, type } = TALLY;
    this.#tally = this.#cluster.await('opening the tally', 30_000, (done) =>
      this.sessions.openResource(type, version, 't', { deadlineMs: 30_000 }, done),
    );
    this.sessions.listen(this.#tally, {
      event: (code, index, fields) => {
        if (code === TALLY.events.changed.code) this.events.push({ index, ...decodeFields(TALLY.events.changed.fields, fields) });
        else this.fillers.push(index);
      },
      sessionLost: (error) => {
        this.lost = { error, atMs: this.#cluster.scheduler.nowMs };
      },
      stateChanged: (state) => this.states.push({ state, atMs: this.#cluster.scheduler.nowMs }),
    });
    return this;
  }

  command(
    name: CommandNames<typeof TALLY>,
    args: Record<string, unknown>,
    done: (ended: Ended) => void = () => {},
    deadlineMs = 30_000,
  ): void {
    const operation = TALLY.operations[name];
    const bytes = encodeFields(operation.args, args as never, name);
    this.sessions.submit(this.#tally, operation.code, bytes, { deadlineMs }, (error, result) =>
      done({
        error,
        value: result === null ? null : decodeValue<unknown>(operation.result, result.result),
        index: result?.index ?? 0,
        atMs: this.#cluster.scheduler.nowMs,
      }),
    );
  }

  /** Waits for a command. */
  run(name: CommandNames<typeof TALLY>, args: Record<string, unknown> = {}): Ended {
    let ended: Ended | null = null;
    this.command(name, args, (each) => {
      ended = each;
    });
    this.#cluster.runUntil(() => ended !== null, 40_000, `${this.client.name}: ${name}`);
    return ended as unknown as Ended;
  }

  query(
    name: 'get' | 'holder',
    options: { readonly consistency?: 'linearizable' | 'sequential'; readonly deadlineMs?: number },
    done: (ended: Ended) => void,
  ): void {
    const operation = TALLY.operations[name];
    this.sessions.query(this.#tally, operation.code, new Uint8Array(0), { deadlineMs: 30_000, ...options }, (error, result) =>
      done({
        error,
        value: result === null ? null : decodeValue<unknown>(operation.result, result),
        index: 0,
        atMs: this.#cluster.scheduler.nowMs,
      }),
    );
  }

  /** Waits for a query. */
  ask(name: 'get' | 'holder', options: { readonly consistency?: 'linearizable' | 'sequential'; readonly deadlineMs?: number } = {}): Ended {
    let ended: Ended | null = null;
    this.query(name, options, (each) => {
      ended = each;
    });
    this.#cluster.runUntil(() => ended !== null, 40_000, `${this.client.name}: ${name}`);
    return ended as unknown as Ended;
  }
}

/** A cluster that has a leader of the default space. */
export function sessionCluster(
  seed: number,
  options: Omit<SimClusterOptions, 'seed'> = {},
  types: (node: string) => readonly AnyResourceType[] = () => [TALLY_TYPE],
): SimCluster {
  const cluster = new SimCluster({ seed, resources: types, ...options });
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  return cluster;
}

export function leaderOf(cluster: SimCluster): SimNode {
  return cluster.awaitLeader(DEFAULT_GROUP);
}

export function others(cluster: SimCluster, ...without: readonly SimNode[]): SimNode[] {
  return cluster.nodes.filter((node) => !without.includes(node));
}

/** What a node says of itself in figures. */
export function metric(node: SimNode, name: string): number {
  const value = node.status()?.metrics[name];
  if (value === undefined) throw new Error(`${node.name} tells no ${name}`);
  return value;
}
