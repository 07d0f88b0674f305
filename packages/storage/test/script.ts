import assert from 'node:assert/strict';
import { type GroupId, type NodeId, QuorateError, type Random, randomBetween, randomChance } from '@quorate/base';
import type { GroupLog, Storage } from '@quorate/storage';
import { G1, G2, IDENTITY, type Rig, batch, contentOf } from './rig.js';

/** What one group may look like after a crash: every state it went through, and what of it was told to be durable. */
interface GroupModel {
  log: string[];
  readonly logs: Set<string>;
  hardState: string;
  readonly hardStates: string[];
  /** Position in `hardStates` of the newest one told to be durable. */
  durableHardState: number;
  durableIndex: number;
  version: number;
}

/**
 * A simple model of storage with crashes: a group's log after a crash is one of those it had, and whatever was told to be durable and not
 * cut off since is in it.
 */
export class Model {
  readonly groups = new Map<GroupId, GroupModel>();
  #told = 0;

  /** Notes the present state of a group after an operation on it. */
  note(log: GroupLog, lowered: number = Number.POSITIVE_INFINITY): void {
    let model = this.groups.get(log.group);
    if (model === undefined) {
      model = { log: [], logs: new Set(['none']), hardState: '', hardStates: ['none'], durableHardState: 0, durableIndex: 0, version: 0 };
      this.groups.set(log.group, model);
    }
    model.log = contentOf(log);
    model.logs.add(`${log.firstIndex}:${log.previousTerm} ${model.log.join()}`);
    const hardState = JSON.stringify(log.hardState);
    if (hardState !== model.hardState) model.hardStates.push(hardState);
    model.hardState = hardState;
    model.durableIndex = Math.min(model.durableIndex, lowered);
  }

  /** Takes in what the storage told since the last call. */
  listen(rig: Rig, versions: ReadonlyMap<string, number>): void {
    const { durable } = rig.life;
    for (; this.#told < durable.length; this.#told++) {
      const fact = durable[this.#told];
      const model = fact === undefined ? undefined : this.groups.get(fact.group);
      if (fact === undefined || model === undefined) continue;
      model.durableIndex = Math.max(model.durableIndex, fact.durableIndex);
      model.durableHardState = Math.max(model.durableHardState, versions.get(`${fact.group} ${fact.hardStateVersion}`) ?? 1);
    }
  }

  /** After a crash and a sound recovery. */
  check(storage: Storage, context: string): void {
    assert.deepEqual(storage.damage, [], `${context}: no damage`);
    for (const [group, model] of this.groups) {
      const log = storage.group(group);
      const found = log === undefined ? 'none' : `${log.firstIndex}:${log.previousTerm} ${contentOf(log).join()}`;
      assert.ok(model.logs.has(found), `${context}: group ${group} has a log that it never had: ${found}`);
      const at = log === undefined ? 0 : model.hardStates.lastIndexOf(JSON.stringify(log.hardState));
      assert.ok(at >= model.durableHardState, `${context}: group ${group} lost a durable hard state: ${JSON.stringify(log?.hardState)}`);
      const content = log === undefined ? [] : contentOf(log);
      for (const entry of model.log) {
        const base = Number.parseInt(entry, 10);
        const isDropped = log !== undefined && base < log.firstIndex;
        assert.ok(
          base > model.durableIndex || isDropped || content.includes(entry),
          `${context}: group ${group} lost ${entry}, durable to ${model.durableIndex}`,
        );
      }
      assert.ok(log === undefined || log.durableIndex === log.lastIndex, `${context}: all that was recovered is durable`);
    }
  }
}

/** Runs random operations against a storage and its model; stops where the process dies. */
export class Walk {
  readonly model: Model = new Model();
  readonly #rig: Rig;
  readonly #random: Random;
  readonly #versions = new Map<string, number>();
  #version = 0;
  #fill = 0;

  constructor(rig: Rig, random: Random) {
    this.#rig = rig;
    this.#random = random;
  }

  /** Begins on a freshly opened storage. */
  begin(storage: Storage): void {
    if (storage.identity === null) storage.setIdentity(IDENTITY);
    for (const log of storage.groups()) this.#noteRecovered(log);
    for (const group of [G1, G2]) if (storage.group(group) === undefined) this.model.note(storage.createGroup(group, false));
  }

  #noteRecovered(log: GroupLog): void {
    this.model.note(log);
    const model = this.model.groups.get(log.group);
    if (model === undefined) return;
    model.durableIndex = log.lastIndex;
    model.durableHardState = model.hardStates.length - 1;
    // What was recovered is durable: the group exists from here on.
    model.logs.delete('none');
  }

  step(storage: Storage): void {
    const log = storage.group(randomChance(this.#random, 0.7) ? G1 : G2);
    assert.ok(log !== undefined);
    const dice = randomBetween(this.#random, 0, 99);
    if (dice < 50) this.#append(log);
    else if (dice < 62) this.#setHardState(log);
    else if (dice < 72) this.#cutSuffix(log);
    else if (dice < 80) this.#cutPrefix(log);
    else if (dice < 82) this.model.note(storage.resetGroup(log.group), 0);
    else if (dice < 92) storage.flush();
    else this.#rig.scheduler.runFor(randomBetween(this.#random, 0, 40) / 10);
    this.listen();
  }

  listen(): void {
    this.model.listen(this.#rig, this.#versions);
  }

  #append(log: GroupLog): void {
    this.#fill = (this.#fill + 1) % 256;
    const term = Math.max(log.terms.at(-1)?.term ?? log.previousTerm, 1) + (randomChance(this.#random, 0.1) ? 1 : 0);
    const kind = randomChance(this.#random, 0.05) ? 'configuration' : 'commands';
    const bytes = randomChance(this.#random, 0.1) ? randomBetween(this.#random, 1000, 5000) : randomBetween(this.#random, 1, 300);
    log.append(
      batch({ group: log.group, base: log.lastIndex + 1, count: randomBetween(this.#random, 1, 3), term, kind, bytes, fill: this.#fill }),
    );
    this.model.note(log);
  }

  #setHardState(log: GroupLog): void {
    this.#version++;
    log.setHardState(
      { term: log.hardState.term + 1, votedFor: randomBetween(this.#random, 0, 3) as NodeId | 0, isLearner: false },
      this.#version,
    );
    this.model.note(log);
    this.#versions.set(`${log.group} ${this.#version}`, (this.model.groups.get(log.group)?.hardStates.length ?? 0) - 1);
  }

  #cutSuffix(log: GroupLog): void {
    if (log.lastIndex < log.firstIndex) return;
    const index = log.batchBaseOf(randomBetween(this.#random, Math.max(log.firstIndex, log.lastIndex - 6), log.lastIndex)) - 1;
    log.truncateSuffix(index);
    this.model.note(log, index);
  }

  #cutPrefix(log: GroupLog): void {
    if (log.durableIndex < log.firstIndex || !randomChance(this.#random, 0.5)) return;
    log.truncatePrefix(log.batchBaseOf(randomBetween(this.#random, log.firstIndex, log.durableIndex)) - 1);
    this.model.note(log);
  }
}

/** True for errors that a storage may give when its disk fails. */
export function isDiskError(error: unknown): boolean {
  return error instanceof QuorateError && (error.code === 'diskFailed' || error.code === 'diskFull' || error.code === 'closed');
}
