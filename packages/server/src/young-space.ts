import { getHeapSpaceStatistics } from 'node:v8';
import { isFlagSet } from './v8-flags.js';

/** By how much V8 lets young space grow at once when much of it outlives collections: of what bounds it, the one flag that works in a process that runs. */
const FLAG = '--semi-space-growth-factor';
/** By which users bound it themselves. */
const USER_FLAGS: readonly string[] = [FLAG, '--max-semi-space-size', '--min-semi-space-size'];
const GROWS = 2;
const STAYS = 1;
/** From so many bytes on, one half of young space is large enough for a node with a small state. Sizes are powers of two, less what V8 keeps there for itself. */
const HALF_BYTES = 6_291_456;

/** What decides about young space, and what is set. */
export interface YoungSpaceOptions {
  /** Bytes of one half of this thread's young space. */
  readonly halfBytes?: () => number;
  /** Of this process. If its user has bounded young space, that stays. */
  readonly flags?: readonly string[];
  readonly setFlag: (flag: string) => void;
}

/**
 * Keeps the young space of V8 at twice 8 MiB while a node's state is small, for a node that is alone in its process. Left alone it takes
 * twice 16 MiB, of which one half is empty but for the moment of a collection, and the other one full of garbage.
 */
export class YoungSpace {
  /** False: its user bounds it. */
  readonly isOurs: boolean;
  readonly #halfBytes: () => number;
  readonly #setFlag: (flag: string) => void;
  #factor = GROWS;

  constructor({ halfBytes = halfOfYoungSpace, flags = process.execArgv, setFlag }: YoungSpaceOptions) {
    this.#halfBytes = halfBytes;
    this.#setFlag = setFlag;
    this.isOurs = !USER_FLAGS.some((flag) => isFlagSet(flag, flags));
  }

  /** To be called after each collection, of either kind: it grows by nothing else. */
  collected(isStateLarge: boolean): void {
    if (!this.isOurs) return;
    const factor = isStateLarge || this.#halfBytes() < HALF_BYTES ? GROWS : STAYS;
    if (factor === this.#factor) return;
    this.#factor = factor;
    this.#setFlag(`${FLAG}=${factor}`);
  }
}

function halfOfYoungSpace(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  return space === undefined ? 0 : space.space_used_size + space.space_available_size;
}
