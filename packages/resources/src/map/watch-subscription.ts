import { QuorateError } from '@quorate/base';
import type { CallTime, EventValues, SessionId } from '@quorate/machine';
import { endingCommand } from '../client/ending-command.js';
import { FOR_EVER } from '../client/for-ever.js';
import { lastingCommand } from '../client/lasting-command.js';
import { CLIENT_LIMITS } from '../client/client-limits.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import type { MapDeclaration } from './map-declaration.js';
import { type ProgressingWatch, WatchProgress } from './watch-progress.js';

type Handle = ResourceHandle<MapDeclaration>;
/** A change as the cluster tells it. */
export type ChangeRecord = EventValues<MapDeclaration, 'changed'>;

/** What to watch. */
export interface WatchRange {
  readonly key: Uint8Array;
  readonly isPrefix: boolean;
  /** Only changes after this version; null: those after the watch began. */
  readonly afterVersion: number | null;
  /** Goes on in the next session, once it knows after which version. */
  readonly isResumed: boolean;
}

/** Who watches. */
export interface WatchObserver {
  /** Each change once, in the order of versions. */
  changed(change: ChangeRecord): void;
  /** Nothing more comes. */
  ended(error: QuorateError): void;
}

/**
 * One watch, over as many sessions as it takes. In each it has a number of its own; in the next one it begins after the last version that was
 * seen, so that nothing is skipped or repeated (T66). If the map no longer remembers what came after that, it ends with `watchCompacted`.
 */
export class WatchSubscription implements ProgressingWatch {
  readonly #handle: Handle;
  readonly #range: WatchRange;
  readonly #observer: WatchObserver;
  readonly #stopListening: () => void;
  #isOver = false;
  #isAsking = false;
  /** Its number in this session; 0: it has none. */
  #watch = 0;
  #session: SessionId = 0;
  /** All changes up to this version were told. Null: nothing that must not be missed has happened yet. */
  #lastVersion: number | null;

  constructor(handle: Handle, range: WatchRange, observer: WatchObserver, time: CallTime) {
    this.#handle = handle;
    this.#range = range;
    this.#observer = observer;
    this.#lastVersion = range.afterVersion;
    this.#stopListening = handle.listen({
      events: { changed: (change) => this.#changed(change) },
      sessionLost: (error) => this.#sessionLost(error),
      eventInvalid: (error) => this.#end(error),
    });
    if (range.isResumed) WatchProgress.of(handle).join(this);
    this.#ask(time);
  }

  get session(): SessionId {
    return this.#watch === 0 ? 0 : this.#session;
  }

  toldUpTo(version: number): void {
    if (!this.#isOver && this.#lastVersion !== null && version > this.#lastVersion) this.#lastVersion = version;
  }

  /** Version up to which all changes were told, or after which it began; null: it has not begun. */
  get lastVersion(): number | null {
    return this.#lastVersion;
  }

  /** Ends it; the observer hears no more. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopListening();
    WatchProgress.of(this.#handle).leave(this);
    // In a session that is over there is nothing to end, and none is opened for this.
    if (this.#watch !== 0 && this.#session === this.#handle.session) this.#unwatch(this.#watch);
  }

  #ask(time: CallTime): void {
    if (this.#isOver || this.#isAsking) return;
    this.#isAsking = true;
    const { key, isPrefix } = this.#range;
    const args = { key, isPrefix, afterVersion: this.#lastVersion };
    lastingCommand(
      this.#handle,
      { operation: 'watch', args, time },
      {
        done: (error, result) => {
          this.#isAsking = false;
          if (error !== null || result === null) {
            this.#refused(error as QuorateError, time);
          } else if (this.#isOver) {
            this.#unwatch(result.watch);
          } else {
            this.#watch = result.watch;
            this.#session = this.#handle.session;
            // Otherwise the changes up to that version are still to come.
            this.#lastVersion ??= result.version;
          }
        },
        late: (result) => this.#unwatch(result.watch),
      },
    );
  }

  #refused(error: QuorateError, time: CallTime): void {
    if (this.#isOver) return;
    // Without a version to begin after, what was called since and acknowledged in the next session would be skipped.
    if (error.code === 'sessionExpired' && this.#range.isResumed && this.#lastVersion !== null) {
      this.#ask(time);
    } else if (time === FOR_EVER && error.retry === 'safe') {
      this.#handle.context.timers.set(CLIENT_LIMITS.resumeDelayMs, () => this.#ask(FOR_EVER));
    } else {
      this.#end(error);
    }
  }

  #changed(change: ChangeRecord): void {
    if (change.watch !== this.#watch || this.#watch === 0 || this.#isOver) return;
    if (this.#lastVersion !== null && change.version <= this.#lastVersion) {
      this.#end(new QuorateError('invariantBroken', `a watch was told version ${change.version} after ${this.#lastVersion}`));
      return;
    }
    this.#lastVersion = change.version;
    this.#observer.changed(change);
  }

  #sessionLost(error: QuorateError): void {
    if (this.#isOver || this.#watch === 0) return;
    this.#watch = 0;
    if (this.#range.isResumed && error.code !== 'closed') this.#ask(FOR_EVER);
    else this.#end(error);
  }

  #end(error: QuorateError): void {
    if (this.#isOver) return;
    this.stop();
    this.#observer.ended(error);
  }

  #unwatch(watch: number): void {
    endingCommand(this.#handle, 'unwatch', { watch });
  }
}
