import assert from 'node:assert/strict';
import {
  type HistoryEvent,
  type HistoryFields,
  type HistoryHeader,
  type HistoryObject,
  type HistoryValue,
  type InvokeEvent,
  type SessionEvent,
  type Verdict,
  checkHistory,
} from '@quorate/checkers';

/** What an invocation may say beside the call. */
type CallOptions = Partial<Pick<InvokeEvent, 'client' | 'session' | 'number' | 'consistency' | 'object'>>;

/** A history written by hand. Time goes on by 1 ms per event. */
export class Script {
  readonly header: HistoryHeader;
  readonly events: HistoryEvent[] = [];
  #passedMs = 0;

  constructor(...objects: HistoryObject[]) {
    this.header = { format: 'quorate-history', version: 1, source: 'test', objects };
  }

  get #timeMs(): number {
    return this.events.length + this.#passedMs;
  }

  /** Without an object, the call is for the first one. Processes are their own clients, `c0`, `c1` …, unless it is said. */
  invoke(process: number, op: string, args: HistoryFields = {}, options: CallOptions = {}): this {
    const object = this.header.objects[0]?.name ?? '';
    this.events.push({ type: 'invoke', timeMs: this.#timeMs, process, client: `c${process}`, object, op, args, ...options });
    return this;
  }
  ok(process: number, result: HistoryValue = null): this {
    this.events.push({ type: 'ok', timeMs: this.#timeMs, process, result });
    return this;
  }
  fail(process: number, error: string): this {
    this.events.push({ type: 'fail', timeMs: this.#timeMs, process, error });
    return this;
  }
  info(process: number, error = 'deadlineExceeded'): this {
    this.events.push({ type: 'info', timeMs: this.#timeMs, process, error });
    return this;
  }
  /** A call and its answer, with nothing between. */
  call(process: number, op: string, args: HistoryFields, result: HistoryValue, options: CallOptions = {}): this {
    return this.invoke(process, op, args, options).ok(process, result);
  }
  told(client: string, event: string, fields: HistoryFields, object = this.header.objects[0]?.name ?? ''): this {
    this.events.push({ type: 'told', timeMs: this.#timeMs, client, object, event, fields });
    return this;
  }
  fault(fault: string): this {
    this.events.push({ type: 'fault', timeMs: this.#timeMs, fault });
    return this;
  }
  /** Nothing happens for so long. */
  pass(ms: number): this {
    this.#passedMs += ms;
    return this;
  }
  session(client: string, session: string, state: SessionEvent['state']): this {
    this.events.push({ type: 'session', timeMs: this.#timeMs, client, session, state });
    return this;
  }

  verdict(): Verdict {
    return checkHistory(this.header, this.events);
  }

  /** Nothing is wrong. */
  assertGood(): void {
    const verdict = this.verdict();
    assert.ok(verdict.ok, verdict.problems.map(({ rule, text }) => `${rule}: ${text}`).join('\n'));
  }

  /** Exactly these rules found something, and the first text of the first rule matches. */
  assertBad(rules: readonly string[], text: RegExp): void {
    const { ok, problems } = this.verdict();
    assert.equal(ok, false, 'nothing was found');
    assert.deepEqual(
      [...new Set(problems.map(({ rule }) => rule))].sort(),
      [...rules].sort(),
      problems.map((each) => `${each.rule}: ${each.text}`).join('\n'),
    );
    assert.match(problems.find(({ rule }) => rule === rules[0])?.text ?? '', text);
  }
}
