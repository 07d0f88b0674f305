import { type Call, describeCall, valueKey } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import type { SessionEvent } from '../history/event.js';
import type { Findings } from '../verdict.js';

interface SessionFacts {
  readonly client: string;
  last: number;
  /** The newest numbers and their calls. */
  readonly calls: Map<number, Call>;
  isOver: boolean;
}

const CALLS_MAX = 1024;

/**
 * Numbered commands: numbers of a session rise in the order of the calls, a number that is sent again is the same command and gets the same
 * answer, a session has one client and nothing is acknowledged in it that began after its end was known (`sessions`).
 */
export class SessionRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #sessions = new Map<string, SessionFacts>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  session(event: SessionEvent, at: number): void {
    const known = this.#sessions.get(event.session);
    if (event.state === 'opened') {
      if (known !== undefined) this.#tell(event.client, at, `session ${event.session} was opened before`);
      else this.#sessions.set(event.session, newSession(event.client));
    } else if (known !== undefined) {
      if (known.client !== event.client) this.#tell(event.client, at, `session ${event.session} belongs to ${known.client}`);
      known.isOver = true;
      known.calls.clear();
    }
  }

  invoked(call: Call): void {
    const { session, number } = call;
    if (session === undefined) return;
    let facts = this.#sessions.get(session);
    if (facts === undefined) {
      facts = newSession(call.client);
      this.#sessions.set(session, facts);
    }
    if (facts.client !== call.client)
      this.#tell(call.object.name, call.invokedAt, `session ${session} belongs to ${facts.client}:\n    ${describeCall(call)}`);
    if (facts.isOver) this.#tell(call.object.name, call.invokedAt, `session ${session} is over:\n    ${describeCall(call)}`);
    if (number === undefined) return;
    this.#findings.count('sessions.numbered');
    if (number > facts.last) {
      facts.last = number;
      facts.calls.set(number, call);
      if (facts.calls.size > CALLS_MAX) for (const old of facts.calls.keys()) if (old <= number - CALLS_MAX) facts.calls.delete(old);
      return;
    }
    const first = facts.calls.get(number);
    if (first === undefined)
      this.#tell(
        call.object.name,
        call.invokedAt,
        `number ${number} of session ${session} comes after ${facts.last}:\n    ${describeCall(call)}`,
      );
    else if (!isSameCommand(first, call)) {
      this.#tell(
        call.object.name,
        call.invokedAt,
        `number ${number} of session ${session} is two commands:\n    ${describeCall(first)}\n    ${describeCall(call)}`,
      );
    }
  }

  returned(call: Call): void {
    const { session, number, outcome } = call;
    if (session === undefined || number === undefined || outcome !== 'ok') return;
    const calls = this.#sessions.get(session)?.calls;
    const first = calls?.get(number);
    if (calls === undefined || first === undefined || first === call) return;
    if (first.outcome !== 'ok') {
      calls.set(number, call);
      return;
    }
    if (valueKey(first.result) === valueKey(call.result)) return;
    this.#tell(
      call.object.name,
      call.returnedAt,
      `number ${number} of session ${session} got two answers:\n    ${describeCall(first)}\n    ${describeCall(call)}`,
    );
  }

  #tell(object: string, at: number, text: string): void {
    this.#findings.add({ type: 'violation', rule: 'sessions', object, line: at + 2, text });
  }
}

function newSession(client: string): SessionFacts {
  return { client, last: Number.NEGATIVE_INFINITY, calls: new Map(), isOver: false };
}

function isSameCommand(a: Call, b: Call): boolean {
  return a.object === b.object && a.op === b.op && valueKey(a.args) === valueKey(b.args);
}
