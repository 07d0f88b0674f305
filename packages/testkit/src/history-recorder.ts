import type { QuorateError } from '@quorate/base';
import type { HistoryEvent, HistoryFields, HistoryHeader, HistoryObject, HistoryValue, ReadConsistency } from '@quorate/checkers';

/** What a call is, as the history names it. */
export interface RecordedCall {
  readonly object: string;
  readonly op: string;
  readonly args: HistoryFields;
  readonly consistency?: ReadConsistency;
}

/** Writes down what clients called and saw, in the form of docs/formats/history.md. */
export class HistoryRecorder {
  /** Calls whose outcome is unknown. */
  unknown = 0;
  /** Calls that were made, and those that were answered. */
  calls = 0;
  answered = 0;
  readonly #abandoned = new Set<string>();
  readonly #objects = new Map<string, HistoryObject>();
  readonly #lanes: RecordedLane[] = [];
  readonly #pools = new Map<string, RecordedLane[]>();
  readonly #nowMs: () => number;
  readonly #take: (event: HistoryEvent) => void;
  #open = 0;

  /** `take` is given each event as it happens. */
  constructor(nowMs: () => number, take: (event: HistoryEvent) => void) {
    this.#nowMs = nowMs;
    this.#take = take;
  }

  /** Calls that have no outcome. */
  get open(): number {
    return this.#open;
  }

  /** The calls that have no outcome, for the message of a failure. */
  openCalls(): string[] {
    return this.#lanes.flatMap(({ client, call }) => (call === null ? [] : [`${client}: ${call.object} ${call.op}`]));
  }

  /** An object that is called; again the same does nothing. */
  declare(object: HistoryObject): void {
    if (!this.#objects.has(object.name)) this.#objects.set(object.name, object);
  }

  /** The first line of the history. */
  header(source: string): HistoryHeader {
    return { format: 'quorate-history', version: 1, source, objects: [...this.#objects.values()] };
  }

  /** A process of the history: one call at a time. */
  lane(client: string): RecordedLane {
    const lane = new RecordedLane(this, this.#lanes.length, client);
    this.#lanes.push(lane);
    return lane;
  }

  /** A lane of the client that has no call open. */
  freeLane(client: string): RecordedLane {
    let lanes = this.#pools.get(client);
    if (lanes === undefined) this.#pools.set(client, (lanes = []));
    let lane = lanes.find(({ call }) => call === null);
    if (lane === undefined) lanes.push((lane = this.lane(client)));
    return lane;
  }

  /** The process of a client died: nobody knows what became of its open calls, and it holds nothing any more. */
  abandon(client: string): void {
    if (this.#abandoned.has(client)) return;
    this.#abandoned.add(client);
    this.session(client, `${client}, killed`, 'lost');
    for (const lane of this.#lanes) if (lane.client === client) lane.abandon();
  }

  told(client: string, object: string, event: string, fields: HistoryFields): void {
    this.#take({ type: 'told', timeMs: this.#nowMs(), client, object, event, fields });
  }

  /** `session`: unique in the history. */
  session(client: string, session: string, state: 'opened' | 'lost' | 'closed'): void {
    this.#take({ type: 'session', timeMs: this.#nowMs(), client, session, state });
  }

  fault(fault: string, target: string | null): void {
    this.#take({ type: 'fault', timeMs: this.#nowMs(), fault, ...(target === null ? {} : { target }) });
  }

  /** A call of a lane begins. */
  invoked(lane: number, client: string, call: RecordedCall): void {
    this.calls++;
    this.#open++;
    this.#take({ type: 'invoke', timeMs: this.#nowMs(), process: lane, client, ...call });
  }

  /** The call of a lane ended: null, it was answered. */
  ended(lane: number, error: { readonly code: string; readonly retry: string } | null, result: HistoryValue): void {
    this.#open--;
    const timeMs = this.#nowMs();
    if (error === null) {
      this.answered++;
      this.#take({ type: 'ok', timeMs, process: lane, result });
    } else if (error.retry === 'unknown') {
      this.unknown++;
      this.#take({ type: 'info', timeMs, process: lane, error: error.code });
    } else {
      this.#take({ type: 'fail', timeMs, process: lane, error: error.code });
    }
  }
}

/** One process of a history. */
export class RecordedLane {
  readonly client: string;
  readonly #recorder: HistoryRecorder;
  readonly #process: number;
  #call: RecordedCall | null = null;
  #isAbandoned = false;

  constructor(recorder: HistoryRecorder, process: number, client: string) {
    this.#recorder = recorder;
    this.#process = process;
    this.client = client;
  }

  /** The open one; null: none. */
  get call(): RecordedCall | null {
    return this.#call;
  }

  invoke(call: RecordedCall): void {
    if (this.#call !== null)
      throw new Error(`${this.client} called ${call.object}.${call.op} during ${this.#call.object}.${this.#call.op}`);
    if (this.#isAbandoned) return;
    this.#call = call;
    this.#recorder.invoked(this.#process, this.client, call);
  }

  ok(result: HistoryValue): void {
    this.#end(null, result);
  }

  failed(error: QuorateError): void {
    this.#end(error, null);
  }

  abandon(): void {
    if (this.#call !== null) this.#end({ code: 'processEnded', retry: 'unknown' }, null);
    this.#isAbandoned = true;
  }

  #end(error: { readonly code: string; readonly retry: string } | null, result: HistoryValue): void {
    const call = this.#call;
    if (this.#isAbandoned) return;
    if (call === null) throw new Error(`T77: a call of ${this.client} was settled twice`);
    this.#call = null;
    this.#recorder.ended(this.#process, error, result);
  }
}
