import { QuorateError } from '@quorate/base';
import {
  type ApplyCall,
  type Space,
  type Token,
  compareTokens,
  decodeValue,
  encodeValue,
  readU64Be,
  resourceType,
  u53,
} from '@quorate/machine';
import { type Holder, HolderQueue, holderIn } from '../holder-queue.js';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { spaceKey } from '../space-key.js';
import { ELECTION, type ElectionDeclaration } from './election-declaration.js';

/*
 * Sections of the space beside those of the queue (holder-queue.ts):
 *
 *   16  u64 session   nothing: it observes
 *   17                u64 number of observers
 */
const OBSERVERS = spaceKey(17);
const COUNT = u53();
const NOTHING = new Uint8Array(0);
const observerKey = (session: number): Uint8Array => spaceKey(16, session);

/** One command, timer or end of a session applied to an election. */
class ElectionApply {
  readonly #call: ApplyCall<ElectionDeclaration>;
  readonly queue: HolderQueue;
  readonly #before: Token | null;

  constructor(call: ApplyCall<ElectionDeclaration>) {
    this.#call = call;
    this.#before = holderIn(call.space)?.token ?? null;
    const queueCall = {
      space: call.space,
      token: call.token,
      setTimer: (id: Uint8Array, dueMs: number) => call.setTimer(id, dueMs),
      clearTimer: (id: Uint8Array) => call.clearTimer(id),
      own: (session: number) => call.own(session),
      isLive: (session: number) => call.isLive(session),
      get mayGoOn() {
        return call.mayGoOn;
      },
      continueLater: (id: Uint8Array) => call.continueLater(id),
      // One that observes is still to be told of.
      disown: (session: number) => {
        if (!call.space.has(observerKey(session))) call.disown(session);
      },
    };
    this.queue = new HolderQueue(queueCall, ({ session, ticket, token }) => call.publish(session, 'elected', { ticket, token }));
  }

  /** Tells those who observe, if another leads than before. */
  tellChange(): void {
    const leader = holderIn(this.#call.space);
    const isSame = leader === null ? this.#before === null : this.#before !== null && compareTokens(leader.token, this.#before) === 0;
    if (isSame) return;
    const observers: number[] = [];
    this.#call.space.scan({ from: spaceKey(16), to: spaceKey(17) }, (key) => observers.push(readU64Be(key, 1)) > 0);
    for (const session of observers) this.#call.publish(session, 'leaderChanged', { leader });
  }

  observe(session: number): Holder | null {
    const { space } = this.#call;
    if (!space.has(observerKey(session))) {
      const count = observerCount(space);
      if (count >= RESOURCE_LIMITS.observersMax) {
        throw new QuorateError('overloaded', `${count} sessions observe already`, { max: RESOURCE_LIMITS.observersMax });
      }
      space.set(observerKey(session), NOTHING);
      space.set(OBSERVERS, encodeValue(COUNT, count + 1, 'observers'));
      this.#call.own(session);
    }
    return holderIn(space);
  }

  unobserve(session: number): boolean {
    const { space } = this.#call;
    if (!space.delete(observerKey(session))) return false;
    space.set(OBSERVERS, encodeValue(COUNT, observerCount(space) - 1, 'observers'));
    this.queue.disownIfDone(session);
    return true;
  }
}

function observerCount(space: Space): number {
  const stored = space.get(OBSERVERS);
  return stored === undefined ? 0 : decodeValue(COUNT, stored);
}

/** The kind of resource `election`, to be handed to a node. */
export const electionType = resourceType(ELECTION, {
  commands: {
    campaign: (call, { about }) => {
      const apply = new ElectionApply(call);
      const ticket = call.index;
      const token = apply.queue.claim({ session: call.session, ticket, nowMs: call.clockMs, waitMs: null, about });
      apply.tellChange();
      return { ticket, token };
    },
    resign: (call, { ticket }) => {
      const apply = new ElectionApply(call);
      const outcome = apply.queue.cancel(call.session, ticket);
      apply.tellChange();
      return outcome;
    },
    observe: (call) => new ElectionApply(call).observe(call.session),
    unobserve: (call) => (new ElectionApply(call).unobserve(call.session) ? 'observed' : 'none'),
  },
  queries: { leader: (call) => holderIn(call.space) },
  sessionEnded: (call, session) => {
    const apply = new ElectionApply(call);
    apply.unobserve(session);
    apply.queue.sessionEnded(session);
    apply.tellChange();
  },
  timer: (call, id) => {
    new ElectionApply(call).queue.timer(id);
  },
  holds: (call, token) => {
    const leader = holderIn(call.space);
    return leader !== null && compareTokens(leader.token, token) === 0;
  },
});
