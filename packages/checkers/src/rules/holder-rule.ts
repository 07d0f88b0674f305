import { type Call, describeCall } from '../history/call.js';
import type { HistoryListener } from '../history/call-tracker.js';
import type { HistoryObject, SessionEvent, ToldEvent } from '../history/event.js';
import { type HistoryToken, compareTokens, tokenKey, tokenOf } from '../history/token.js';
import type { Findings } from '../verdict.js';

/** Somebody believes to hold a lock or to lead. */
interface Belief {
  readonly claim: Call;
  readonly token: HistoryToken;
  readonly object: HistoryObject;
  /** A later claim was granted meanwhile: then this one must have been lost. */
  succeededBy: Call | null;
  isReleasing: boolean;
  /** Its release was refused as `notHeld`: then it must have been lost. */
  refused: Call | null;
}

/**
 * Locks and elections: nobody believes to hold one while another does, and none is taken away, unless the session is lost (`holders`); who observes an
 * election never sees terms go back (`observers`). That tokens grow is for the linearizability rule.
 */
export class HolderRule implements HistoryListener {
  readonly #findings: Findings;
  readonly #beliefs = new Map<string, Map<string, Belief>>();
  readonly #observed = new Map<string, HistoryToken>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  invoked(call: Call): void {
    if (call.op !== 'release' && call.op !== 'resign') return;
    const belief = this.#beliefs.get(call.object.name)?.get(tokenKey(call.args['token'] as HistoryToken));
    if (belief !== undefined) belief.isReleasing = true;
  }

  returned(call: Call): void {
    const { object, op } = call;
    if (object.kind !== 'lock' && object.kind !== 'election') return;
    if (op === 'release' || op === 'resign') this.#released(call);
    else if (call.outcome !== 'ok') return;
    else if (op === 'holder' || op === 'leader') {
      if (call.consistency !== 'stale') this.#sees(call.client, object, tokenOf(call.result), call.returnedAt);
    } else {
      const token = tokenOf(call.result);
      if (token !== null) this.#granted(call, token);
    }
  }

  told(event: ToldEvent, object: HistoryObject, at: number): void {
    if (event.event === 'lost') this.#beliefs.get(object.name)?.delete(tokenKey(event.fields['token'] as HistoryToken));
    if (event.event === 'leaderChanged') this.#sees(event.client, object, tokenOf(event.fields['leader'] ?? null), at);
  }

  session(event: SessionEvent): void {
    if (event.state === 'opened') return;
    for (const beliefs of this.#beliefs.values()) {
      for (const [key, { claim }] of beliefs) {
        if (claim.client === event.client && (claim.session === undefined || claim.session === event.session)) beliefs.delete(key);
      }
    }
  }

  finished(): void {
    for (const beliefs of this.#beliefs.values()) {
      for (const belief of beliefs.values()) {
        if (belief.refused !== null) this.#lostForNothing(belief, belief.refused);
        else this.#overlap(belief);
      }
    }
  }

  #granted(claim: Call, token: HistoryToken): void {
    let beliefs = this.#beliefs.get(claim.object.name);
    if (beliefs === undefined) {
      beliefs = new Map();
      this.#beliefs.set(claim.object.name, beliefs);
    }
    this.#findings.count('holders.grants');
    const belief: Belief = { claim, token, object: claim.object, succeededBy: null, isReleasing: false, refused: null };
    for (const other of beliefs.values()) {
      if (other.isReleasing) continue;
      // An answer may come late: the older token is the one that was lost.
      const [older, newer] = compareTokens(other.token, token) < 0 ? [other, claim] : [belief, other.claim];
      older.succeededBy ??= newer;
    }
    beliefs.set(tokenKey(token), belief);
  }

  #released(call: Call): void {
    const beliefs = this.#beliefs.get(call.object.name);
    const key = tokenKey(call.args['token'] as HistoryToken);
    const belief = beliefs?.get(key);
    if (beliefs === undefined || belief === undefined) return;
    if (call.outcome === 'fail') {
      // Any other refusal left it held.
      if (call.error === 'notHeld') belief.refused = call;
      else belief.isReleasing = false;
      return;
    }
    if (call.outcome === 'ok' && belief.succeededBy !== null) this.#overlap(belief);
    // An unknown release goes on by itself.
    beliefs.delete(key);
  }

  #overlap({ claim, succeededBy, object }: Belief): void {
    if (succeededBy === null) return;
    this.#findings.add({
      type: 'violation',
      rule: 'holders',
      object: object.name,
      line: succeededBy.returnedAt + 2,
      text: `two held it at once, and the first never lost its session:\n    ${describeCall(claim)}\n    ${describeCall(succeededBy)}`,
    });
  }

  #lostForNothing({ claim, object }: Belief, refused: Call): void {
    this.#findings.add({
      type: 'violation',
      rule: 'holders',
      object: object.name,
      line: refused.returnedAt + 2,
      text: `it was no longer held, although it was not released and its session never lost:\n    ${describeCall(claim)}\n    ${describeCall(refused)}`,
    });
  }

  #sees(client: string, object: HistoryObject, token: HistoryToken | null, at: number): void {
    if (token === null) return;
    const key = `${client} ${object.name}`;
    const before = this.#observed.get(key);
    this.#findings.count('observers.terms');
    if (before !== undefined && compareTokens(token, before) < 0) {
      this.#findings.add({
        type: 'violation',
        rule: 'observers',
        object: object.name,
        line: at + 2,
        text: `${client} saw token ${tokenKey(token)} after ${tokenKey(before)}`,
      });
    } else this.#observed.set(key, token);
  }
}
