import { type ByteReader, QuorateError, isErrorCode } from '@quorate/base';
import { type CompiledOperation, readNamed } from './compiled-type.js';
import { textOf } from './faults.js';
import type { LiveResource } from './handler-call.js';
import { RESULT_BYTES_MAX } from './machine-limits.js';
import type { MachineState } from './machine-state.js';
import { refusedReply } from './reply-codec.js';
import type { SessionId } from './resource-machine.js';

/** Runs handlers: all that one changes lasts, or nothing (T15). */
export class HandlerRuns {
  readonly #state: MachineState;

  constructor(state: MachineState) {
    this.#state = state;
  }

  /**
   * Applies a command. A `QuorateError` refuses it: what it changed is undone, only tokens of other groups that it has shown stay seen. Whatever
   * else is thrown stops the machine. The reply goes to the writer of the batch.
   */
  command(live: LiveResource, operation: CompiledOperation, args: ByteReader, session: SessionId, number: number): void {
    const state = this.#state;
    const mark = state.events.pendingCount;
    state.tables.begin();
    state.session = session;
    state.isApplying = true;
    try {
      const result = operation.handler(live.call, readNamed(operation.args, args));
      if (state.fault !== null) throw state.fault;
      this.#reply(live, operation, result, number);
      state.isApplying = false;
      state.tables.commit();
      state.owners.commit();
      live.call.keepHeld();
      if (state.shownFences.length > 0) this.#rememberFences();
    } catch (thrown) {
      state.isApplying = false;
      const error = this.#refusal(operation.path, thrown);
      state.tables.rollback();
      state.owners.rollback();
      state.events.rollback(mark);
      live.call.undoHeld();
      if (state.shownFences.length > 0) this.#rememberFences();
      state.replies.writer.refuse(number, refusedReply(state.index, error));
    } finally {
      state.session = 0;
    }
  }

  /** Runs a timer or the end of a session: nobody is there to be refused, so whatever is thrown stops the machine. */
  must(what: string, live: LiveResource, run: () => void, isTimer: boolean): void {
    const state = this.#state;
    state.workLeft--;
    // For many changes at once this costs less than each by itself; there is no way back from here.
    state.tables.begin();
    state.isApplying = true;
    state.isTimer = isTimer;
    try {
      run();
      state.tables.commit();
      state.owners.commit();
      live.call.keepHeld();
    } catch (thrown) {
      throw state.broken(`${live.type.type}.${what} threw: ${textOf(thrown)}`, { resource: live.resource }, thrown);
    } finally {
      state.isApplying = false;
      state.isTimer = false;
    }
    if (state.fault !== null) throw state.fault;
    if (state.shownFences.length > 0) this.#rememberFences();
  }

  /** The batch is over: what resources hold goes to the tables. */
  store(): void {
    const state = this.#state;
    if (state.holding.length === 0) return;
    state.isApplying = true;
    try {
      for (const call of state.holding) call.storeHeld();
    } catch (thrown) {
      throw state.broken(`what a resource holds is not stored: ${textOf(thrown)}`, {}, thrown);
    } finally {
      state.isApplying = false;
    }
    state.holding.length = 0;
  }

  /** Throws if the result is too large: nothing of it is written then. */
  #reply(live: LiveResource, operation: CompiledOperation, result: unknown, number: number): void {
    const { replies, index } = this.#state;
    const { writer } = replies;
    const into = writer.begin(number, index);
    try {
      operation.result.write(into, result, operation.resultPath);
    } catch (cause) {
      throw this.#state.broken(
        `${operation.path} gave a result that is not as declared: ${textOf(cause)}`,
        { resource: live.resource },
        cause,
      );
    }
    const bytes = writer.resultBytes;
    if (bytes <= RESULT_BYTES_MAX) {
      writer.end();
      return;
    }
    writer.cancel();
    throw new QuorateError('valueTooLarge', `${operation.resultPath} has ${bytes} bytes, at most ${RESULT_BYTES_MAX} are allowed`, {
      bytes,
      max: RESULT_BYTES_MAX,
    });
  }

  /** What a command is refused with; throws if it must not be. */
  #refusal(path: string, thrown: unknown): QuorateError {
    if (this.#state.fault !== null) throw this.#state.fault;
    if (thrown instanceof QuorateError && thrown.code !== 'invariantBroken' && isErrorCode(thrown.code)) return thrown;
    throw this.#state.broken(`${path} threw: ${textOf(thrown)}`, {}, thrown);
  }

  #rememberFences(): void {
    const { shownFences, seenTokens } = this.#state;
    for (const fence of shownFences) seenTokens.remember(fence);
    shownFences.length = 0;
  }
}
