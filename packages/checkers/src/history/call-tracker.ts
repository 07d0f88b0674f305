import { Call } from './call.js';
import type { FaultEvent, HistoryEvent, HistoryHeader, HistoryObject, InvokeEvent, SessionEvent, ToldEvent } from './event.js';
import { HISTORY_LIMITS } from './history-limits.js';
import { checkArgs, checkResult, checkTold, historyError } from './vocabulary.js';

/** Who is told of each event of a history, once it is known to fit those before. `at` is its position: 0, 1, 2 … */
export interface HistoryListener {
  invoked?(call: Call): void;
  /** The call was answered, failed, or nobody knows. */
  returned?(call: Call): void;
  told?(event: ToldEvent, object: HistoryObject, at: number): void;
  session?(event: SessionEvent, at: number): void;
  fault?(event: FaultEvent): void;
  /** No event follows. Calls that were open were returned as `info` before. */
  finished?(at: number): void;
}

/** Joins invocations and answers to calls and refuses what contradicts itself (`invalidArgument` with `field`). */
export class CallTracker {
  readonly #objects = new Map<string, HistoryObject>();
  readonly #open = new Map<number, Call>();
  readonly #listener: HistoryListener;
  readonly #clients = new Map<number, string>();
  #at = 0;
  #timeMs = Number.NEGATIVE_INFINITY;
  #calls = 0;

  constructor(header: HistoryHeader, listener: HistoryListener) {
    for (const object of header.objects) {
      if (this.#objects.has(object.name)) throw historyError(`object ${JSON.stringify(object.name)} stands there twice`, 'objects');
      this.#objects.set(object.name, object);
    }
    this.#listener = listener;
  }

  /** Events taken. */
  get events(): number {
    return this.#at;
  }
  /** Calls begun. */
  get calls(): number {
    return this.#calls;
  }
  /** Virtual or real time of the last event in ms. */
  get timeMs(): number {
    return this.#timeMs;
  }

  take(event: HistoryEvent): void {
    if (event.timeMs < this.#timeMs) throw historyError(`time goes back from ${this.#timeMs} to ${event.timeMs} ms`, 'timeMs');
    this.#timeMs = event.timeMs;
    switch (event.type) {
      case 'invoke':
        this.#invoke(event);
        break;
      case 'ok':
      case 'fail':
      case 'info':
        this.#return(event);
        break;
      case 'told': {
        const object = this.#objectOf(event.object);
        checkTold(object.kind, event.event, event.fields);
        this.#listener.told?.(event, object, this.#at);
        break;
      }
      case 'session':
        this.#listener.session?.(event, this.#at);
        break;
      case 'fault':
        this.#listener.fault?.(event);
        break;
      case 'note':
    }
    this.#at++;
  }

  /** The history is over: what is open is unknown. */
  finish(): void {
    for (const call of this.#open.values()) {
      call.outcome = 'info';
      this.#listener.returned?.(call);
    }
    this.#open.clear();
    this.#listener.finished?.(this.#at);
  }

  #invoke(event: InvokeEvent): void {
    const { process } = event;
    const busy = this.#open.get(process);
    if (busy !== undefined) {
      throw historyError(`process ${process} is busy: its ${busy.op} of line ${busy.invokedAt + 2} is open`, 'process');
    }
    if (this.#open.size >= HISTORY_LIMITS.openCallsMax)
      throw historyError(`more than ${HISTORY_LIMITS.openCallsMax} calls are open`, 'process');
    const object = this.#objectOf(event.object);
    checkArgs(object.kind, event.op, event.args);
    const call = new Call({
      object,
      op: event.op,
      args: event.args,
      process,
      client: event.client ?? this.#ownClient(process),
      session: event.session,
      number: event.number,
      consistency: event.consistency,
      invokedAt: this.#at,
      invokedMs: event.timeMs,
    });
    this.#open.set(process, call);
    this.#calls++;
    this.#listener.invoked?.(call);
  }

  #return(event: Extract<HistoryEvent, { readonly type: 'ok' | 'fail' | 'info' }>): void {
    const call = this.#open.get(event.process);
    if (call === undefined) throw historyError(`process ${event.process} has no open call`, 'process');
    if (event.type === 'ok') {
      checkResult(call.object.kind, call.op, event.result);
      call.result = event.result;
    } else call.error = event.error;
    this.#open.delete(event.process);
    call.outcome = event.type;
    call.returnedAt = this.#at;
    this.#listener.returned?.(call);
  }

  #ownClient(process: number): string {
    let name = this.#clients.get(process);
    if (name === undefined) {
      name = `process ${process}`;
      this.#clients.set(process, name);
    }
    return name;
  }

  #objectOf(name: string): HistoryObject {
    const object = this.#objects.get(name);
    if (object === undefined) throw historyError(`object ${JSON.stringify(name)} is not declared in the header`, 'object');
    return object;
  }
}
