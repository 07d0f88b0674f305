import { type GroupId, QuorateError, groupId } from '@quorate/base';
import { checkAddress, checkDuration, checkWhole } from '../core/argument-checks.js';
import type { Settings } from '../core/options.js';
import type { Address } from '@quorate/base';

/** How the sessions of a client are. All times in ms, all sizes in bytes. */
export interface SessionOptions {
  /** Time without contact after which the cluster may end the session. 100 or more; default 10,000. */
  readonly sessionTtlMs?: number;
  /**
   * Time that the session outlives its connection, at most the ttl. Default: the ttl. Locks and leaderships are taken for lost after so long without
   * contact, even if the session goes on.
   */
  readonly disconnectGraceMs?: number;
  /** Commands and queries that wait at a time; beyond it `overloaded`. Default: `callsMax` of the client. */
  readonly callsMax?: number;
  /** Bytes of arguments that wait; beyond it `overloaded`. Default: `appendBytesMax` of the client. */
  readonly callBytesMax?: number;
  /** The node that is asked first for sequential reads. Default: any, and the same again while it answers. */
  readonly readFrom?: Address;
}

/** The options with their defaults, checked. */
export interface SessionSettings {
  readonly group: GroupId;
  readonly ttlMs: number;
  readonly graceMs: number;
  readonly callsMax: number;
  readonly callBytesMax: number;
  readonly readFrom: string | null;
}

const U32_MAX = 0xffff_ffff;
const TTL_MIN_MS = 100;

/** Fills in the defaults; `invalidArgument` or `addressInvalid` names what is wrong. */
export function sessionSettingsOf(group: GroupId, options: SessionOptions, settings: Settings): SessionSettings {
  const ttlMs = options.sessionTtlMs ?? 10_000;
  const graceMs = options.disconnectGraceMs ?? ttlMs;
  checkWhole('sessionTtlMs', ttlMs, TTL_MIN_MS, U32_MAX);
  checkWhole('disconnectGraceMs', graceMs, 0, U32_MAX);
  if (graceMs > ttlMs) throw new QuorateError('invalidArgument', `disconnectGraceMs ${graceMs} is more than sessionTtlMs ${ttlMs}`);
  return {
    group: groupId(group),
    ttlMs,
    graceMs,
    callsMax: checkDuration('callsMax', options.callsMax ?? settings.callsMax),
    callBytesMax: checkDuration('callBytesMax', options.callBytesMax ?? settings.appendBytesMax),
    readFrom: options.readFrom === undefined ? null : checkAddress(options.readFrom),
  };
}
