import { setFlagsFromString } from 'node:v8';

const LOOK_MS = 2000;
/** With so many bytes in buffers a node has room to spare in proportion; a small one stays small. */
const LARGE_STATE_BYTES = 134_217_728;
/** Beyond what the last full collection left, before the next one is due. */
const GROWTH_PERCENT = 300;
const FLAG = '--heap-growing-percent';

/**
 * Gives V8 more room between two full collections once a node's state is large, for a node that is alone in its process.
 *
 * What a node keeps of batches for some tenths of a second counts as old memory, of which V8 allows a small heap some 16 MiB, whatever else the
 * process holds: at 20 MB of writes a second two full collections a second, each of some 10 ms and as much again in other threads. With this room, some
 * 30 MiB, young collections do nearly all of it.
 */
export class CollectorTuning {
  readonly #timer: NodeJS.Timeout;
  #isWide = false;

  /** `arrayBuffers`: bytes that buffers of the process hold; `setFlag` sets a flag of V8. */
  constructor(arrayBuffers: () => number = () => process.memoryUsage().arrayBuffers, setFlag: (flag: string) => void = setFlagsFromString) {
    this.#timer = setInterval(() => {
      const isWide = arrayBuffers() >= LARGE_STATE_BYTES;
      if (isWide === this.#isWide) return;
      this.#isWide = isWide;
      // 0: V8's own.
      setFlag(`${FLAG}=${isWide ? GROWTH_PERCENT : 0}`);
    }, LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

/** True if the flags of this process set it already: they stay. */
export function isCollectorSet(flags: readonly string[] = process.execArgv): boolean {
  return flags.some((flag) => flag.replaceAll('_', '-').startsWith(FLAG));
}
