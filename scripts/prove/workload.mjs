// Clients that append without pause and keep a ledger of it.
import { Quorate } from 'quorate';
import { delay } from './processes.mjs';

const decoder = new TextDecoder();

export class Workload {
  #isRunning = false;
  #loops = [];

  /** `paceMs`: rest after each append of a loop, so that hours of ledger fit memory. There is one loop per client and stream. */
  constructor({ addresses, ledger, clients = 4, streams = 8, paceMs = 8, recordBytes = 64 }) {
    this.addresses = addresses;
    this.ledger = ledger;
    this.clientCount = clients;
    this.streams = Array.from({ length: streams }, (_, index) => `stream-${index}`);
    this.paceMs = paceMs;
    this.recordBytes = recordBytes;
    this.clients = [];
    this.errors = new Map();
    this.lastAckMs = 0;
    this.longestGapMs = 0;
  }

  /** Connects, creates the streams, starts to append. */
  async start() {
    for (let i = 0; i < this.clientCount; i++) this.clients.push(await Quorate.connect(this.addresses));
    for (const stream of this.streams) await this.clients[0].stream(stream).create();
    this.#isRunning = true;
    this.lastAckMs = performance.now();
    for (const [index, client] of this.clients.entries()) {
      for (const stream of this.streams) this.#loops.push(this.#loop(`client-${index}`, client.stream(stream), stream));
    }
  }

  async #loop(name, stream, streamName) {
    while (this.#isRunning) {
      const error = await this.ledger.append(streamName, name, (value) => stream.append(value), this.recordBytes);
      if (error === null) this.#acked();
      else this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
      await delay(error === null ? this.paceMs : 20);
    }
  }

  #acked() {
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.lastAckMs);
    this.lastAckMs = nowMs;
  }

  /** No new appends; until every call is settled. */
  async stop() {
    this.#isRunning = false;
    await Promise.all(this.#loops);
  }

  async close() {
    await this.stop();
    await Promise.all(this.clients.map((client) => client.close()));
  }
}

/** The records of a stream from offset 0 to its present end, with their text. */
export async function* recordsOf(quorate, stream, options = {}) {
  for await (const { offset, value } of quorate.stream(stream).read({ from: 0, ...options }))
    yield { offset, value: decoder.decode(value) };
}

/** Compares the ledger with what a fresh client reads. */
export async function checkLedger(ledger, addresses, streams) {
  const quorate = await Quorate.connect(addresses, { deadlineMs: 20_000 });
  try {
    return await ledger.check(Object.fromEntries(streams.map((stream) => [stream, recordsOf(quorate, stream)])));
  } finally {
    await quorate.close();
  }
}
