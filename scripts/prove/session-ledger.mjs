// What clients of maps, counters and locks were told, and what must then be true of what is there at the end.

/** Problems named one by one; the rest is only counted. */
const PROBLEMS_SHOWN = 20;

export class Problems {
  shown = [];
  count = 0;

  add(text) {
    this.count++;
    if (this.shown.length < PROBLEMS_SHOWN) this.shown.push(text.length > 240 ? `${text.slice(0, 240)}…` : text);
  }
}

/** How a call ended, by what it was rejected with. */
export function outcomeOf(error) {
  if (error?.name !== 'QuorateError') throw error;
  return error.retry === 'unknown' ? 'unknown' : 'never';
}

/** Sets of one map: each has a value of its own. */
export class MapLedger {
  calls = new Map();

  begin(client, key, value) {
    const call = { client, key, value, outcome: null, version: 0, number: this.calls.size };
    this.calls.set(value, call);
    return call;
  }

  counts() {
    const counts = { done: 0, never: 0, unknown: 0, open: 0 };
    for (const { outcome } of this.calls.values()) counts[outcome ?? 'open']++;
    return counts;
  }

  /**
   * `events`: all changes of the map as one watch told them, from version 1 to `lastVersion`; `final`: key → { value, version } of a scan.
   * Versions are those of the map and dense, so a change that is missing, comes twice or late shows at once.
   */
  check(what, events, lastVersion, final, problems) {
    const state = new Map();
    const seen = new Set();
    const lastNumber = new Map();
    let expected = 1;
    for (const { type, key, value, version } of events) {
      if (version !== expected) problems.add(`${what}: change ${version} where ${expected} was due`);
      expected = version + 1;
      if (type !== 'set') {
        problems.add(`${what}: ${type} of ${key}, which nobody called`);
        continue;
      }
      const call = this.calls.get(value);
      if (call === undefined || call.key !== key) problems.add(`${what}: a change that nobody called: ${key}=${value}`);
      else {
        if (seen.has(value)) problems.add(`${what}: ${value} happened twice`);
        if (call.outcome === 'done' && call.version !== version)
          problems.add(`${what}: ${value} was acknowledged at ${call.version}, told at ${version}`);
        if (call.outcome === 'never') problems.add(`${what}: ${value} was said never to have happened, told at ${version}`);
        if (call.number < (lastNumber.get(call.client) ?? -1)) problems.add(`${what}: ${value} after a later call of the same client`);
        lastNumber.set(call.client, call.number);
      }
      seen.add(value);
      state.set(key, { value, version });
    }
    if (expected !== lastVersion + 1) problems.add(`${what}: told up to version ${expected - 1}, the map is at ${lastVersion}`);
    for (const call of this.calls.values()) {
      if (call.outcome === null) problems.add(`${what}: ${call.value} never settled`);
      if (call.outcome === 'done' && !seen.has(call.value))
        problems.add(`${what}: ${call.value} was acknowledged at ${call.version} and not told`);
    }
    checkSame(`${what}: what it told and the map`, state, final, problems);
  }

  /** The same for a watch of some keys: versions strictly rise, and it told exactly the changes of these keys. */
  checkPart(what, events, all, isWatched, problems) {
    const due = all.filter(({ key }) => isWatched(key));
    for (let at = 0; at < Math.max(due.length, events.length); at++) {
      const [wanted, found] = [due[at], events[at]];
      if (wanted?.version === found?.version && wanted?.value === found?.value && wanted?.key === found?.key) continue;
      problems.add(`${what}: change ${at + 1} is ${JSON.stringify(found)} where ${JSON.stringify(wanted)} was due`);
      return;
    }
  }
}

function checkSame(what, expected, found, problems) {
  for (const [key, { value, version }] of expected) {
    const entry = found.get(key);
    if (entry?.value !== value || entry.version !== version)
      problems.add(`${what} differ: ${key} is ${JSON.stringify(entry)}, not ${value} (version ${version})`);
  }
  for (const key of found.keys()) if (!expected.has(key)) problems.add(`${what} differ: ${key} is there`);
}

/** Additions to one counter, each of an amount of its own, and the values that they were told. */
export class CounterLedger {
  #calls = [];

  begin(client, amount) {
    const call = { client, amount, outcome: null, result: null };
    this.#calls.push(call);
    return call;
  }

  sum(...outcomes) {
    return this.#calls.filter((call) => outcomes.includes(call.outcome)).reduce((sum, { amount }) => sum + amount, 0);
  }
  count(...outcomes) {
    return this.#calls.filter((call) => outcomes.includes(call.outcome)).length;
  }

  /** `ofClient`: only this client adds to it, one after the other, so each answer is known. */
  check(what, value, problems) {
    const acked = this.sum('done');
    const unknown = this.sum('unknown');
    if (value < acked || value > acked + unknown) problems.add(`${what} is ${value}: ${acked} acknowledged, ${unknown} unknown`);
    if (this.count(null) > 0) problems.add(`${what}: ${this.count(null)} additions never settled`);
    // Values after the additions, in order: between two of them lies at least the amount of the later one, or it was added twice or not at all.
    const told = this.#calls.filter(({ outcome }) => outcome === 'done').sort((a, b) => a.result - b.result);
    let before = 0;
    let slack = unknown;
    for (const { amount, result, client } of told) {
      const extra = result - before - amount;
      slack -= extra;
      if (extra < 0 || slack < 0) {
        problems.add(`${what}: ${client} was told ${result} after adding ${amount}, the value before was ${before}`);
        break;
      }
      before = result;
    }
  }
}

/**
 * Critical sections under one lock, as the fenced writes in one map tell of them in their order: each is entered and left once, none while
 * another is open, and tokens only grow. A section whose holder lost the lock is never left: the next one ends it.
 */
export function checkSections(lock, writes, acquired, problems) {
  let open = null;
  let last = -1;
  let sections = 0;
  for (const { step, token, client, version } of writes) {
    if (step === 'enter') {
      if (token <= last) problems.add(`${lock}: ${client} entered with token ${token} after ${last} (version ${version})`);
      if (open !== null && !open.mayBeLost) problems.add(`${lock}: ${client} entered while ${open.client} was inside (version ${version})`);
      open = { client, token, mayBeLost: acquired.get(`${lock}/${token}`)?.isLost === true };
      last = token;
      sections++;
    } else {
      if (open === null || open.token !== token)
        problems.add(`${lock}: ${client} left with token ${token}, inside was ${open?.token} (version ${version})`);
      open = null;
    }
  }
  return sections;
}
