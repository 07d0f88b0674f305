import { QuorateError } from '@quorate/base';
import type { NodeStatus } from '@quorate/wire';
import type { Formation } from './formation.js';

/** Where a node is in its life: it serves, perhaps drains or fails, and is closed. It never goes back. */
export class NodeState {
  #phase: 'serving' | 'draining' | 'failed' | 'closed' = 'serving';
  #failure: QuorateError | null = null;
  readonly #formation: Formation;

  constructor(formation: Formation) {
    this.#formation = formation;
  }

  get isServing(): boolean {
    return this.#phase === 'serving';
  }
  get isFailed(): boolean {
    return this.#phase === 'failed';
  }
  get isClosed(): boolean {
    return this.#phase === 'closed';
  }
  /** Failed or closed: nothing is stored, sent or acknowledged any more. */
  get isOver(): boolean {
    return this.isFailed || this.isClosed;
  }

  drain(): void {
    if (this.isServing) this.#phase = 'draining';
  }

  fail(error: QuorateError): void {
    this.#phase = 'failed';
    this.#failure = error;
  }

  close(): void {
    this.#phase = 'closed';
  }

  /** Null while the node serves; otherwise why requests are refused. */
  refusal(): QuorateError | null {
    const failure = this.#failure;
    if (failure !== null) return new QuorateError('groupStopped', `this node failed: ${failure.message}`, {}, { cause: failure });
    if (!this.isServing) return new QuorateError('shuttingDown', 'this node is shutting down');
    if (this.#formation.isFormed) return null;
    const missing = this.#formation.waitingFor();
    const why = missing.length > 0 ? `waiting for nodes ${missing.join(', ')}` : 'forming now';
    return new QuorateError('unavailable', `the cluster is not formed yet: ${why}`);
  }

  /** As a status tells it. */
  get name(): NodeStatus['state'] {
    if (this.isServing) return this.#formation.isFormed ? 'serving' : 'forming';
    return this.isFailed ? 'failed' : 'draining';
  }
}
