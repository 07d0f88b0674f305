import { setFlagsFromString } from 'node:v8';
import { type CollectionKind, Collections } from './collections.js';
import { isFlagSet } from './v8-flags.js';
import { YoungSpace } from './young-space.js';

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
  /** Tells of the collections of this thread until it is stopped. Default: `Collections`. */
  readonly collections?: (told: (kind: CollectionKind) => void) => { stop(): void };
  /** Bytes of one half of young space. Default: as V8 says. */
  readonly halfBytes?: () => number;
  /** Of this process. Flags that its user has set stay. */
  readonly flags?: readonly string[];
  readonly setFlag?: (flag: string) => void;
}

/**
 * Gives V8 more room between two full collections while a node's state is large, for a node that is alone in its process.
 *
 * What goes through in buffers and is kept for some tenths of a second counts as old memory, of which V8 allows a small heap some 16 MiB, whatever
 * else the process holds: at 20 MB of writes a second that is two full collections a second, and six while a snapshot comes in, each of
 * some 10 ms and as much again in other threads. With a sixth of the state as room, young collections do nearly all of it. A small node that is
 * written so much to that it collects all the time gets the least room for as long as that lasts. Its young space stays small (`YoungSpace`).
 */
export class CollectorTuning {
  readonly #bytes: () => number;
  readonly #setFlag: (flag: string) => void;
  readonly #young: YoungSpace;
  readonly #collections: { stop(): void } | null = null;
  readonly #timer: NodeJS.Timeout | null = null;
  readonly #often = new Window(OFTEN_MS);
  readonly #seldom = new Window(SELDOM_MS);
  /** Full collections since the last look. */
  #count = 0;
  #percent = 0;
  #isBusy = false;
  #isLarge = false;

  constructor({ bytes, collections, halfBytes, flags = process.execArgv, setFlag = setFlagsFromString }: CollectorTuningOptions) {
    this.#bytes = bytes;
    this.#setFlag = setFlag;
    this.#young = new YoungSpace({ ...(halfBytes === undefined ? {} : { halfBytes }), flags, setFlag });
    const isRoomOurs = !isFlagSet(COLLECTOR_FLAG, flags);
    if (!isRoomOurs && !this.#young.isOurs) return;
    const told = (kind: CollectionKind): void => this.#collected(kind);
    this.#collections = collections === undefined ? new Collections(told) : collections(told);
    this.#timer = setInterval(() => this.#look(isRoomOurs), LOOK_MS).unref();
  }

  stop(): void {
    this.#collections?.stop();
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #collected(kind: CollectionKind): void {
    if (kind === 'full') this.#count++;
    this.#young.collected(this.#isLarge);
  }

  #look(isRoomOurs: boolean): void {
    const ofState = growthPercent(this.#bytes());
    this.#isLarge = ofState > 0;
    const often = this.#often.add(this.#count);
    const seldom = this.#seldom.add(this.#count);
    this.#count = 0;
    if (often >= (OFTEN_PER_SECOND * OFTEN_MS) / 1000) this.#isBusy = true;
    else if (seldom <= SELDOM) this.#isBusy = false;
    const percent = Math.max(ofState, this.#isBusy ? GROWTH_PERCENT_LEAST : 0);
    if (percent === this.#percent || !isRoomOurs) return;
    this.#percent = percent;
    this.#setFlag(`${COLLECTOR_FLAG}=${percent}`);
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
