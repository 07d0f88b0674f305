import type { SessionId } from '@quorate/machine';
import { CLIENT_LIMITS } from '../client/client-limits.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import type { MapDeclaration } from './map-declaration.js';

type Handle = ResourceHandle<MapDeclaration>;

/** A watch that may have to go on in another session. */
export interface ProgressingWatch {
  /** The session in which the cluster has it; 0: none yet. */
  readonly session: SessionId;
  /** It was told all changes up to this version that concern it. */
  toldUpTo(version: number): void;
}

/**
 * How far the watches of one map are. One whose keys are not changed is told nothing, and the map forgets its oldest changes; so from time to time
 * the map is asked for its version, in an answer that comes after all events up to it. Then every watch that the cluster had when that was asked
 * knows that it has missed nothing up to that version, and begins there after a lost session. One query for all watches of a map, no entry in
 * the log, and nothing at the cluster.
 */
export class WatchProgress {
  readonly #handle: Handle;
  readonly #watches = new Set<ProgressingWatch>();
  #leave: (() => void) | null = null;
  #isAsking = false;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** That of a map. */
  static of(handle: Handle): WatchProgress {
    return handle.companion('progress', () => new WatchProgress(handle));
  }

  join(watch: ProgressingWatch): void {
    this.#watches.add(watch);
    this.#leave ??= this.#handle.context.progressRounds.join(() => this.#ask());
  }

  leave(watch: ProgressingWatch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    this.#leave?.();
    this.#leave = null;
  }

  #ask(): void {
    const { session, context } = this.#handle;
    if (this.#isAsking || session === 0 || context.commands.state !== 'open') return;
    const begun = [...this.#watches].filter((watch) => watch.session === session);
    if (begun.length === 0) return;
    this.#isAsking = true;
    this.#handle.query('size', {}, { isAfterEvents: true, deadlineMs: CLIENT_LIMITS.progressMs }, (error, result) => {
      this.#isAsking = false;
      // If the session has ended meanwhile it is refused.
      if (error !== null || result === null) return;
      for (const watch of begun) watch.toldUpTo(result.version);
    });
  }
}
