import type { LogIndex, QuorateError } from '@quorate/base';

/** A linearizable read under way. */
export interface PendingRead {
  /** What it keeps while it waits; default 0. */
  readonly bytes?: number;
  /** The state is now at least as new as when the read was asked for. */
  run(): void;
  fail(error: QuorateError): void;
}

/** Reads that wait for a read-index round, then for the apply of the index it gave (thesis 6.4). */
export class PendingReads {
  readonly #unconfirmed = new Map<number, PendingRead>();
  /** Confirmed, ascending by index. */
  #confirmed: { index: LogIndex; read: PendingRead }[] = [];
  #lastId = 0;
  #bytes = 0;

  get size(): number {
    return this.#unconfirmed.size + this.#confirmed.length;
  }

  /** Bytes that all of them keep. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a read in and gives the id to ask a read index for. */
  add(read: PendingRead): number {
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    this.#unconfirmed.set(this.#lastId, read);
    this.#bytes += read.bytes ?? 0;
    return this.#lastId;
  }

  confirmed(id: number, index: LogIndex): void {
    const read = this.#unconfirmed.get(id);
    if (read === undefined) return;
    this.#unconfirmed.delete(id);
    this.#confirmed.push({ index, read });
  }

  failed(id: number, error: QuorateError): void {
    const read = this.#unconfirmed.get(id);
    if (read === undefined) return;
    this.#unconfirmed.delete(id);
    this.#bytes -= read.bytes ?? 0;
    read.fail(error);
  }

  /** Runs what was confirmed up to the applied index. */
  applied(appliedIndex: LogIndex): void {
    let count = 0;
    while ((this.#confirmed[count]?.index ?? Number.POSITIVE_INFINITY) <= appliedIndex) count++;
    if (count === 0) return;
    for (const { read } of this.#confirmed.splice(0, count)) {
      this.#bytes -= read.bytes ?? 0;
      read.run();
    }
  }

  failAll(error: QuorateError): void {
    const reads = [...this.#unconfirmed.values(), ...this.#confirmed.map((entry) => entry.read)];
    this.#unconfirmed.clear();
    this.#confirmed = [];
    this.#bytes = 0;
    for (const read of reads) read.fail(error);
  }
}
