// Clients of maps, counters, locks and watches that work without pause and note what they are told.
import { Quorate } from 'quorate';
import { delay } from './processes.mjs';
import { CounterLedger, MapLedger, Problems, checkSections, outcomeOf } from './session-ledger.mjs';

const KEYS = 40;
const LOCKS = ['lock-a', 'lock-b'];
const WATCHED_KEY = 'key-7';
const WATCHED_PREFIX = 'key-1';
/** A call may outlast a restart of all nodes. */
const CALL_MS = 45_000;
/** Longer than any outage here: no session may be lost. */
const TTL_MS = 40_000;

/** Number of the present session of a client. */
const sessionOf = (quorate) => quorate.resources.client.context.commands.session;

export class SessionLoad {
  #isRunning = false;
  #loops = [];
  #connections = [];
  #sessions = new Map();
  #watches = [];

  /** `paceMs`: rest after each call of a loop. */
  constructor({ connect, clients = 4, paceMs = 4, valueBytes = 300, begun = () => {}, acknowledged = () => {} }) {
    this.connect = connect;
    this.clientCount = clients;
    this.paceMs = paceMs;
    this.valueBytes = valueBytes;
    this.begun = begun;
    this.acknowledged = acknowledged;
    this.sets = new MapLedger();
    this.total = new CounterLedger();
    this.own = [];
    /** `LOCK/TOKEN` → who was granted it. */
    this.acquired = new Map();
    this.tokens = new Map(LOCKS.map((lock) => [lock, []]));
    this.sections = { entered: 0, left: 0, lost: 0 };
    this.inSections = new Map(LOCKS.map((lock) => [lock, new CounterLedger()]));
    this.errors = new Map();
    this.sessionsLost = 0;
    this.problems = new Problems();
  }

  static connector(addresses) {
    return () => Quorate.connect(addresses, { sessionTtlMs: TTL_MS, deadlineMs: CALL_MS });
  }

  async start() {
    this.#isRunning = true;
    for (let i = 0; i < this.clientCount; i++) await this.#open();
    // Two watchers, of everything and of a part, before the first change.
    for (const [name, ...parts] of [
      ['watcher-0', {}, { key: WATCHED_KEY }],
      ['watcher-1', {}, { prefix: WATCHED_PREFIX }],
    ]) {
      const quorate = await this.#open();
      await quorate.map('sets').size();
      for (const options of parts) this.#watch(name, quorate.map('sets'), options);
      this.#watch(`${name} of the sections`, quorate.map('sections'), {}, true);
    }
    for (const [index, quorate] of this.#connections.slice(0, this.clientCount).entries()) {
      const client = `client-${index}`;
      this.own[index] = new CounterLedger();
      this.#loop(() => this.#set(quorate, client));
      this.#loop(() => this.#add(quorate.counter('total'), this.total, client, 1 + Math.floor(Math.random() * 1000)));
      this.#loop(() => this.#add(quorate.counter(`own-${index}`), this.own[index], client, 1));
      for (const lock of LOCKS) this.#loop(() => this.#section(quorate, lock, client));
    }
  }

  async #open() {
    const quorate = await this.connect();
    this.#connections.push(quorate);
    // Opens the session.
    await quorate.counter('total').add(0);
    this.#sessions.set(quorate, sessionOf(quorate));
    return quorate;
  }

  #loop(step) {
    const run = async () => {
      while (this.#isRunning) {
        await step();
        await delay(this.paceMs);
      }
    };
    this.#loops.push(run());
  }

  #watch(name, map, options, isSections = false) {
    const watch = { name, options, isSections, events: [], error: null };
    const changes = map.watch({ ...options, afterVersion: 0 });
    watch.ended = (async () => {
      try {
        for await (const change of changes) watch.events.push(change);
      } catch (error) {
        watch.error = error;
      }
    })();
    watch.leave = () => changes.return();
    this.#watches.push(watch);
  }

  /** Settles a call by what it resolves or rejects with. */
  async #settle(call, send, done) {
    this.begun(call);
    try {
      const result = await send();
      done(result);
      call.outcome = 'done';
      this.acknowledged(call);
    } catch (error) {
      call.outcome = outcomeOf(error);
      call.code = error.code;
      this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
      await delay(20);
    }
  }

  async #set(quorate, client) {
    const key = `key-${Math.floor(Math.random() * KEYS)}`;
    const call = this.sets.begin(client, key, `${client}#${this.sets.calls.size};`.padEnd(this.valueBytes, '.'));
    await this.#settle(
      call,
      () => quorate.map('sets').set(key, call.value),
      ({ version }) => (call.version = version),
    );
  }

  async #add(counter, ledger, client, amount) {
    const call = ledger.begin(client, amount);
    call.counter = counter.name;
    await this.#settle(
      call,
      () => counter.add(amount),
      (value) => (call.result = value),
    );
  }

  /** Enters, adds to a counter by reading and writing it, leaves: all fenced. */
  async #section(quorate, name, client) {
    let held;
    try {
      held = await quorate.lock(name).acquire();
    } catch (error) {
      outcomeOf(error);
      this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
      await delay(20);
      return;
    }
    const token = held.token.index;
    const known = this.acquired.get(`${name}/${token}`);
    if (known !== undefined) this.problems.add(`${name}: token ${token} was granted to ${known.client} and ${client}`);
    const grant = { client, isLost: false };
    this.acquired.set(`${name}/${token}`, grant);
    this.tokens.get(name).push(token);
    this.acknowledged({ lock: name, token });
    const { fence } = held;
    const map = quorate.map('sections');
    try {
      await map.set(name, { step: 'enter', token, client }, { fence });
      this.sections.entered++;
      const counter = quorate.counter(`inside-${name}`);
      const ledger = this.inSections.get(name);
      const before = await counter.get();
      const call = ledger.begin(client, 1);
      call.counter = counter.name;
      await this.#settle(
        call,
        () => counter.set(before + 1, { fence }),
        () => (call.result = before + 1),
      );
      await map.set(name, { step: 'leave', token, client }, { fence });
      this.sections.left++;
      await held.release();
    } catch (error) {
      outcomeOf(error);
      this.errors.set(error.code, (this.errors.get(error.code) ?? 0) + 1);
      grant.isLost = true;
      this.sections.lost++;
      if (held.isHeld) await held.release().catch(() => {});
    }
  }

  get acknowledgedCount() {
    return this.sets.counts().done + this.total.count('done');
  }

  /** No new calls; until every call has ended. */
  async stop() {
    this.#isRunning = false;
    await Promise.all(this.#loops);
    for (const [quorate, session] of this.#sessions) if (sessionOf(quorate) !== session) this.sessionsLost++;
  }

  /** Compares with what a fresh client reads; `withinMs`: how long watches may lag. */
  async check(addresses, withinMs = 20_000) {
    const { problems } = this;
    const quorate = await Quorate.connect(addresses, { deadlineMs: CALL_MS });
    try {
      const lastVersion = await quorate.map('sets').version();
      const sectionsVersion = await quorate.map('sections').version();
      await this.#caughtUp(lastVersion, sectionsVersion, withinMs);
      const final = new Map();
      for await (const { key, value, version } of quorate.map('sets').entries()) final.set(key, { value, version });
      this.#checkWatches(lastVersion, final, sectionsVersion);
      this.total.check('the counter of all', await quorate.counter('total').get(), problems);
      for (const [index, ledger] of this.own.entries())
        ledger.check(`the counter of client-${index}`, await quorate.counter(`own-${index}`).get(), problems);
      for (const lock of LOCKS) {
        this.inSections.get(lock).check(`the counter inside ${lock}`, await quorate.counter(`inside-${lock}`).get(), problems);
        for (const [at, token] of this.tokens.get(lock).entries())
          if (at > 0 && token <= this.tokens.get(lock)[at - 1])
            problems.add(`${lock}: token ${token} was granted after ${this.tokens.get(lock)[at - 1]}`);
        const holder = await quorate.lock(lock).holder();
        if (holder !== null && this.sections.lost === 0) problems.add(`${lock} is still held, by token ${holder.token.index}`);
      }
    } finally {
      await quorate.close();
    }
    return { problems, eventsTold: this.#watches.reduce((sum, { events }) => sum + events.length, 0), watches: this.#watches.length };
  }

  async #caughtUp(lastVersion, sectionsVersion, withinMs) {
    const endMs = performance.now() + withinMs;
    const isThere = ({ events, isSections, options, error }) =>
      error !== null ||
      options.key !== undefined ||
      options.prefix !== undefined ||
      (events.at(-1)?.version ?? 0) >= (isSections ? sectionsVersion : lastVersion);
    while (!this.#watches.every(isThere) && performance.now() < endMs) await delay(50);
    // Watches of parts have no last version: those of everything in the same session come after them.
    await delay(200);
  }

  #checkWatches(lastVersion, final, sectionsVersion) {
    const { problems } = this;
    const whole = this.#watches.find(({ isSections, options }) => !isSections && Object.keys(options).length === 0);
    for (const watch of this.#watches) {
      const { name, options, isSections, events, error } = watch;
      if (error !== null) problems.add(`${name}: ended with ${error.code}: ${error.message}`);
      else if (isSections) {
        for (const [at, { version }] of events.entries())
          if (version !== at + 1) return problems.add(`${name}: version ${version} where ${at + 1} was due`);
        if (events.length !== sectionsVersion) problems.add(`${name}: ${events.length} changes told of ${sectionsVersion}`);
        const writes = events.map(({ key, value, version }) => ({ lock: key, ...value, version }));
        for (const lock of LOCKS)
          checkSections(
            lock,
            writes.filter((write) => write.lock === lock),
            this.acquired,
            problems,
          );
      } else if (options.key !== undefined) this.sets.checkPart(name, events, whole.events, (key) => key === options.key, problems);
      else if (options.prefix !== undefined)
        this.sets.checkPart(name, events, whole.events, (key) => key.startsWith(options.prefix), problems);
      else this.sets.check(name, events, lastVersion, final, problems);
    }
  }

  async close() {
    this.#isRunning = false;
    await Promise.all(this.#watches.map((watch) => watch.leave()));
    await Promise.all(this.#connections.map((quorate) => quorate.close()));
  }
}
