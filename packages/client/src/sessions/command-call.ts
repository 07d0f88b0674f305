import type { CommandResult, Done, PendingCall, ResourceId } from '@quorate/machine';
import type { CommandReply } from '@quorate/wire';
import type { Deadline } from '../core/deadline-heap.js';

/** Who is told how a command ends. */
export interface CommandOwner {
  cancelCommand(call: CommandCall): void;
  commandExpired(call: CommandCall): void;
}

/** What a caller submits. */
export interface Command {
  readonly resource: ResourceId;
  readonly operation: number;
  readonly args: Uint8Array;
  readonly deadlineMs: number;
  readonly done: Done<CommandResult>;
}

const NO_BYTES = new Uint8Array(0);

/** One command of a session, from its submission until it is settled and answered. */
export class CommandCall implements Deadline, PendingCall {
  dueMs = 0;
  heapAt = -1;
  /** Place among all of its session, in the order of submission. */
  place = 0;
  /** Its number in the session; 0 until it has one. */
  number = 0;
  readonly deadlineMs: number;
  resource: ResourceId;
  operation: number;
  args: Uint8Array;
  /** What the cluster answered, once known; kept until its turn to be told. */
  reply: CommandReply | null = null;
  /** A copy went out, so it may have been applied. */
  wasSent = false;
  /** True once it only fills its number. */
  isFiller = false;
  readonly #owner: CommandOwner;
  #done: Done<CommandResult> | null;

  constructor(owner: CommandOwner, command: Command) {
    this.deadlineMs = command.deadlineMs;
    this.resource = command.resource;
    this.operation = command.operation;
    this.args = command.args;
    this.#owner = owner;
    this.#done = command.done;
  }

  get isSettled(): boolean {
    return this.#done === null;
  }

  /** Ends it for the caller. Gives who must be told, null if it was settled before. */
  take(): Done<CommandResult> | null {
    const done = this.#done;
    this.#done = null;
    return done;
  }

  /** From now on it does nothing and only fills its number (rule 12). Gives the bytes that it no longer holds. */
  fill(operation: number): number {
    const freed = this.args.length;
    this.isFiller = true;
    this.resource = 0;
    this.operation = operation;
    this.args = NO_BYTES;
    return freed;
  }

  /** It was applied and told: nothing of it is needed but its number. Gives the bytes that it no longer holds. */
  release(operation: number): number {
    if (this.reply !== null) this.reply = { index: this.reply.index, isOk: true, result: NO_BYTES };
    return this.fill(operation);
  }

  cancel(): void {
    this.#owner.cancelCommand(this);
  }
  expire(): void {
    this.#owner.commandExpired(this);
  }
}
