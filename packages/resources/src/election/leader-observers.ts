import { type QuorateError } from '@quorate/base';
import { type CallTime, type OperationResult, type SessionId, compareTokens } from '@quorate/machine';
import { endingCommand } from '../client/ending-command.js';
import { FOR_EVER } from '../client/for-ever.js';
import { lastingCommand } from '../client/lasting-command.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import type { ElectionDeclaration } from './election-declaration.js';

type Handle = ResourceHandle<ElectionDeclaration>;
/** Who leads, as the cluster tells it; null: nobody. */
export type LeaderRecord = OperationResult<ElectionDeclaration, 'leader'>;

/** Who wants to know who leads. */
export interface LeaderObserver {
  /** The present leader first, then each change. */
  leader(leader: LeaderRecord): void;
  /** Nothing more comes. */
  ended(error: QuorateError): void;
}

interface Observation {
  readonly observer: LeaderObserver;
  /** False until the present leader is known in this session; what is told before is older. */
  isCurrent: boolean;
  /** Undefined: nothing was told yet. */
  last: LeaderRecord | undefined;
}

/**
 * Those of one client who observe one election. The cluster tells a session, so they share that. After a lost session they go on in the next:
 * what changed in between is told as the present leader, without the steps.
 */
export class LeaderObservers {
  readonly #handle: Handle;
  readonly #observations = new Set<Observation>();
  #asking = 0;
  /** That tells of changes. */
  #session: SessionId = 0;
  #stop: (() => void) | null = null;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** The observers of an election. */
  static of(handle: Handle): LeaderObservers {
    return handle.companion('observers', () => new LeaderObservers(handle));
  }

  /** Begins; `time` limits only how long the first answer may take. Returns how to end. */
  observe(observer: LeaderObserver, time: CallTime): () => void {
    const observation: Observation = { observer, isCurrent: false, last: undefined };
    this.#observations.add(observation);
    this.#stop ??= this.#handle.listen({
      events: { leaderChanged: ({ leader }) => this.#changed(leader) },
      sessionLost: (error) => this.#sessionLost(error),
      eventInvalid: (error) => this.#endAll(error),
    });
    this.#ask(observation, time);
    return () => this.#leave(observation);
  }

  #ask(observation: Observation, time: CallTime): void {
    this.#asking++;
    lastingCommand(
      this.#handle,
      { operation: 'observe', args: {}, time },
      {
        done: (error, leader) => {
          this.#asking--;
          if (error === null) this.#session = this.#handle.session;
          if (!this.#observations.has(observation)) return;
          if (error === null) {
            observation.isCurrent = true;
            this.#tell(observation, leader);
          } else if (error.code === 'sessionExpired') {
            this.#ask(observation, FOR_EVER);
          } else {
            this.#leave(observation);
            observation.observer.ended(error);
          }
        },
      },
    );
  }

  #changed(leader: LeaderRecord): void {
    for (const observation of [...this.#observations]) if (observation.isCurrent) this.#tell(observation, leader);
  }

  #tell(observation: Observation, leader: LeaderRecord): void {
    const { last } = observation;
    if (last !== undefined && isSame(last, leader)) return;
    observation.last = leader;
    this.#handle.context.guarded('leader', () => observation.observer.leader(leader));
  }

  #sessionLost(error: QuorateError): void {
    this.#session = 0;
    if (error.code === 'closed') {
      this.#endAll(error);
      return;
    }
    for (const observation of this.#observations) {
      // Those that are being asked for hear of it themselves.
      if (!observation.isCurrent) continue;
      observation.isCurrent = false;
      this.#ask(observation, FOR_EVER);
    }
  }

  #endAll(error: QuorateError): void {
    for (const observation of [...this.#observations]) {
      this.#leave(observation);
      observation.observer.ended(error);
    }
  }

  #leave(observation: Observation): void {
    if (!this.#observations.delete(observation) || this.#observations.size > 0) return;
    this.#stop?.();
    this.#stop = null;
    // Comes after all that was asked for. A session that is over tells nobody anyway, and none is opened for this.
    const isTold = this.#session !== 0 && this.#session === this.#handle.session;
    if (isTold || this.#asking > 0) {
      endingCommand(
        this.#handle,
        'unobserve',
        {},
        () => {},
        () => this.#observations.size === 0,
      );
    }
  }
}

function isSame(a: LeaderRecord, b: LeaderRecord): boolean {
  if (a === null || b === null) return a === b;
  return compareTokens(a.token, b.token) === 0;
}
