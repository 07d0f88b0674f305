import { QuorateError } from '@quorate/base';
import { type ProducerContext, StreamProducer } from './producer.js';

/** Streams that are appended to at a time. */
const PRODUCERS_MAX = 10_000;

/** The producers of one client, one per stream; those that do nothing make room for others. */
export class StreamProducers {
  readonly #context: ProducerContext;
  readonly #byName = new Map<string, StreamProducer>();

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  /** That of a stream. Throws `overloaded`. */
  of(name: string): StreamProducer {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (this.#byName.size >= PRODUCERS_MAX) {
      for (const [other, producer] of this.#byName) if (producer.isIdle) this.#byName.delete(other);
      if (this.#byName.size >= PRODUCERS_MAX) throw new QuorateError('overloaded', `appends to ${PRODUCERS_MAX} streams wait already`);
    }
    const producer = new StreamProducer(name, this.#context);
    this.#byName.set(name, producer);
    return producer;
  }

  /** Settles every append. */
  close(error: QuorateError): void {
    for (const producer of this.#byName.values()) producer.close(error);
  }
}
