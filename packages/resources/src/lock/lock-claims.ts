import { type LogIndex, QuorateError } from '@quorate/base';
import type { CallTime, Done, OperationResult, PendingCall } from '@quorate/machine';
import { type ClaimAnswer, Claims, type Holding } from '../client/claims.js';
import { endingCall, endingCommand } from '../client/ending-command.js';
import { lastingCommand } from '../client/lasting-command.js';
import { type ResourceHandle, checkTime } from '../client/resource-handle.js';
import type { LockDeclaration } from './lock-declaration.js';

type Handle = ResourceHandle<LockDeclaration>;

/** The claims of this client on a lock. */
export function lockClaims(handle: Handle): Claims {
  return handle.companion(
    'claims',
    () =>
      new Claims({
        context: handle.context,
        get resource() {
          return handle.resource;
        },
        takeBack: (ticket: LogIndex) => endingCommand(handle, 'cancel', { ticket }),
        listen: (claims) =>
          handle.listen({
            events: {
              acquired: ({ ticket, token }) => claims.granted(ticket, token),
              timedOut: ({ ticket }) => claims.refused(ticket, notAcquired(handle.name)),
            },
            sessionLost: (error) => claims.sessionLost(error),
            sessionDoubted: (error) => claims.sessionDoubted(error),
            eventInvalid: (error) => claims.unreadable(error),
          }),
      }),
  );
}

/** Claims a lock. `waitMs` null: waits for ever; 0: null if another holds it. `time` limits the command, not the wait for the lock. */
export function claimLock(handle: Handle, waitMs: number | null, time: CallTime, done: Done<Holding>): PendingCall {
  return lockClaims(handle).claim(
    (told, late) =>
      lastingCommand(
        handle,
        { operation: 'acquire', args: { waitMs }, time },
        {
          done: (error, result) => told(error, result === null ? null : answerOf(result)),
          late: (result) => late(answerOf(result)),
        },
      ),
    done,
  );
}

/** Gives a lock up; null if it was given up or lost before. Goes on until it is done or the session is over, also after the deadline. */
export function releaseLock(handle: Handle, holding: Holding, time: CallTime, done: Done<undefined>): PendingCall | null {
  checkTime(time.deadlineMs);
  if (!holding.giveUp()) return null;
  lockClaims(handle).gaveUp(holding);
  return endingCall(handle, { operation: 'release', args: { token: holding.token }, time }, done);
}

/** The error of a claim whose time was up. */
export function notAcquired(name: string): QuorateError {
  return new QuorateError('lockTimeout', `the lock "${name}" was not acquired in time`, { name });
}

function answerOf({ status, ticket, token }: OperationResult<LockDeclaration, 'acquire'>): ClaimAnswer {
  return { ticket, token, isBusy: status === 'busy' };
}
