import { type FlightLimitOptions, QuorateError } from '@quorate/base';

/**
 * How much one client may have on its way to a node that it shares with others. A leader bounds what waits there for all of them, and in half of this time: this is for what
 * waits before it comes to that, on slow links and in the node's sockets.
 */
export const SHARED_FLIGHT: FlightLimitOptions = { slowMs: 1000, leastPart: 1 / 128, isAlone: false };

/** The next answer may take so many times what the last one took. */
const MARGIN = 1.5;

/** A call that waits for room on the way. */
interface WaitingCall {
  readonly dueMs: number;
  readonly deadlineMs: number;
}

/**
 * True if a call has waited for half of its time and will not be answered in what is left, as that takes `answerMs` now. Whoever sends it nevertheless asks for work
 * of which nobody sees the result: where more is asked for than can be done, that would be all that is done.
 */
export function isTooLate({ dueMs, deadlineMs }: WaitingCall, nowMs: number, answerMs: number): boolean {
  const leftMs = deadlineMs === Number.POSITIVE_INFINITY ? deadlineMs : dueMs - nowMs;
  return leftMs < deadlineMs / 2 && leftMs < MARGIN * answerMs;
}

/** The error of a call that is too late. */
export function tooLate({ deadlineMs }: WaitingCall, answerMs: number): QuorateError {
  const times = `less of its ${Math.round(deadlineMs)} ms is left than an answer takes now, ${Math.round(answerMs)} ms`;
  return new QuorateError('overloaded', `the call waited until ${times}; it is not done`, { deadlineMs });
}
