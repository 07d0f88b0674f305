import { invariant } from '@quorate/base';
import type { HandlerRuns } from './handler-runs.js';
import type { LiveResources } from './live-resources.js';
import type { MachineEvents } from './machine-types.js';
import type { MachineState } from './machine-state.js';
import { MACHINE_RESOURCE } from './payload-codec.js';
import type { SessionId } from './resource-machine.js';
import { keyOf, readU64Be } from './table-keys.js';

/**
 * Ends sessions. In one step the session is gone, and all resources that own something for it are told in the order of their numbers and free what
 * others wait for (at most `sessionOwnersMax` of them). What nobody can see any more, kept replies and events, goes as far as the work of the batch
 * allows, and the rest by a timer of the machine itself: resource 0, id u64 session.
 */
export class SessionEndings {
  readonly #state: MachineState;
  readonly #live: LiveResources;
  readonly #runs: HandlerRuns;
  readonly #host: MachineEvents;

  constructor(state: MachineState, live: LiveResources, runs: HandlerRuns, host: MachineEvents) {
    this.#state = state;
    this.#live = live;
    this.#runs = runs;
    this.#host = host;
  }

  /** Nothing happens if the session is not open. */
  end(session: SessionId, isExpired: boolean): void {
    const { sessions, owners } = this.#state;
    const record = sessions.touch(session);
    if (record === undefined) return;
    const resources = owners.take(session);
    sessions.remove(record);
    for (const resource of resources) {
      const live = this.#live.find(resource);
      invariant(live !== undefined, 'what owns something exists', { resource, session });
      const { machine } = live.type;
      this.#runs.must('sessionEnded', live, () => machine.sessionEnded?.(live.call, session), false);
    }
    if (record.keptReplies > 0 || record.keptEvents > 0) this.#drop(session);
    this.#host.sessionEnded(session, isExpired);
  }

  /** The timer rang. */
  continue(id: Uint8Array): void {
    this.#drop(readU64Be(id, 0));
  }

  #drop(session: SessionId): void {
    const state = this.#state;
    for (const kept of [state.replies, state.events]) {
      while (state.mayGoOn) {
        const max = state.workLeft;
        const dropped = kept.remove(session, max);
        state.workLeft -= dropped;
        if (dropped < max) break;
      }
    }
    if (!state.mayGoOn) state.timers.set(MACHINE_RESOURCE, keyOf(session), state.timeMs);
  }
}
