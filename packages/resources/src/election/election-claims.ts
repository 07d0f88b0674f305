import type { LogIndex } from '@quorate/base';
import type { CallTime, Done, OperationResult, PendingCall } from '@quorate/machine';
import { type ClaimAnswer, Claims, type Holding } from '../client/claims.js';
import { endingCall, endingCommand } from '../client/ending-command.js';
import { lastingCommand } from '../client/lasting-command.js';
import { type ResourceHandle, checkTime } from '../client/resource-handle.js';
import type { ElectionDeclaration } from './election-declaration.js';

type Handle = ResourceHandle<ElectionDeclaration>;

/** The candidacies of this client. */
function candidacies(handle: Handle): Claims {
  return handle.companion(
    'claims',
    () =>
      new Claims({
        context: handle.context,
        get resource() {
          return handle.resource;
        },
        takeBack: (ticket: LogIndex) => endingCommand(handle, 'resign', { ticket }),
        listen: (claims) =>
          handle.listen({
            events: { elected: ({ ticket, token }) => claims.granted(ticket, token) },
            sessionLost: (error) => claims.sessionLost(error),
            sessionDoubted: (error) => claims.sessionDoubted(error),
            eventInvalid: (error) => claims.unreadable(error),
          }),
      }),
  );
}

/** Stands for election and waits until elected. `time` limits the command, not the wait. */
export function standForElection(handle: Handle, about: Uint8Array, time: CallTime, done: Done<Holding>): PendingCall {
  return candidacies(handle).claim(
    (told, late) =>
      lastingCommand(
        handle,
        { operation: 'campaign', args: { about }, time },
        {
          done: (error, result) => told(error, result === null ? null : answerOf(result)),
          late: (result) => late(answerOf(result)),
        },
      ),
    done,
  );
}

/** Steps down; null if that was done before or leadership was lost. Goes on until it is done or the session is over, also after the deadline. */
export function stepDown(handle: Handle, holding: Holding, time: CallTime, done: Done<undefined>): PendingCall | null {
  checkTime(time.deadlineMs);
  if (!holding.giveUp()) return null;
  candidacies(handle).gaveUp(holding);
  const { ticket } = holding;
  return endingCall(handle, { operation: 'resign', args: { ticket }, time }, done);
}

function answerOf({ ticket, token }: OperationResult<ElectionDeclaration, 'campaign'>): ClaimAnswer {
  return { ticket, token, isBusy: false };
}
