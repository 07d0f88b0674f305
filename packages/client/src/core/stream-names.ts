import type { StreamEntry } from '@quorate/wire';

const NAMES_MAX = 10_000;

/** The groups of the streams that were looked up last. */
export class StreamNames {
  readonly #entries = new Map<string, StreamEntry>();

  get(name: string): StreamEntry | undefined {
    return this.#entries.get(name);
  }
  remember(entry: StreamEntry): void {
    this.#entries.delete(entry.name);
    this.#entries.set(entry.name, entry);
    if (this.#entries.size <= NAMES_MAX) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
  }
  forget(name: string): void {
    this.#entries.delete(name);
  }
}
