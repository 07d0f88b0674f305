import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import type { GroupLog, SnapshotWriter, Storage } from '@quorate/storage';
import type { DiskOperation, InjectedRule } from '@quorate/testkit';
import { G1, Rig, appendMany, logOf } from './rig.js';
import { type Outcome, content, facts, contentOnDisk, write } from './snapshot-rig.js';

/*
 * Random lives in which names are given and taken while calls to the disk are slow, find no space, or both: own snapshots and received ones, given
 * up and begun again at the same index, cut logs, dead journal files. What is in force stays whole, whatever else is removed.
 */

interface Received {
  readonly writer: SnapshotWriter;
  readonly outcome: Outcome;
  readonly index: number;
  readonly seed: number;
}

const OPERATIONS: readonly DiskOperation[] = ['rename', 'remove', 'remove', 'create', 'write', 'sync', 'syncDirectory'];
const PATHS = [/snapshots\//, /snapshots\//, /journal\//, /./];

class RandomLife {
  readonly rig: Rig;
  readonly #random: Random;
  /** Seed of the content by index and file: what was last completed under a name. */
  readonly #seeds = new Map<number, Set<number>>();
  #received: Received | null = null;
  #own: { readonly writer: SnapshotWriter; readonly outcome: Outcome } | null = null;
  #contents = 0;
  #rules: InjectedRule[] = [];
  told = { durable: 0, snapshot: 0 };

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    this.rig = new Rig({ seed });
  }

  #below(max: number): number {
    return randomBetween(this.#random, 0, max - 1);
  }

  begin(): { storage: Storage; log: GroupLog } {
    const storage = this.rig.start();
    this.#received = null;
    this.#own = null;
    return { storage, log: storage.group(G1) ?? storage.createGroup(G1, false) };
  }

  #content(index: number): { readonly bytes: Uint8Array; readonly seed: number } {
    const seed = ++this.#contents;
    this.#seeds.set(index, (this.#seeds.get(index) ?? new Set()).add(seed));
    return { bytes: content(300 + ((seed * 977) % 9000), seed), seed };
  }

  /** What is in force can be read, and is one of those that were written at its index. */
  check(storage: Storage, log: GroupLog, what: string): void {
    const file = storage.snapshot(G1);
    if (file === null) {
      assert.equal(log.firstIndex, 1, `${what}: a log that was cut has a snapshot`);
      return;
    }
    assert.ok(file.index >= log.firstIndex - 1, `${what}: the snapshot covers the beginning of the log`);
    const bytes = contentOnDisk(this.rig, file);
    const seeds = [...(this.#seeds.get(file.index) ?? [])];
    assert.ok(
      seeds.some((seed) => bytes.length === 300 + ((seed * 977) % 9000) && Buffer.compare(bytes, content(bytes.length, seed)) === 0),
      `${what}: the snapshot of index ${file.index} is one that was written`,
    );
  }

  step(storage: Storage, log: GroupLog): void {
    const { rig } = this;
    switch (this.#below(12)) {
      case 0:
      case 1:
        appendMany(log, 1 + this.#below(4), { bytes: 100 + this.#below(1200) });
        break;
      case 2:
      case 3: {
        if (this.#own?.outcome.isDone === false || log.durableIndex === 0) break;
        const index = Math.max(1, log.durableIndex - this.#below(3));
        if (index < log.firstIndex) break;
        const writer = storage.createSnapshot(facts(index));
        this.#own = { writer, outcome: write(writer, this.#content(index).bytes, 3000) };
        break;
      }
      case 4:
      case 5: {
        if (this.#received !== null && !this.#received.outcome.isDone) break;
        const before = this.#received;
        // Often the same once more.
        const index = before !== null && before.index > log.lastIndex && randomChance(this.#random, 0.7) ? before.index : log.lastIndex + 3;
        if (before?.outcome.file !== null && randomChance(this.#random, 0.7)) before?.writer.abort();
        const writer = storage.receiveSnapshot(facts(index));
        const { bytes, seed } = this.#content(index);
        this.#received = { writer, outcome: write(writer, bytes, 3000), index, seed };
        break;
      }
      case 6:
        this.#received?.writer.abort();
        if (this.#received?.outcome.isDone === true) this.#received = null;
        break;
      case 7: {
        const received = this.#received;
        if (received?.outcome.file == null || received.index <= log.lastIndex) break;
        const { file } = received.outcome;
        if (file.index <= (storage.snapshot(G1)?.index ?? 0)) break;
        log.restartAt(received.index, 1);
        this.#received = null;
        assert.deepEqual(contentOnDisk(rig, storage.snapshot(G1) as typeof file), content(file.length, received.seed));
        break;
      }
      case 8: {
        const file = storage.snapshot(G1);
        if (file !== null && log.durableIndex >= file.index && file.index >= log.firstIndex) log.truncatePrefix(file.index);
        break;
      }
      case 9:
        if (this.#own?.outcome.isDone === false) this.#own.writer.abort();
        break;
      default: {
        const operation = OPERATIONS[this.#below(OPERATIONS.length)] as DiskOperation;
        const path = PATHS[this.#below(PATHS.length)] as RegExp;
        const ms = [0, 1, 20, 300][this.#below(4)] as number;
        const isFull = ['rename', 'remove', 'create', 'write'].includes(operation) && randomChance(this.#random, 0.6);
        const effect = isFull ? { type: 'fail' as const, kind: 'full' as const, ms } : { type: 'slow' as const, ms };
        this.#rules.push(rig.disk.inject({ effect, operations: [operation], path }));
      }
    }
    if (randomChance(this.#random, 0.5)) storage.flush();
    rig.scheduler.runFor([0, 0, 1, 5, 40][this.#below(5)] as number);
    this.told.durable = Math.max(this.told.durable, log.durableIndex);
  }

  run(): void {
    for (let life = 0; life < 3; life++) {
      const { storage, log } = this.begin();
      assert.deepEqual(storage.damage, [], `life ${life}`);
      this.check(storage, log, `opened, life ${life}`);
      assert.ok(log.durableIndex >= this.told.durable, `life ${life}: what was durable is there`);
      for (let left = 60; left > 0; left--) {
        this.step(storage, log);
        if (this.rig.life.failures.length > 0) break;
      }
      if (this.rig.life.failures.length === 0) {
        // Every retry of a removal is over.
        this.rig.settle(randomChance(this.#random, 0.5) ? 5000 : 1);
        this.told.durable = Math.max(this.told.durable, log.durableIndex);
        this.check(storage, log, `end of life ${life}`);
      }
      for (const rule of this.#rules.splice(0)) rule.remove();
      const end = this.#below(3);
      if (end === 0) this.rig.powerCut();
      else if (end === 1) this.rig.kill();
      else this.rig.close();
    }
    const storage = this.rig.open();
    assert.deepEqual(storage.damage, []);
    this.check(storage, logOf(storage), 'at last');
  }
}

test('T26, T32, T39: random lives in which names are given and taken while calls are slow or find no space → what is in force is whole', () => {
  const first = Number(process.env['SEED'] ?? 1);
  const runs = Number(process.env['RUNS'] ?? 60);
  for (let seed = first; seed < first + runs; seed++) {
    try {
      new RandomLife(seed).run();
    } catch (thrown) {
      throw new Error(`seed ${seed}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, { cause: thrown });
    }
  }
});
