import { QuorateError, type TimerHandle } from '@quorate/base';
import type { CallTime, CommandNames, Done, OperationArguments, OperationResult, PendingCall, ResourceDeclaration } from '@quorate/machine';
import { CLIENT_LIMITS } from './client-limits.js';
import { FOR_EVER } from './for-ever.js';
import type { ResourceHandle } from './resource-handle.js';

/**
 * A command that ends something of the present session: gives up what is held, takes a claim back, ends a watch. Until it is applied others wait
 * in vain or are told for nothing, so nobody's patience limits it: it has no deadline, waits behind calls whose resources are being opened, and is
 * tried again while too much waits in this client, until it is answered or the session is over. Then it comes behind what was called meanwhile:
 * `isWanted` says whether it is still right.
 */
export function endingCommand<D extends ResourceDeclaration, K extends CommandNames<D>>(
  handle: ResourceHandle<D>,
  operation: K,
  args: OperationArguments<D, K>,
  done: Done<OperationResult<D, K>> = () => {},
  isWanted: () => boolean = () => true,
): void {
  const { context, session } = handle;
  const attempt = (): void => {
    handle.command(operation, args, FOR_EVER, (error, result) => {
      if (error?.code !== 'overloaded') done(error, result);
      else
        context.timers.set(CLIENT_LIMITS.resumeDelayMs, () => {
          const isOver = session !== 0 && handle.session !== session;
          if (isOver || !isWanted()) done(error, null);
          else attempt();
        });
    });
  };
  attempt();
}

/** The same for one who waits for it: at the deadline (`unavailable`), or when the wait is cancelled (`aborted`), only the wait ends. */
export function endingCall<D extends ResourceDeclaration, K extends CommandNames<D>>(
  handle: ResourceHandle<D>,
  { operation, args, time }: { readonly operation: K; readonly args: OperationArguments<D, K>; readonly time: CallTime },
  done: Done<undefined>,
): PendingCall {
  const { timers, deadlineMs: defaultMs } = handle.context;
  const waitMs = time.deadlineMs ?? defaultMs;
  let timer: TimerHandle | null = null;
  let isSettled = false;
  const settle = (error: QuorateError | null): void => {
    if (isSettled) return;
    isSettled = true;
    if (timer !== null) timers.clear(timer);
    done(error, null);
  };
  const goesOn = `${operation} goes on until it is done or the session is over`;
  if (waitMs <= CLIENT_LIMITS.timerMsMax) {
    timer = timers.set(waitMs, () => settle(new QuorateError('unavailable', `no answer within ${waitMs} ms; ${goesOn}`, { waitMs })));
  }
  endingCommand(handle, operation, args, settle);
  return { cancel: () => settle(new QuorateError('aborted', `the wait was aborted; ${goesOn}`)) };
}
