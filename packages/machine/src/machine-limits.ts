/**
 * Bounds of a machine. Hard: what is refused or ended because of them is state, so all replicas of a group must have the same. The defaults are
 * part of the format; others are for tests and simulations.
 */
export interface MachineLimits {
  /** Open sessions; beyond it opening one is refused with `overloaded`. */
  readonly sessionsMax: number;
  /** Resources ever created; beyond it `overloaded`. */
  readonly resourcesMax: number;
  /** Replies kept for one session until it acknowledges them; a batch that would go beyond is refused with `overloaded`. */
  readonly sessionRepliesMax: number;
  /** Their bytes; a batch that begins beyond is refused, a command within it that begins beyond is refused (both `overloaded`). */
  readonly sessionReplyBytesMax: number;
  /** Bytes of replies kept for all sessions together. */
  readonly replyBytesMax: number;
  /** Events kept for one session until it acknowledges them; a session beyond it has ended, as if it had expired. */
  readonly sessionEventsMax: number;
  /** Their bytes. */
  readonly sessionEventBytesMax: number;
  /** Bytes of events kept for all sessions together; beyond it the session that holds most of those just published ends. */
  readonly eventBytesMax: number;
  /** Events published at one index, and kept for nobody yet; a command that would publish more is refused with `overloaded`. */
  readonly pendingEventsMax: number;
  /** Their bytes. */
  readonly pendingEventBytesMax: number;
  /** Resources that hold something for one session and must free it in one step when it ends; a command that would add one is refused with `overloaded`. */
  readonly sessionOwnersMax: number;
  /**
   * Work that timers and the ends of sessions may do while one batch is applied, in changes of tables, events and calls: a few ms. Each command in
   * the batch adds `workPerCommand`, so that what has a time cannot come faster than it goes. At least 2: the call of a timer is one, and with nothing
   * left it would only set itself again.
   */
  readonly workPerBatch: number;
  readonly workPerCommand: number;
  /** Locks of other groups whose highest token is remembered; a fence on one more is refused with `tooManyFences`. */
  readonly seenTokensMax: number;
}

/** The bounds that every real group has. */
export const MACHINE_LIMITS: MachineLimits = {
  sessionsMax: 100_000,
  resourcesMax: 1_000_000,
  // A full window of a connection (16,384), one batch more that is acknowledged only in part (8,192), and as much again for a second try.
  sessionRepliesMax: 32_768,
  sessionReplyBytesMax: 16_777_216,
  replyBytesMax: 536_870_912,
  sessionEventsMax: 65_536,
  sessionEventBytesMax: 16_777_216,
  eventBytesMax: 536_870_912,
  pendingEventsMax: 1_048_576,
  pendingEventBytesMax: 536_870_912,
  sessionOwnersMax: 10_000,
  workPerBatch: 4096,
  workPerCommand: 16,
  seenTokensMax: 100_000,
};

/** Largest result of a command and largest fields of an event, in bytes: a record with what belongs to it. */
export const RESULT_BYTES_MAX = 1_114_112;
/** Longest id of a timer, in bytes. */
export const TIMER_ID_BYTES_MAX = 512;
/** Longest key within a resource, in bytes: the keys of the tables with 8 bytes for the resource. */
export const SPACE_KEY_BYTES_MAX = 8184;
