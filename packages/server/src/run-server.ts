import { type ClusterId, QuorateError, asQuorateError, formatAddress } from '@quorate/base';
import { BUILTIN_TYPES } from '@quorate/resources';
import { type Host, type HostOptions, startHost } from '@quorate/host';
import { CollectorTuning } from './collector.js';
import { optimiseEarly } from './compiler.js';
import type { ServerConfig } from './config.js';
import { makeDataDirectory } from './data-directory.js';
import { type ProcessLogger, processLogger } from './logger.js';
import { nodePorts } from './ports.js';
import { type StopSignal, StopSignals } from './stop-signals.js';
import { VERSION } from './version.js';

/** How a server ended. */
export type ServerOutcome =
  /** Asked to stop; everything was closed in order. */
  | { readonly type: 'stopped' }
  /** It could not start, or could not go on. */
  | { readonly type: 'failed'; readonly error: QuorateError }
  /** Told a second time to stop: whoever runs it should end the process now. */
  | { readonly type: 'forced'; readonly signal: StopSignal };

/** An orderly stop that takes longer than this many ms beyond the drain has hung. */
const STOP_GRACE_MS = 10_000;
const DRAIN_MS_DEFAULT = 3000;
const KEEP_ALIVE_MS = 1_000_000;

/**
 * Runs a node in this process until it is told to stop or cannot go on; takes over the signals of the process meanwhile.
 *
 * SIGTERM, SIGINT, SIGHUP (and the end of standard input with `exitWithParent`): accepts no more connections, hands its leaderships
 * over, answers what is under way, closes the data directory → `stopped`. A second signal → `forced`. A failed disk, a broken invariant
 * or an uncaught error → logged and `failed`. Never rejects.
 */
export function runServer(config: ServerConfig): Promise<ServerOutcome> {
  optimiseEarly();
  const logger = processLogger({ level: config.logLevel, node: config.nodeId });
  return new Promise((resolve) => new ServerRun(config, logger, resolve).start());
}

class ServerRun {
  readonly #config: ServerConfig;
  readonly #logger: ProcessLogger;
  readonly #resolve: (outcome: ServerOutcome) => void;
  readonly #uncaught = (thrown: unknown): void => this.#fail(asQuorateError(thrown));
  readonly #parentGone = (): void => this.#stop('the parent is gone');
  #host: Host | null = null;
  #isStopping = false;
  #isOver = false;
  readonly #collector = new CollectorTuning({
    bytes: () => process.memoryUsage().arrayBuffers + (this.#host?.receivingBytes ?? 0),
  });
  /** Nothing else need keep the process alive until the end: the timers of a node do not, and at a stop its sockets close first. */
  readonly #keepAlive: NodeJS.Timeout = setInterval(() => {}, KEEP_ALIVE_MS);

  constructor(config: ServerConfig, logger: ProcessLogger, resolve: (outcome: ServerOutcome) => void) {
    this.#config = config;
    this.#logger = logger;
    this.#resolve = resolve;
    new StopSignals({
      stop: (signal) => this.#stop(signal),
      force: (signal) => this.#end({ type: 'forced', signal }),
    });
  }

  start(): void {
    process.on('uncaughtException', this.#uncaught);
    process.on('unhandledRejection', this.#uncaught);
    if (this.#config.exitWithParent) this.#watchParent();
    this.#logger.log('info', 'starting', {
      version: VERSION,
      pid: process.pid,
      data: this.#config.dataDirectory,
      listen: formatAddress(this.#config.listen),
    });
    try {
      startHost(this.#hostOptions(), (error, host) => this.#started(error, host), { fatal: (error) => this.#fail(error) });
    } catch (thrown) {
      this.#fail(asQuorateError(thrown));
    }
  }

  #hostOptions(): HostOptions {
    const { nodeId, dataDirectory, listen, advertise, members, clusterId, settings } = this.#config;
    makeDataDirectory(dataDirectory);
    const cluster: { clusterId?: ClusterId } = clusterId === null ? {} : { clusterId };
    return {
      nodeId,
      listen,
      advertise,
      members,
      resources: BUILTIN_TYPES,
      settings,
      logger: this.#logger,
      version: VERSION,
      pid: process.pid,
      ...cluster,
      ...nodePorts(dataDirectory),
    };
  }

  #started(error: QuorateError | null, host: Host | null): void {
    if (error !== null) {
      this.#fail(error);
      return;
    }
    this.#host = host;
    if (this.#isOver || host === null) return;
    this.#logger.log('info', 'listening', { address: formatAddress(host.address) });
    if (this.#isStopping) this.#stopHost(host);
  }

  #stop(why: string): void {
    if (this.#isStopping || this.#isOver) return;
    this.#isStopping = true;
    this.#logger.log('info', 'stopping', { why });
    const drainMs = this.#config.settings.drainMs ?? DRAIN_MS_DEFAULT;
    const isHung = (): void => this.#fail(new QuorateError('invariantBroken', `the stop did not end within ${drainMs + STOP_GRACE_MS} ms`));
    setTimeout(isHung, drainMs + STOP_GRACE_MS).unref();
    if (this.#host !== null) this.#stopHost(this.#host);
  }

  #stopHost(host: Host): void {
    host.stop((error) => {
      if (error === null) this.#end({ type: 'stopped' });
      else this.#fail(error);
    });
  }

  #fail(error: QuorateError): void {
    if (this.#isOver) return;
    this.#logger.log('error', 'failed', {
      ...error.details,
      code: error.code,
      message: error.message,
      stack: error.code === 'invariantBroken' ? stackOf(error) : undefined,
    });
    this.#end({ type: 'failed', error });
  }

  #end(outcome: ServerOutcome): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (outcome.type !== 'failed') this.#logger.log('info', 'stopped', { forced: outcome.type === 'forced' });
    void this.#logger.flushed().then(() => this.#resolved(outcome));
  }

  #resolved(outcome: ServerOutcome): void {
    clearInterval(this.#keepAlive);
    this.#collector.stop();
    process.off('uncaughtException', this.#uncaught);
    process.off('unhandledRejection', this.#uncaught);
    process.stdin.off('end', this.#parentGone).off('close', this.#parentGone);
    this.#resolve(outcome);
  }

  #watchParent(): void {
    process.stdin.on('end', this.#parentGone).on('close', this.#parentGone);
    process.stdin.on('error', this.#parentGone);
    process.stdin.resume();
  }
}

/** Where the error came from: the cause's stack if there is one. */
function stackOf(error: QuorateError): string | undefined {
  return error.cause instanceof Error ? error.cause.stack : error.stack;
}
