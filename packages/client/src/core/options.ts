import {
  type Address,
  type Checksum,
  type Clock,
  type ClusterId,
  type Logger,
  type Network,
  QuorateError,
  type Random,
  SILENT_LOGGER,
  type Timers,
  shownValue,
} from '@quorate/base';
import { checkAddress, checkDuration } from './argument-checks.js';

/** What a client needs. All times in ms, all sizes in bytes. */
export interface ClientOptions {
  /** At least one node; the others are learnt from it. */
  readonly addresses: readonly Address[];
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly logger?: Logger;
  /** Only this cluster. Default: the first that answers. */
  readonly clusterId?: ClusterId;
  /** Time a call may take, retries included. Default 5000. */
  readonly deadlineMs?: number;
  /** Time without an answer after which another node is asked; doubles while it goes on. Default 400. */
  readonly stallMs?: number;
  /** Time a node may take for its hello. Default 1500. */
  readonly handshakeTimeoutMs?: number;
  /** Calls that wait at a time; beyond it `overloaded`. Default 65,536. */
  readonly callsMax?: number;
  /** Bytes of records of appends that wait; beyond it `overloaded`. Default 64 MiB. */
  readonly appendBytesMax?: number;
}

/** The options with their defaults, checked. */
export interface Settings {
  readonly addresses: readonly string[];
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly logger: Logger;
  readonly clusterId: ClusterId | null;
  readonly deadlineMs: number;
  readonly stallMs: number;
  readonly handshakeTimeoutMs: number;
  readonly callsMax: number;
  readonly appendBytesMax: number;
}

/** Fills in the defaults; `invalidArgument` names what is wrong. */
export function settingsOf(options: ClientOptions): Settings {
  const { logger = SILENT_LOGGER } = options;
  if (typeof (logger as Logger | null)?.log !== 'function') {
    throw new QuorateError('invalidArgument', `logger must be an object with a function "log", not ${shownValue(logger)}`, {
      path: 'logger',
    });
  }
  if (options.addresses.length === 0) throw new QuorateError('invalidArgument', 'a client needs the address of at least one node');
  return {
    addresses: [...new Set(options.addresses.map(checkAddress))],
    network: options.network,
    clock: options.clock,
    timers: options.timers,
    random: options.random,
    checksum: options.checksum,
    logger,
    clusterId: options.clusterId ?? null,
    deadlineMs: checkDuration('deadlineMs', options.deadlineMs ?? 5000),
    stallMs: checkDuration('stallMs', options.stallMs ?? 400),
    handshakeTimeoutMs: checkDuration('handshakeTimeoutMs', options.handshakeTimeoutMs ?? 1500),
    callsMax: checkDuration('callsMax', options.callsMax ?? 65_536),
    appendBytesMax: checkDuration('appendBytesMax', options.appendBytesMax ?? 67_108_864),
  };
}
