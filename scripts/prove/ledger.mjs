// A ledger of every append that was called, how it ended, and what the streams hold at the end.

/** How a call ended. `never`: certainly not stored. `unknown`: it may be stored, at most once. */
const OUTCOMES = ['done', 'never', 'unknown'];
/** Problems named one by one; the rest is only counted. */
const PROBLEMS_SHOWN = 20;

export class Ledger {
  #calls = new Map();
  #settledTwice = [];
  #nextSequence = new Map();

  /** A call that is about to be made. Its value is unique; `client` counts up per stream. */
  begin(stream, client, bytes = 40) {
    const lane = `${client}/${stream}`;
    const sequence = this.#nextSequence.get(lane) ?? 0;
    this.#nextSequence.set(lane, sequence + 1);
    const value = `${lane}#${sequence};`.padEnd(bytes, '.');
    const call = { stream, client, sequence, value, outcome: null, offset: null };
    this.#calls.set(value, call);
    return call;
  }

  /** Ends a call; a second end is a problem. */
  settle(call, outcome, offset = null) {
    if (!OUTCOMES.includes(outcome)) throw new Error(`no such outcome: ${outcome}`);
    if (call.outcome !== null) {
      this.#settledTwice.push(`${call.value}: settled twice, ${call.outcome} then ${outcome}`);
      return;
    }
    call.outcome = outcome;
    call.offset = offset;
  }

  /** Runs one append and settles it by what it resolves or rejects with. Resolves to the error, or null. */
  async append(stream, client, send, bytes) {
    const call = this.begin(stream, client, bytes);
    try {
      const { offset } = await send(call.value);
      this.settle(call, 'done', offset);
      return null;
    } catch (error) {
      if (error?.name !== 'QuorateError') throw error;
      this.settle(call, error.retry === 'unknown' ? 'unknown' : 'never');
      return error;
    }
  }

  counts() {
    const counts = { done: 0, never: 0, unknown: 0, open: 0 };
    for (const call of this.#calls.values()) counts[call.outcome ?? 'open']++;
    return counts;
  }

  /** Acknowledged records of a stream. */
  doneIn(stream) {
    let count = 0;
    for (const call of this.#calls.values()) if (call.stream === stream && call.outcome === 'done') count++;
    return count;
  }

  /** Compares with what is stored. `streams`: name → iterable of { offset, value: text }, from offset 0 to the end. */
  async check(streams) {
    const problems = new Problems(this.#settledTwice);
    const found = new Map();
    let records = 0;
    for (const [stream, stored] of Object.entries(streams)) records += await this.#checkStream(stream, stored, found, problems);
    for (const [value, call] of this.#calls) {
      if (!Object.hasOwn(streams, call.stream)) continue;
      const offset = found.get(value);
      if (call.outcome === null) problems.add(`${value}: never settled`);
      else if (call.outcome === 'done' && offset === undefined) problems.add(`${value}: acknowledged at ${call.offset} and missing`);
      else if (call.outcome === 'done' && offset !== call.offset)
        problems.add(`${value}: acknowledged at ${call.offset}, stored at ${offset}`);
      else if (call.outcome === 'never' && offset !== undefined) problems.add(`${value}: said never to have happened, stored at ${offset}`);
    }
    return { records, problemCount: problems.count, problems: problems.shown };
  }

  /** Offsets dense, nothing that nobody appended, nothing twice, each client's records in its order. */
  async #checkStream(stream, stored, found, problems) {
    let expected = 0;
    const lastSequence = new Map();
    for await (const { offset, value } of stored) {
      if (offset !== expected) problems.add(`${stream}: offset ${offset} where ${expected} was due`);
      expected = offset + 1;
      const call = this.#calls.get(value);
      if (call === undefined || call.stream !== stream) {
        problems.add(`${stream} at ${offset}: a record nobody appended: ${value.slice(0, 60)}`);
        continue;
      }
      if (found.has(value)) problems.add(`${value}: stored twice, at ${found.get(value)} and ${offset}`);
      found.set(value, offset);
      const before = lastSequence.get(call.client) ?? -1;
      if (call.sequence <= before) problems.add(`${value}: out of order, after number ${before} of the same client`);
      lastSequence.set(call.client, call.sequence);
    }
    return expected;
  }
}

/** Names the first problems and counts the rest. */
class Problems {
  constructor(first) {
    this.shown = first.slice(0, PROBLEMS_SHOWN);
    this.count = first.length;
  }
  add(text) {
    this.count++;
    if (this.shown.length < PROBLEMS_SHOWN) this.shown.push(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  }
}
