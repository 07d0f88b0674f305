import { type PerformanceEntry, PerformanceObserver, constants } from 'node:perf_hooks';

/** What Node tells of a collection. */
type CollectionEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

/** Of the whole heap, or of young space only. */
export type CollectionKind = 'full' | 'young';

const KINDS: ReadonlyMap<number | undefined, CollectionKind> = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'full'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'young'],
]);

/** Tells of each collection of this thread's heap, soon after it; not of the steps of marking. */
export class Collections {
  readonly #observer: PerformanceObserver;

  constructor(told: (kind: CollectionKind) => void) {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as readonly CollectionEntry[]) {
        const kind = KINDS.get(entry.detail?.kind);
        if (kind !== undefined) told(kind);
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
