import { type Clock, type QuorateError, type Timers, asQuorateError } from '@quorate/base';

/** Longest that a slice of long work holds up everything else, in ms; one step more at the most. */
export const SLICE_MS = 3;
/** Most steps in a slice, where the clock does not tell. */
const SLICE_STEPS_MAX = 256;

/** What long work is cut with. */
export interface SlicePorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/**
 * Does long work in slices, between which sockets and the disk get their turn: calls `step` until it gives true or throws, then `done` once,
 * never within this call. Between two slices it rests for `restMs`, so that other processes have their turn, too. Calling what it returns ends it
 * without `done`.
 */
export function inSlices(
  { clock, timers }: SlicePorts,
  step: () => boolean,
  done: (error: QuorateError | null) => void,
  restMs = 0,
): () => void {
  let isOver = false;
  let isCancelled = false;
  const slice = (): void => {
    if (isCancelled) return;
    const untilMs = clock.nowMs() + SLICE_MS;
    let error: QuorateError | null = null;
    try {
      for (let steps = 0; !isOver && !isCancelled && steps < SLICE_STEPS_MAX && clock.nowMs() < untilMs; steps++) isOver = step();
    } catch (thrown) {
      isOver = true;
      error = asQuorateError(thrown);
    }
    if (isCancelled) return;
    if (isOver) done(error);
    else if (restMs > 0) timers.set(restMs, slice);
    else timers.defer(slice);
  };
  timers.defer(slice);
  return () => {
    isCancelled = true;
  };
}
