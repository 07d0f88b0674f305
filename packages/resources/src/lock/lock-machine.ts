import { QuorateError } from '@quorate/base';
import { type ApplyCall, compareTokens, resourceType } from '@quorate/machine';
import { HolderQueue, holderIn, waiterCount } from '../holder-queue.js';
import { LOCK, type LockDeclaration } from './lock-declaration.js';

const NOBODY = new Uint8Array(0);

function queueOf(call: ApplyCall<LockDeclaration>): HolderQueue {
  return new HolderQueue(call, ({ session, ticket, token }) => call.publish(session, 'acquired', { ticket, token }));
}

/** The kind of resource `lock`, to be handed to a node. */
export const lockType = resourceType(LOCK, {
  commands: {
    acquire: (call, { waitMs }) => {
      const ticket = call.index;
      const token = queueOf(call).claim({ session: call.session, ticket, nowMs: call.clockMs, waitMs, about: NOBODY });
      if (token !== null) return { status: 'acquired' as const, ticket, token };
      return { status: waitMs === 0 ? ('busy' as const) : ('queued' as const), ticket, token: null };
    },
    release: (call, { token }) => {
      if (queueOf(call).release(call.session, token)) return undefined;
      const { epoch, index } = token;
      throw new QuorateError('notHeld', `this session does not hold the lock by token ${epoch}:${index}`, { epoch, index });
    },
    cancel: (call, { ticket }) => queueOf(call).cancel(call.session, ticket),
  },
  queries: {
    holder: (call) => {
      const holder = holderIn(call.space);
      return { isHeld: holder !== null, session: holder?.session ?? 0, token: holder?.token ?? null, waiters: waiterCount(call.space) };
    },
  },
  sessionEnded: (call, session) => queueOf(call).sessionEnded(session),
  timer: (call, id) => {
    const waiter = queueOf(call).timer(id);
    if (waiter !== null) call.publish(waiter.session, 'timedOut', { ticket: waiter.ticket });
  },
  holds: (call, token) => {
    const holder = holderIn(call.space);
    return holder !== null && compareTokens(holder.token, token) === 0;
  },
});
