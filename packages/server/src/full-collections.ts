import { type PerformanceEntry, PerformanceObserver, constants } from 'node:perf_hooks';

/** What Node tells of a collection. */
type CollectionEntry = PerformanceEntry & { readonly detail?: { readonly kind?: number } };

/** Counts the full collections of this thread's heap. */
export class FullCollections {
  readonly #observer: PerformanceObserver;
  #count = 0;

  constructor() {
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as readonly CollectionEntry[]) {
        if (entry.detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.#count++;
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /** How many there were since this was asked last. */
  take(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
