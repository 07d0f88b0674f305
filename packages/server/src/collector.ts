import { setFlagsFromString } from 'node:v8';
import { FullCollections } from './full-collections.js';
import { isFlagSet } from './v8-flags.js';

const LOOK_MS = 500;
/** With so many bytes in buffers a node has room to spare in proportion; a small one stays small. Counted in steps of as many. */
const LARGE_STATE_BYTES = 134_217_728;
/** Of the bytes in buffers, one part in so many may be garbage. */
const ROOM_PARTS = 6;
/** What a node has on V8's heap beside buffers. */
const HEAP_BYTES = 12_582_912;
const GROWTH_PERCENT_LEAST = 300;
/** Full collections a second from which on, and within as many ms, a node of any size gets the least room. */
const OFTEN_PER_SECOND = 5;
const OFTEN_MS = 1000;
/** So few of them in as many ms: the room is not needed any more. */
const SELDOM = 3;
const SELDOM_MS = 30_000;
/** The flag of V8 that is set: how much the heap grows, beyond what the last full collection left, before the next one is due. */
export const COLLECTOR_FLAG = '--heap-growing-percent';

/** What decides about the room, and what is set. */
export interface CollectorTuningOptions {
  /** Bytes in buffers that the process holds, or will hold soon. */
  readonly bytes: () => number;
  /** Of this thread; stopped with the tuning. Default: `FullCollections`. */
  readonly collections?: Pick<FullCollections, 'take' | 'stop'>;
  /** Of this process. If its user has set the flag, that stays. */
  readonly flags?: readonly string[];
  readonly setFlag?: (flag: string) => void;
}

/**
 * Gives V8 more room between two full collections while a node's state is large, for a node that is alone in its process.
 *
 * What goes through in buffers and is kept for some tenths of a second counts as old memory, of which V8 allows a small heap some 16 MiB, whatever
 * else the process holds: at 20 MB of writes a second that is two full collections a second, and six while a snapshot comes in, each of
 * some 10 ms and as much again in other threads. With a sixth of the state as room, young collections do nearly all of it. A small node that is
 * written so much to that it collects all the time gets the least room for as long as that lasts.
 */
export class CollectorTuning {
  readonly #collections: Pick<FullCollections, 'take' | 'stop'> | null = null;
  readonly #timer: NodeJS.Timeout | null = null;
  #percent = 0;
  readonly #often = new Window(OFTEN_MS);
  readonly #seldom = new Window(SELDOM_MS);
  #isBusy = false;

  constructor({ bytes, collections, flags = process.execArgv, setFlag = setFlagsFromString }: CollectorTuningOptions) {
    if (isFlagSet(COLLECTOR_FLAG, flags)) return;
    const counted = collections ?? new FullCollections();
    this.#collections = counted;
    this.#timer = setInterval(() => this.#look(bytes(), counted.take(), setFlag), LOOK_MS).unref();
  }

  stop(): void {
    this.#collections?.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #look(bytes: number, collections: number, setFlag: (flag: string) => void): void {
    const often = this.#often.add(collections);
    const seldom = this.#seldom.add(collections);
    if (often >= (OFTEN_PER_SECOND * OFTEN_MS) / 1000) this.#isBusy = true;
    else if (seldom <= SELDOM) this.#isBusy = false;
    const percent = Math.max(growthPercent(bytes), this.#isBusy ? GROWTH_PERCENT_LEAST : 0);
    if (percent === this.#percent) return;
    this.#percent = percent;
    setFlag(`${COLLECTOR_FLAG}=${percent}`);
  }
}

/** 0: V8's own. */
function growthPercent(bytes: number): number {
  const counted = bytes - (bytes % LARGE_STATE_BYTES);
  return counted === 0 ? 0 : Math.max(GROWTH_PERCENT_LEAST, Math.round((100 * counted) / ROOM_PARTS / HEAP_BYTES));
}

/** The sum of what was counted in the last looks. */
class Window {
  readonly #counts: number[];
  #at = 0;
  #sum = 0;

  constructor(ms: number) {
    this.#counts = new Array<number>(ms / LOOK_MS).fill(0);
  }

  /** Adds a look; gives the sum. */
  add(count: number): number {
    this.#sum += count - (this.#counts[this.#at] as number);
    this.#counts[this.#at] = count;
    this.#at = (this.#at + 1) % this.#counts.length;
    return this.#sum;
  }
}
