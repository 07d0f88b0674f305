import assert from 'node:assert/strict';
import { type LogIndex, type NodeId, type Term, crc32c, fromUtf8, utf8 } from '@quorate/base';
import type { SnapshotHead, SnapshotPiece, SnapshotReader } from '@quorate/raft';
import type { StoredBatch } from './disk.js';

/** A complete snapshot of a plain disk. */
export interface PlainSnapshot {
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
  readonly content: Uint8Array;
}

/** What a machine made of its log: a chain of checksums over all that it applied, so that any difference shows at once. */
export class PlainMachine {
  appliedIndex: LogIndex = 0;
  term: Term = 0;
  chain = 0;

  apply(batch: StoredBatch): void {
    assert.equal(batch.baseIndex, this.appliedIndex + 1, 'batches are applied densely');
    this.chain = crc32c(batch.bytes, this.chain);
    this.appliedIndex = batch.lastIndex;
    this.term = batch.term;
  }

  /** Content of at least `bytes` bytes, so that it takes several pieces. */
  snapshot(voters: readonly NodeId[], bytes: number): PlainSnapshot {
    const text = `${this.appliedIndex} ${this.term} ${this.chain} `;
    const content = utf8(text + '.'.repeat(Math.max(0, bytes - text.length)));
    const head = { length: content.length, configuration: { voters }, loggedTimeMs: 1000 + this.appliedIndex };
    return { index: this.appliedIndex, term: this.term, head, content };
  }

  static from(snapshot: PlainSnapshot): PlainMachine {
    const [index, term, chain, rest] = fromUtf8(snapshot.content).split(' ') as [string, string, string, string];
    assert.ok(/^\.*$/.test(rest), 'a snapshot is whole');
    const machine = new PlainMachine();
    machine.appliedIndex = Number(index);
    machine.term = Number(term);
    machine.chain = Number(chain);
    assert.deepEqual([machine.appliedIndex, machine.term], [snapshot.index, snapshot.term], 'a snapshot is what it says');
    return machine;
  }
}

/** A snapshot as a leader reads it; counts those that are open. */
export class PlainReader implements SnapshotReader {
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
  readonly #content: Uint8Array;
  readonly #closed: () => void;
  isOpen = true;

  constructor(snapshot: PlainSnapshot, closed: () => void) {
    this.index = snapshot.index;
    this.term = snapshot.term;
    this.head = snapshot.head;
    this.#content = snapshot.content;
    this.#closed = closed;
  }

  read(offset: number, maxBytes: number): Uint8Array {
    assert.ok(this.isOpen, 'a closed snapshot is not read');
    return this.#content.slice(offset, offset + maxBytes);
  }

  close(): void {
    assert.ok(this.isOpen, 'a snapshot is closed once');
    this.isOpen = false;
    this.#closed();
  }
}

/** What a node stored of a snapshot that a leader sends. */
export class PlainReceiver {
  #pieces: SnapshotPiece[] = [];
  #length = 0;

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  abandon(): void {
    this.#pieces = [];
    this.#length = 0;
  }

  /** Stores a piece; the bytes stored so far. */
  store(piece: SnapshotPiece): number {
    if (piece.offset === 0) this.abandon();
    assert.equal(piece.offset, this.#length, 'pieces come in order without gaps');
    this.#pieces.push(piece);
    this.#length += piece.bytes.length;
    return this.#length;
  }

  /** The whole snapshot. */
  finish(): PlainSnapshot {
    const last = this.#pieces.at(-1);
    assert.ok(last?.isLast === true && this.#length === last.head.length, 'a snapshot is finished when it is whole');
    const content = new Uint8Array(this.#length);
    for (const piece of this.#pieces) content.set(piece.bytes, piece.offset);
    this.abandon();
    return { index: last.index, term: last.term, head: last.head, content };
  }
}
