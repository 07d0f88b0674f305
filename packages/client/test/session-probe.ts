import assert from 'node:assert/strict';
import { type LogIndex, type QuorateError, fromUtf8, utf8 } from '@quorate/base';
import type { SessionClient } from '@quorate/client';
import type { PendingCall, SessionState } from '@quorate/machine';
import type { SessionCluster } from './session-cluster.js';
import { OPERATION, QUERY } from './session-machine.js';

/** Something that the client told. */
export type Told =
  | { readonly kind: 'reply'; readonly text: string; readonly index: LogIndex }
  | { readonly kind: 'refused'; readonly text: string; readonly error: QuorateError }
  | { readonly kind: 'event'; readonly index: LogIndex; readonly text: string }
  | {
      readonly kind: 'answer';
      readonly query: number;
      readonly index: LogIndex;
      readonly list: readonly string[];
      readonly after: readonly string[];
    }
  | { readonly kind: 'queryFailed'; readonly query: number; readonly error: QuorateError }
  | { readonly kind: 'state'; readonly state: SessionState }
  | { readonly kind: 'lost'; readonly error: QuorateError };

/** Uses a session client and writes down what it tells, in order. */
export class SessionProbe {
  readonly told: Told[] = [];
  readonly submitted: string[] = [];
  readonly calls: PendingCall[] = [];
  settled = 0;
  asked = 0;
  answered = 0;
  /** What was wrong within a callback: what is thrown there does not come through. */
  readonly #faults: string[] = [];
  readonly #settledOnce = new Set<string>();
  readonly #acknowledged: string[] = [];
  readonly #cluster: SessionCluster;
  readonly #client: SessionClient;
  readonly #resource: number;

  constructor(cluster: SessionCluster, client: SessionClient, resource = 100) {
    this.#cluster = cluster;
    this.#client = client;
    this.#resource = resource;
    client.listen(resource, {
      event: (_code, index, fields) => this.told.push({ kind: 'event', index, text: fromUtf8(fields) }),
      sessionLost: (error) => this.told.push({ kind: 'lost', error }),
      stateChanged: (state) => this.told.push({ kind: 'state', state }),
    });
  }

  get isQuiet(): boolean {
    return this.settled === this.submitted.length && this.answered === this.asked;
  }
  get events(): { index: LogIndex; text: string }[] {
    return this.told.flatMap((told) => (told.kind === 'event' ? [{ index: told.index, text: told.text }] : []));
  }
  get states(): SessionState[] {
    return this.told.flatMap((told) => (told.kind === 'state' ? [told.state] : []));
  }
  get losses(): number {
    return this.told.filter((told) => told.kind === 'lost').length;
  }
  outcome(text: string): Told | undefined {
    return this.told.find((told) => (told.kind === 'reply' || told.kind === 'refused') && told.text === text);
  }
  /** Error codes of calls that failed, by text. */
  codes(): Record<string, string> {
    return Object.fromEntries(this.told.flatMap((told) => (told.kind === 'refused' ? [[told.text, told.error.code]] : [])));
  }

  watch(): void {
    this.submit('watch', { operation: OPERATION.watch });
  }

  submit(text: string, options: { readonly operation?: number; readonly deadlineMs?: number } = {}): PendingCall {
    const { operation = OPERATION.append, ...time } = options;
    this.submitted.push(text);
    let isInside = true;
    const call = this.#client.submit(this.#resource, operation, utf8(text), time, (error, result) => {
      if (isInside) this.#faults.push(`told from within the call: ${text}`);
      if (this.#settledOnce.has(text)) this.#faults.push(`settled twice: ${text}`);
      this.#settledOnce.add(text);
      this.settled += 1;
      if ((error === null) === (result === null)) this.#faults.push(`neither error nor result, or both: ${text}`);
      if (error !== null) this.told.push({ kind: 'refused', text, error });
      if (result !== null) {
        this.told.push({ kind: 'reply', text, index: result.index });
        if (operation === OPERATION.append) this.#acknowledged.push(text);
      }
    });
    isInside = false;
    this.calls.push(call);
    return call;
  }

  query(consistency: 'linearizable' | 'sequential' = 'linearizable', deadlineMs?: number): PendingCall {
    const query = ++this.asked;
    const after = [...this.#acknowledged];
    let isSettled = false;
    const time = deadlineMs === undefined ? {} : { deadlineMs };
    return this.#client.query(this.#resource, QUERY.list, new Uint8Array(0), { consistency, ...time }, (error, result) => {
      if (isSettled) this.#faults.push(`query ${query} settled twice`);
      isSettled = true;
      this.answered += 1;
      if (error !== null) this.told.push({ kind: 'queryFailed', query, error });
      if (result === null) return;
      const [index = '', list = ''] = fromUtf8(result).split('|');
      this.told.push({ kind: 'answer', query, index: Number(index), list: list === '' ? [] : list.split(','), after });
    });
  }

  /** Lets virtual time pass until everything is settled. */
  wait(withinMs = 60_000): void {
    this.#cluster.scheduler.runUntil(() => this.isQuiet, { withinMs, what: 'all calls settle' });
  }

  /**
   * What must hold whatever happened: each command was applied at most once, those that were acknowledged exactly once and in the order of
   * submission; events came once, in order and without a gap; and all was told in the order of the log.
   */
  check(): void {
    assert.deepEqual(this.#faults, []);
    const { machine } = this.#cluster;
    const applied = machine.applied.filter((entry) => entry.resource === this.#resource).map((entry) => entry.text);
    const mine = applied.filter((text) => this.submitted.includes(text));
    assert.equal(new Set(mine).size, mine.length, 'a command was applied twice');
    assert.deepEqual(
      mine,
      this.submitted.filter((text) => mine.includes(text)),
      'applied in the order of submission',
    );
    for (const told of this.told)
      if (told.kind === 'reply') assert.ok(mine.includes(told.text), `acknowledged and not applied: ${told.text}`);
    this.#checkEvents();
    this.#checkOrder();
  }

  #checkEvents(): void {
    const lists = [...this.#cluster.machine.sessions.values()].map((session) =>
      session.events.map((batch) => ({ index: batch.index, text: fromUtf8(batch.events[0]?.fields ?? new Uint8Array(0)) })),
    );
    let part: { index: LogIndex; text: string }[] = [];
    for (const told of [...this.told, { kind: 'lost' } as const]) {
      if (told.kind === 'event') part.push({ index: told.index, text: told.text });
      if (told.kind !== 'lost') continue;
      const events = part;
      assert.ok(
        events.length === 0 || lists.some((list) => JSON.stringify(list.slice(0, events.length)) === JSON.stringify(events)),
        'events are not a beginning of what one session was sent',
      );
      part = [];
    }
  }

  #checkOrder(): void {
    let replyIndex = 0;
    let eventIndex = 0;
    let answerIndex = 0;
    for (const told of this.told) {
      if (told.kind === 'reply') {
        assert.ok(told.index > replyIndex, `reply ${told.index} after reply ${replyIndex}`);
        assert.ok(told.index > eventIndex, `reply ${told.index} after event ${eventIndex} (rule 18)`);
        replyIndex = told.index;
      } else if (told.kind === 'event') {
        assert.ok(told.index > eventIndex, `event ${told.index} after event ${eventIndex}`);
        assert.ok(told.index >= replyIndex, `event ${told.index} after reply ${replyIndex}`);
        eventIndex = told.index;
      } else if (told.kind === 'answer') {
        assert.ok(told.index >= answerIndex, `answer as of ${told.index} after one as of ${answerIndex}`);
        for (const text of told.after) assert.ok(told.list.includes(text), `query ${told.query} does not see ${text}`);
        answerIndex = told.index;
      }
    }
  }
}
