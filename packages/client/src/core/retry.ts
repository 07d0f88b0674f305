import { type ErrorCode, QuorateError, type Random, randomUnit } from '@quorate/base';

/** What to do about an error that a node answered. */
export type Reaction =
  /** Another node may do better: a leader elsewhere, a sound disk. */
  | 'otherNode'
  /** This node is right, but not now. */
  | 'sameNode'
  /** The caller must know. */
  | 'surface';

const REACTIONS: Partial<Record<ErrorCode, Reaction>> = {
  notLeader: 'otherNode',
  noLeader: 'otherNode',
  unavailable: 'otherNode',
  shuttingDown: 'otherNode',
  groupStopped: 'otherNode',
  handshakeTimeout: 'otherNode',
  slowConsumer: 'otherNode',
  connectionLost: 'otherNode',
  leadershipLost: 'otherNode',
  // A node whose disk is broken: the copies elsewhere are sound. Surfaces if all say so (`FAULTS`).
  diskFailed: 'otherNode',
  dataDamaged: 'otherNode',
  formationConflict: 'otherNode',
  overloaded: 'sameNode',
  diskFull: 'sameNode',
  outOfOrder: 'sameNode',
};

/** Reaction to an error that a node answered. */
export function reactionTo(error: QuorateError): Reaction {
  return REACTIONS[error.code] ?? 'surface';
}

/** Answers after which it is not known whether the request took effect. */
export function isAmbiguous(error: QuorateError): boolean {
  return error.retry === 'unknown';
}

const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['clusterMismatch', 'protocolMismatch', 'versionUnsupported']);

/** Faults of a hello that waiting does not mend: if every node that was reached has one, it is told at once. */
export function isFinalHandshakeFault(error: QuorateError): boolean {
  return FINAL.has(error.code);
}

/** Codes worth telling as they are when the deadline comes; all others become `unavailable`. */
const TELLING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...FINAL,
  'overloaded',
  'diskFull',
  'noLeader',
  'shuttingDown',
  'groupStopped',
  'diskFailed',
  'dataDamaged',
  'formationConflict',
]);

/** The error of a call whose deadline has come: unknown if some attempt may have taken effect, else what kept it from being done. */
export function deadlineError(facts: {
  readonly what: string;
  readonly deadlineMs: number;
  readonly mayHaveHappened: boolean;
  readonly causes: ReadonlyMap<string, QuorateError>;
}): QuorateError {
  const { what, causes } = facts;
  // What is left of the time of a call that waited elsewhere before is no whole number.
  const deadlineMs = Math.ceil(facts.deadlineMs);
  const list = [...causes].map(([address, error]) =>
    error.message.startsWith(`${address}:`) ? error.message : `${address}: ${error.code} (${error.message})`,
  );
  const why = list.length === 0 ? 'no answer' : list.join('; ');
  const errors = [...causes.values()];
  const telling = errors.filter((error) => TELLING.has(error.code));
  // What only one node says is final is not final for the call: another may do it yet.
  const isFinal = errors.every((error) => error.retry === 'never');
  // What a node said tells more than that another could not be reached.
  const said = errors.find((error) => error.details['reason'] === undefined);
  const cause = telling.find((error) => error.retry !== 'never') ?? telling[0] ?? said ?? errors.at(-1);
  const options = cause === undefined ? {} : { cause };
  if (facts.mayHaveHappened) {
    return new QuorateError(
      'deadlineExceeded',
      `${what}: no outcome within ${deadlineMs} ms, it may have happened: ${why}`,
      { deadlineMs },
      options,
    );
  }
  const code = cause !== undefined && TELLING.has(cause.code) && (isFinal || cause.retry !== 'never') ? cause.code : 'unavailable';
  return new QuorateError(code, `${what}: not done within ${deadlineMs} ms: ${why}`, { ...cause?.details, deadlineMs }, options);
}

/** Delays that double up to a bound, each drawn from the upper half of its range, so that clients do not come back in step. */
export class Backoff {
  readonly #random: Random;
  readonly #firstMs: number;
  readonly #maxMs: number;
  #nextMs: number;

  constructor(random: Random, bounds: { readonly firstMs: number; readonly maxMs: number }) {
    this.#random = random;
    this.#firstMs = bounds.firstMs;
    this.#maxMs = bounds.maxMs;
    this.#nextMs = bounds.firstMs;
  }

  /** The next delay in ms. */
  next(): number {
    const delayMs = this.#nextMs * (0.5 + randomUnit(this.#random) / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, this.#maxMs);
    return delayMs;
  }
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
