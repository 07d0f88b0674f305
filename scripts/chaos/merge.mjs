// The events of many processes in one history, in the order in which they happened by the clock that all share.
import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { decodeEvent } from '@quorate/checkers';

const CHUNK_BYTES = 262_144;

/** The events of one process. The last line of one that was killed may be half there: what it speaks of was never begun, or never told to anybody. */
class EventFile {
  #fd;
  #text = new StringDecoder('utf8');
  #lines = [];
  #rest = '';
  #buffer = Buffer.alloc(CHUNK_BYTES);
  #at = 0;
  /** The first that was not taken; null: there is none. */
  event = null;

  constructor(file) {
    this.#fd = openSync(file, 'r');
    this.take();
  }

  /** Gives the first event. */
  take() {
    const { event } = this;
    while (this.#at === this.#lines.length && this.#fd !== null) this.#fill();
    this.event = this.#at < this.#lines.length ? decodeEvent(this.#lines[this.#at++]) : null;
    return event;
  }

  #fill() {
    const count = readSync(this.#fd, this.#buffer, 0, CHUNK_BYTES, null);
    if (count === 0) {
      closeSync(this.#fd);
      this.#fd = null;
      return;
    }
    this.#lines = (this.#rest + this.#text.write(this.#buffer.subarray(0, count))).split('\n');
    this.#rest = this.#lines.pop();
    this.#at = 0;
  }
}

/** One process: its numbers of lanes become numbers of their own, and what was open when it was killed gets its end. */
class Source {
  #file;
  #name;
  #endMs;
  #numberOf;
  #numbers = new Map();
  #open = new Set();
  #last = [];
  #lastMs = 0;

  /** `endMs`: when it was killed; null: it ended in order. */
  constructor({ name, file, endMs }, numberOf) {
    this.#file = new EventFile(file);
    this.#name = name;
    this.#endMs = endMs;
    this.#numberOf = numberOf;
    this.#ended();
  }

  get timeMs() {
    return this.#file.event?.timeMs ?? this.#last[0]?.timeMs ?? null;
  }
  /** At one moment calls begin before others end: then neither is said to be before the other. */
  get isInvoke() {
    return this.#file.event?.type === 'invoke';
  }

  take() {
    if (this.#file.event === null) return this.#last.shift();
    let event = this.#file.take();
    if (event.process !== undefined) {
      const own = event.process;
      if (!this.#numbers.has(own)) this.#numbers.set(own, this.#numberOf());
      event = { ...event, process: this.#numbers.get(own) };
      if (event.type === 'invoke') this.#open.add(event.process);
      else this.#open.delete(event.process);
    }
    this.#lastMs = event.timeMs;
    this.#ended();
    return event;
  }

  #ended() {
    if (this.#file.event !== null || this.#endMs === null) return;
    const timeMs = Math.max(this.#endMs, this.#lastMs);
    this.#last = [...this.#open].map((process) => ({ type: 'info', timeMs, process, error: 'processEnded' }));
    this.#last.push({ type: 'session', timeMs, client: this.#name, session: `${this.#name}, killed`, state: 'lost' });
  }
}

/** All events of all `{ name, file, endMs }`, in order. */
export function* mergedEvents(lives) {
  let number = 0;
  let sources = lives.map((life) => new Source(life, () => number++));
  for (;;) {
    let first = null;
    for (const source of sources) {
      const { timeMs } = source;
      if (timeMs === null) continue;
      if (first === null || timeMs < first.timeMs || (timeMs === first.timeMs && source.isInvoke && !first.isInvoke)) first = source;
    }
    if (first === null) return;
    yield first.take();
    if (first.timeMs === null) sources = sources.filter((source) => source !== first);
  }
}
