import { QuorateError } from '@quorate/base';
import type { Done, PendingCall } from '@quorate/machine';

/** An operation with a callback as a promise; an abort of `signal` ends it with `aborted`, whose cause is the reason of the signal. */
export function promiseOf<T>(signal: AbortSignal | undefined, start: (done: Done<T>) => PendingCall): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    throwIfAborted(signal);
    const onAbort = (): void => pending.cancel();
    const pending = start((error, result) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(result as T);
      else if (error.code === 'aborted' && signal?.aborted === true)
        reject(new QuorateError('aborted', error.message, error.details, { cause: signal.reason }));
      else reject(error);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Throws `aborted` if the signal already is, `invalidArgument` if it is none. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  const fault = signalFault(signal);
  if (fault !== null) throw fault;
  if (signal?.aborted === true) throw abortedBefore(signal);
}

/** `invalidArgument` for what is no signal; to be asked before anything has begun. */
export function signalFault(signal: AbortSignal | null | undefined): QuorateError | null {
  if (signal === undefined || signal === null || (typeof signal === 'object' && typeof signal.addEventListener === 'function')) return null;
  return new QuorateError('invalidArgument', `signal must be an AbortSignal, not ${typeof signal}`, { path: 'signal' });
}

/** The error of something that a signal ended before it began. */
export function abortedBefore(signal: AbortSignal): QuorateError {
  return new QuorateError('aborted', 'aborted before it began', { wasSent: false }, { cause: signal.reason });
}
