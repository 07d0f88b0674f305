// Random choices from one seed: the same seed injects the same faults in the same order.
import { SeededRandom, randomBetween } from '@quorate/base';

export class Choices {
  constructor(seed) {
    this.seed = seed;
    this.source = new SeededRandom(seed);
  }
  /** A whole number in [low, high]. */
  between(low, high) {
    return randomBetween(this.source, low, high);
  }
  of(list) {
    return list[this.between(0, list.length - 1)];
  }
}
