// Lock holders that are frozen for longer than their sessions live, and what becomes of what they write late: in the group of the lock, and in another.
import { fileURLToPath } from 'node:url';
import { Quorate } from 'quorate';
import { Process, delay, stateOf, until } from './processes.mjs';
import { percentile } from './report.mjs';

const HOLDER = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));

/** One after the other, each with a lock, a map and a stream of its own. */
export class HolderPauses {
  pauses = 0;
  pausedMs = [];
  #grantedAfterMs = [];
  #toldLost = 0;
  /** In the group of the lock, before any write of the new holder. */
  #sameGroup = { rounds: 0, refused: {}, applied: 0, believers: 0 };
  /** In the group of the stream. */
  #otherGroup = { rounds: 0, storedBeforeFirst: 0, refusedAfterFirst: {}, storedAfterFirst: 0 };
  #options;

  constructor(options) {
    this.#options = options;
  }

  get summary() {
    const granted = Math.round(this.#grantedAfterMs.at(-1));
    const { storedBeforeFirst, refusedAfterFirst } = this.#otherGroup;
    return `granted to the next after ${granted} ms; fenced so far: ${this.#sameGroup.refused['fenced'] ?? 0} sets before the next holder wrote, ${refusedAfterFirst['fenced'] ?? 0} appends after its first (${storedBeforeFirst} before it stored)`;
  }

  get figures() {
    return {
      holderPauses: this.pauses,
      grantedToNextMsMedian: Math.round(percentile(this.#grantedAfterMs, 0.5)),
      grantedToNextMsMost: Math.round(Math.max(...this.#grantedAfterMs)),
      holdersToldLost: this.#toldLost,
      sameGroupLateWritesRefused: this.#sameGroup.refused,
      sameGroupLateWritesTriedAsBeliever: this.#sameGroup.believers,
      sameGroupLateWritesApplied: this.#sameGroup.applied,
      otherGroupLateAppendsBeforeFirstOfNext: this.#otherGroup.storedBeforeFirst,
      otherGroupLateAppendsRefused: this.#otherGroup.refusedAfterFirst,
      otherGroupLateAppendsStoredAfterFirstOfNext: this.#otherGroup.storedAfterFirst,
    };
  }

  claims(handOverMsMost) {
    const { pauses } = this;
    return [
      ['same group: each frozen holder tried late, and was fenced before the next wrote', this.#sameGroup.rounds === pauses],
      ['same group: no late write happened', this.#sameGroup.applied === 0],
      ['other group: each frozen holder was fenced after the first append of the next', this.#otherGroup.rounds === pauses],
      ['other group: no late append was stored after the first of the next', this.#otherGroup.storedAfterFirst === 0],
      [`the lock went on within ${handOverMsMost} ms`, Math.max(...this.#grantedAfterMs) <= handOverMsMost],
    ];
  }

  async pause(round) {
    const { cluster, ttlMs } = this.#options;
    await cluster.ready();
    const names = { lock: `lock-${round}`, map: `map-${round}`, stream: `guarded-${round}` };
    const next = await Quorate.connect(cluster.addresses, { sessionTtlMs: ttlMs, deadlineMs: 20_000 });
    await next.createStream(names.stream);
    const holder = new Process(process.execPath, [HOLDER, cluster.addresses.join(','), ...Object.values(names), String(ttlMs)]);
    const told = () => holder.lines.map((line) => JSON.parse(line));
    const has = (wanted, place, after = 0) =>
      told().some(({ event, place: at, number = 1 }) => event === wanted && at === place && number > after);
    try {
      await until('the holder to write to both', () => has('written', 'map') && has('written', 'stream'));
      const { token } = told().find(({ event }) => event === 'held');
      const { held, toldBefore } = await this.#freeze({ holder, next, lock: next.lock(names.lock), told });
      if (held.token.index <= token) this.#options.problems.add(`${names.lock}: token ${held.token.index} after ${token}`);
      // The version under the frozen holder: what it had under way when it froze is in it.
      const version = await next.map(names.map).version();
      // The append behind the last that was told may have been on its way.
      const lateAfter = 1 + Math.max(...told().map(({ event, place, number }) => (event === 'written' && place === 'stream' ? number : 0)));
      holder.signal('SIGCONT');
      await until('its late sets to be refused, its late appends not yet', () => has('over', 'map') && has('written', 'stream', lateAfter));
      await this.#checkSameGroup({ next, names, held, version, late: told().slice(toldBefore) });
      await this.#checkOtherGroup({ next, names, held, token, told, lateAfter, isOver: () => has('over', 'stream') });
      this.#toldLost += told()
        .slice(toldBefore)
        .filter(({ event }) => event === 'lost').length;
      await held.release();
    } finally {
      holder.signal('SIGCONT');
      await holder.kill();
      await next.close();
    }
  }

  /** Stops the holder until the next in line has the lock, and for at least the time of a pause. */
  async #freeze({ holder, next, lock, told }) {
    const waiting = lock.acquire();
    await until('the next in line', async () => (await next.lock(lock.name).holder())?.waiters === 1);
    holder.signal('SIGSTOP');
    await until('the holder to be frozen', () => stateOf(holder.pid) === 'T', { everyMs: 2 });
    this.pauses++;
    const pausedAtMs = performance.now();
    const toldBefore = told().length;
    const held = await waiting;
    this.#grantedAfterMs.push(performance.now() - pausedAtMs);
    await delay(Math.max(0, this.#options.pauseMs - (performance.now() - pausedAtMs)));
    if (stateOf(holder.pid) !== 'T') throw new Error('the holder was not stopped all the time');
    this.pausedMs.push(performance.now() - pausedAtMs);
    return { held, toldBefore };
  }

  /** Nothing of the old holder is done, although the new one has not written anything. */
  async #checkSameGroup({ next, names, held, version, late }) {
    const same = this.#sameGroup;
    const map = next.map(names.map);
    for (const { event, place, code, version: written, believedToHold } of late) {
      if (place !== 'map') continue;
      // A write that was on its way when it froze may have happened then.
      if (event === 'written' && written > version) same.applied++;
      if (event !== 'refused') continue;
      same.refused[code] = (same.refused[code] ?? 0) + 1;
      if (believedToHold) same.believers++;
    }
    if (late.some(({ place, code }) => place === 'map' && code === 'fenced')) same.rounds++;
    if ((await map.version()) !== version) {
      same.applied++;
      this.#options.problems.add(`${names.map}: changed under a token that was no longer held`);
    }
    const { version: written } = await map.set('guarded', { holder: held.token.index }, { fence: held.fence });
    if (written !== version + 1) {
      this.#options.problems.add(`${names.map}: the new holder's first write has version ${written}, not ${version + 1}`);
    }
  }

  /** The first append of the new holder shuts the old one out; the records tell in which order it was. */
  async #checkOtherGroup({ next, names, held, token, told, lateAfter, isOver }) {
    const other = this.#otherGroup;
    const stream = next.stream(names.stream);
    const before = told().length;
    const { offset: first } = await stream.append(JSON.stringify({ holder: held.token.index }), { fence: held.fence });
    await until('its late appends to be refused', isOver);
    const refused = told().filter(({ event, place }, i) => i >= before && event === 'refused' && place === 'stream');
    for (const { code } of refused) other.refusedAfterFirst[code] = (other.refusedAfterFirst[code] ?? 0) + 1;
    if (refused.some(({ code }) => code === 'fenced')) other.rounds++;
    await stream.append(JSON.stringify({ holder: held.token.index }), { fence: held.fence });
    const done = told().filter(({ event, place }) => event === 'written' && place === 'stream');
    other.storedBeforeFirst += done.filter(({ number, offset }) => number > lateAfter && offset < first).length;
    const stored = new Set();
    for await (const record of stream.read()) {
      const { holder, number } = JSON.parse(new TextDecoder().decode(record.value));
      if (holder !== token) continue;
      stored.add(number);
      if (record.offset > first) other.storedAfterFirst++;
    }
    for (const { number } of done)
      if (!stored.has(number)) this.#options.problems.add(`${names.stream}: acknowledged append ${number} is not there`);
    for (const { number } of refused)
      if (stored.has(number)) this.#options.problems.add(`${names.stream}: refused append ${number} is there`);
  }
}
