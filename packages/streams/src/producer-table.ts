import { LIMITS } from '@quorate/base';

/** What a stream knows of one producer. */
export interface Producer {
  readonly epoch: number;
  /** The number its next append must start with. */
  readonly nextNumber: number;
  /** Its last appends in this epoch. */
  readonly appends: AppendRing;
}

/**
 * What became of a numbered append, for good: the offset that it got; negative: why it was refused although its number came in turn. Such a
 * refusal takes the number like a stored append does, so that repeats find the same answer and the numbers behind it go on.
 */
export type Verdict = number;

/** The last `LIMITS.appendsPerProducer` appends of a producer: number, count and verdict of each, oldest first. */
export class AppendRing {
  #numbers: Float64Array = new Float64Array(4);
  #verdicts: Float64Array = new Float64Array(4);
  #counts: Uint16Array = new Uint16Array(4);
  #length = 0;
  #head = 0;

  push(firstNumber: number, count: number, verdict: Verdict): void {
    if (this.#length === this.#numbers.length && this.#length < LIMITS.appendsPerProducer) this.#grow();
    const capacity = this.#numbers.length;
    const at = (this.#head + this.#length) % capacity;
    this.#numbers[at] = firstNumber;
    this.#counts[at] = count;
    this.#verdicts[at] = verdict;
    if (this.#length < capacity) this.#length += 1;
    else this.#head = (this.#head + 1) % capacity;
  }

  /** What became of the append with exactly these borders; undefined if it is not remembered. */
  find(firstNumber: number, count: number): Verdict | undefined {
    for (let i = this.#length - 1; i >= 0; i--) {
      const at = (this.#head + i) % this.#numbers.length;
      const number = this.#numbers[at] as number;
      if (number === firstNumber) return this.#counts[at] === count ? this.#verdicts[at] : undefined;
      if (number < firstNumber) return undefined;
    }
    return undefined;
  }

  // Only called while nothing was overwritten yet, so the oldest entry is at 0.
  #grow(): void {
    const capacity = Math.min(this.#numbers.length * 2, LIMITS.appendsPerProducer);
    const numbers = new Float64Array(capacity);
    const verdicts = new Float64Array(capacity);
    const counts = new Uint16Array(capacity);
    numbers.set(this.#numbers);
    verdicts.set(this.#verdicts);
    counts.set(this.#counts);
    this.#numbers = numbers;
    this.#verdicts = verdicts;
    this.#counts = counts;
  }
}

interface MutableProducer {
  epoch: number;
  nextNumber: number;
  appends: AppendRing;
}

/**
 * The producers of a stream, at most `capacity`. The one that appended or resent longest ago, in log order, goes first: the order of a
 * `Map` is the order of insertion, and every activity inserts anew, so all replicas evict the same one.
 */
export class ProducerTable {
  readonly #capacity: number;
  readonly #producers = new Map<string, MutableProducer>();
  #hasEvicted = false;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#producers.size;
  }
  /** True once any producer was forgotten: from then on an unknown one may be a forgotten one. */
  get hasEvicted(): boolean {
    return this.#hasEvicted;
  }

  get(key: string): Producer | undefined {
    return this.#producers.get(key);
  }

  /** Makes a producer the most recently active one. */
  touch(key: string): void {
    const producer = this.#producers.get(key);
    if (producer === undefined) return;
    this.#producers.delete(key);
    this.#producers.set(key, producer);
  }

  /** Remembers an append; a new epoch forgets the appends of the one before. */
  remember(
    key: string,
    append: { readonly epoch: number; readonly firstNumber: number; readonly count: number; readonly verdict: Verdict },
  ): void {
    let producer = this.#producers.get(key);
    if (producer === undefined || producer.epoch !== append.epoch) {
      producer = { epoch: append.epoch, nextNumber: 0, appends: new AppendRing() };
    }
    producer.appends.push(append.firstNumber, append.count, append.verdict);
    producer.nextNumber = append.firstNumber + append.count;
    this.#producers.delete(key);
    this.#producers.set(key, producer);
    if (this.#producers.size > this.#capacity) {
      for (const oldest of this.#producers.keys()) {
        this.#producers.delete(oldest);
        break;
      }
      this.#hasEvicted = true;
    }
  }
}
