// Appends to streams and reads them at random, and records it.
import { fromUtf8, randomBetween, randomUnit, utf8 } from '@quorate/base';
import { objectOf } from '@quorate/testkit';
import { delay } from '../prove/processes.mjs';

const LANES = 2;
const READ_SHARE = 0.15;
const PAUSE_MS_MAX = 60;
const LONG_SHARE = 0.05;
const LONG_BYTES = 16_384;
const READ_RECORDS_MAX = 10;

export class StreamWork {
  #options;
  #isWorking = false;
  #values = 0;
  /** Offset behind what was last acknowledged here. */
  #ends = new Map();

  /** `{ name, quorate, recorder, streams, random, deadlineMs }` */
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.#isWorking = true;
    for (let i = 0; i < LANES; i++) void this.#work(this.#options.recorder.lane(this.#options.name));
  }

  /** No new calls; those open go on. */
  stop() {
    this.#isWorking = false;
  }

  async #work(lane) {
    const { random, streams } = this.#options;
    while (this.#isWorking) {
      await delay(randomUnit(random) * PAUSE_MS_MAX);
      if (!this.#isWorking) return;
      const stream = streams[randomBetween(random, 0, streams.length - 1)];
      if (randomUnit(random) < READ_SHARE) await this.#read(lane, stream);
      else await this.#append(lane, stream);
    }
  }

  async #append(lane, stream) {
    const { name, random, quorate, deadlineMs } = this.#options;
    // Some are long, so that journals go on to new files.
    const length = randomUnit(random) < LONG_SHARE ? LONG_BYTES : randomBetween(random, 1, 200);
    const values = Array.from({ length: randomBetween(random, 1, 3) }, () => `${name}:${this.#values++}:`.padEnd(length, 'x'));
    lane.invoke({ object: objectOf('stream', stream), op: 'append', args: { values } });
    try {
      const { offset } = await quorate.stream(stream).append(values.map(utf8), { deadlineMs });
      lane.ok({ offset });
      this.#ends.set(stream, Math.max(offset + values.length, this.#ends.get(stream) ?? 0));
    } catch (error) {
      lane.failed(error);
    }
  }

  #read(lane, stream) {
    const { random, quorate, deadlineMs } = this.#options;
    const end = this.#ends.get(stream) ?? 0;
    // Mostly near the end, where a stale answer would show.
    const from = randomBetween(random, 0, 3) === 0 ? randomBetween(random, 0, end) : Math.max(0, end - 1);
    return readOnce({ quorate, lane, stream, from, limit: READ_RECORDS_MAX, deadlineMs });
  }
}

/** One recorded linearizable read from an offset; gives its end and the end of the stream, null if it failed. */
export function readOnce({ quorate, lane, stream, from, limit, deadlineMs }) {
  lane.invoke({ object: objectOf('stream', stream), op: 'read', args: { from } });
  return new Promise((resolve) => {
    quorate.core.read(stream, { from, maxRecords: limit, deadlineMs }, (error, batch) => {
      if (error !== null) {
        lane.failed(error);
        resolve(null);
        return;
      }
      const { records, nextOffset } = batch;
      // The bytes are views into the connection's buffer: text is made of them now.
      lane.ok({ values: records.map(({ value }) => fromUtf8(value)), from: records[0]?.offset ?? from, nextOffset });
      resolve({ next: from + records.length, end: nextOffset });
    });
  });
}
