import { QuorateError, type TimerHandle } from '@quorate/base';
import type { CallTime, CommandNames, Done, OperationArguments, OperationResult, PendingCall, ResourceDeclaration } from '@quorate/machine';
import { CLIENT_LIMITS } from './client-limits.js';
import type { ResourceHandle } from './resource-handle.js';

/** Who hears of a lasting command. */
export interface LastingDone<T> {
  readonly done: Done<T>;
  /** It was answered after `done` was told of an error: what it did can be undone now. */
  readonly late?: (result: T) => void;
}

/**
 * A command whose effect must not go unnoticed: a claim, a watch. Its caller waits for at most `deadlineMs` or until it cancels, but the command
 * itself goes on until it is answered or the session is over, so that what it did can be taken back. Its caller is told `unavailable` (safe) at
 * the deadline, because of that.
 */
export function lastingCommand<D extends ResourceDeclaration, K extends CommandNames<D>>(
  handle: ResourceHandle<D>,
  call: { readonly operation: K; readonly args: OperationArguments<D, K>; readonly time: CallTime },
  { done, late }: LastingDone<OperationResult<D, K>>,
): PendingCall {
  const { timers, deadlineMs: defaultMs } = handle.context;
  const { operation, args, time } = call;
  let isSettled = false;
  let timer: TimerHandle | null = null;
  const settle: Done<OperationResult<D, K>> = (error, result) => {
    if (isSettled) {
      if (error === null) late?.(result as OperationResult<D, K>);
      return;
    }
    isSettled = true;
    if (timer !== null) timers.clear(timer);
    done(error, result);
  };
  const waitMs = time.deadlineMs ?? defaultMs;
  const isWrong = typeof waitMs !== 'number' || !(waitMs > 0);
  const options = isWrong ? { deadlineMs: waitMs } : { deadlineMs: Number.POSITIVE_INFINITY, openMs: waitMs };
  const sent = handle.command(operation, args, options, settle);
  const expire = (): void => {
    if (isSettled) return;
    if (sent.isSent) {
      const what = `${operation} was not answered within ${waitMs} ms; if it happens, it is taken back`;
      settle(new QuorateError('unavailable', what, { waitMs }), null);
    } else {
      // The gate ends what was not sent, and knows more; unless it opens just now.
      timer = timers.set(CLIENT_LIMITS.gateSlackMs, expire);
    }
  };
  if (!isWrong && waitMs <= CLIENT_LIMITS.timerMsMax) timer = timers.set(waitMs, expire);
  const cancel = (): void => {
    if (!sent.wasSent) sent.cancel();
    else if (!isSettled) settle(new QuorateError('aborted', `${operation} was aborted; if it happens, it is taken back`), null);
  };
  return { cancel };
}
