/** What a caller may do after an error: `never` repeat it unchanged, repeat it `safe`ly (it did not happen in both cases), or it is `unknown` whether it happened. */
export type RetryClass = 'never' | 'safe' | 'unknown';

/**
 * The closed list of error codes with the retry class of each. Match on `code`, never on the message.
 * `docs/errors.md` explains every one; a test compares the two lists.
 */
export const ERROR_CODES = {
  // Bad input of a call.
  invalidArgument: 'never',
  nameInvalid: 'never',
  recordTooLarge: 'never',
  streamNotFound: 'never',
  kindMismatch: 'never',
  offsetOutOfRange: 'never',
  producerFenced: 'never',
  resourceUnsupported: 'never',
  keyTooLarge: 'never',
  valueTooLarge: 'never',
  valueInvalid: 'never',
  versionMismatch: 'never',
  watchCompacted: 'never',
  counterOverflow: 'never',
  notHeld: 'never',
  fenced: 'never',
  tooManyFences: 'never',
  // State of the cluster.
  notLeader: 'safe',
  noLeader: 'safe',
  unavailable: 'safe',
  overloaded: 'safe',
  diskFull: 'safe',
  shuttingDown: 'safe',
  outOfOrder: 'safe',
  groupStopped: 'safe',
  slowConsumer: 'safe',
  lockTimeout: 'safe',
  // It may have happened.
  connectionLost: 'unknown',
  leadershipLost: 'unknown',
  deadlineExceeded: 'unknown',
  aborted: 'unknown',
  producerUnknown: 'unknown',
  appendForgotten: 'unknown',
  sessionExpired: 'unknown',
  replyForgotten: 'unknown',
  // It did not happen, because the caller did not want it any more, or not of this client.
  cancelled: 'never',
  closed: 'never',
  // Addresses, directories, formats.
  addressInvalid: 'never',
  addressInUse: 'never',
  directoryInUse: 'never',
  directoryForeign: 'never',
  formatUnsupported: 'never',
  dataDamaged: 'never',
  diskFailed: 'never',
  formationConflict: 'never',
  stateDiverged: 'never',
  // Protocol.
  protocolMismatch: 'never',
  versionUnsupported: 'never',
  clusterMismatch: 'never',
  handshakeTimeout: 'safe',
  malformedFrame: 'never',
  frameTooLarge: 'never',
  // A bug in Quorate.
  invariantBroken: 'never',
} as const;

/** One of the closed list of error codes. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Values that say where and what: a file, an offset, a limit, a leader hint. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** Every fault that Quorate raises. Stable identity is `code`; `retry` follows from it. */
export class QuorateError extends Error {
  override readonly name: string = 'QuorateError';
  readonly code: ErrorCode;
  readonly retry: RetryClass;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.retry = ERROR_CODES[code];
    this.details = details;
  }
}

/** True if `value` is one of the closed list of codes (for decoders of foreign input). */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}

/** Any thrown value as a `QuorateError`; foreign ones become `invariantBroken` with the original as cause. */
export function asQuorateError(thrown: unknown): QuorateError {
  if (thrown instanceof QuorateError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new QuorateError('invariantBroken', `unexpected error: ${text}`, {}, { cause: thrown });
}

/** Asserts an invariant; stays on in production. A failure is a bug in Quorate and stops the replica. */
export function invariant(condition: boolean, formula: string, details: ErrorDetails = {}): asserts condition {
  if (!condition) throw new QuorateError('invariantBroken', `invariant broken: ${formula}`, details);
}

/** For the `default` of an exhaustive switch: compiles only if every case is handled. */
export function unreachable(value: never, what: string): never {
  throw new QuorateError('invariantBroken', `unhandled ${what}: ${JSON.stringify(value)}`);
}
