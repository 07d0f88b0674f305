import type { GroupId, QuorateError } from '@quorate/base';
import type { ClientResponse } from '@quorate/wire';
import type { AppendBatch } from './append-batch.js';
import type { NodeLink, RequestSink } from './node-link.js';

/** Who sent a copy and is told what became of it. */
export interface AttemptOwner {
  answered(attempt: AppendAttempt, response: ClientResponse): void;
  failed(attempt: AppendAttempt, error: QuorateError): void;
}

/** One copy of a batch on its way to a node. */
export class AppendAttempt implements RequestSink {
  readonly batch: AppendBatch;
  readonly generation: number;
  readonly link: NodeLink;
  /** When it was handed to the link, of the client's clock in ms. */
  readonly startedMs: number;
  readonly #owner: AttemptOwner;
  #id = 0;
  #version = 0;
  /** It went to the connection. */
  wasSent = false;

  constructor(init: Pick<AppendAttempt, 'batch' | 'generation' | 'link' | 'startedMs'> & { readonly owner: AttemptOwner }) {
    this.#owner = init.owner;
    this.batch = init.batch;
    this.generation = init.generation;
    this.link = init.link;
    this.startedMs = init.startedMs;
  }

  /** Hands it to the link. */
  start(body: { type: 'append'; group: GroupId; payloadChecksum: number; payload: Uint8Array }): void {
    this.#version = this.batch.version;
    this.#id = this.link.request(body, this);
  }
  /** Its answer is no longer wanted; if it did not leave, it never will. */
  cancel(): void {
    this.link.cancel(this.#id);
  }
  sent(): void {
    this.wasSent = true;
    this.batch.unknownCopies += 1;
  }
  /** This copy was not and will not be applied. */
  refusedForCertain(): void {
    if (this.#version === this.batch.version) this.batch.unknownCopies -= 1;
  }
  answered(response: ClientResponse): void {
    this.#owner.answered(this, response);
  }
  failed(error: QuorateError): void {
    this.#owner.failed(this, error);
  }
}

/** Generations whose late answers are still listened to. */
const GENERATIONS_KEPT = 2;

/** The copies of one producer whose answers are still wanted. */
export class AttemptsUnderWay {
  readonly #attempts = new Set<AppendAttempt>();

  add(attempt: AppendAttempt): void {
    this.#attempts.add(attempt);
  }
  /** It was answered, or failed. */
  delete(attempt: AppendAttempt): void {
    this.#attempts.delete(attempt);
  }
  /** Copies that never left are taken back; of the others a late "stored" is still welcome, for a while. */
  begin(generation: number): void {
    for (const attempt of this.#attempts) {
      if (attempt.wasSent && attempt.generation >= generation - GENERATIONS_KEPT) continue;
      attempt.cancel();
      this.#attempts.delete(attempt);
    }
  }
  cancelAll(): void {
    for (const attempt of this.#attempts) attempt.cancel();
    this.#attempts.clear();
  }
}
