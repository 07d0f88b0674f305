import assert from 'node:assert/strict';
import {
  type BatchKind,
  type GroupId,
  type Incarnation,
  type NodeId,
  type QuorateError,
  SILENT_LOGGER,
  SeededRandom,
  batchPayload,
  crc32c,
  encodeBatch,
  trustedBatchHeader,
} from '@quorate/base';
import {
  type Damage,
  type GroupDurable,
  type GroupLog,
  type Identity,
  type InspectReport,
  type Storage,
  type StorageOptions,
  inspectStorage,
  openStorage,
} from '@quorate/storage';
import { SimDisk, type DiskImage, SimScheduler, type SimProcess } from '@quorate/testkit';

export const FILE_BYTES = 8192;
export const G1 = 1 as GroupId;
export const G2 = 2 as GroupId;
export const INCARNATION = '00000000000000aa' as Incarnation;
export const IDENTITY: Identity = {
  nodeId: 1 as NodeId,
  incarnation: INCARNATION,
  clusterId: null,
  isRejoined: false,
  members: [{ nodeId: 1 as NodeId, address: '127.0.0.1:7400', incarnation: null }],
};

/** One life of a storage on a simulated disk, and what it told. */
export class Life {
  readonly durable: GroupDurable[] = [];
  readonly failures: QuorateError[] = [];
  readonly fulls: boolean[] = [];
  readonly damaged: Damage[] = [];
  readonly process: SimProcess;
  storage: Storage | null = null;
  openError: QuorateError | null = null;
  #calls = 0;

  constructor(process: SimProcess) {
    this.process = process;
  }

  options(disk: SimDisk, overrides: Partial<StorageOptions>): StorageOptions {
    return {
      disk: disk.attach(this.process),
      timers: this.process.timers,
      clock: this.process.clock,
      checksum: crc32c,
      logger: SILENT_LOGGER,
      journalFileBytes: FILE_BYTES,
      events: {
        durable: (groups) => this.durable.push(...groups),
        failed: (error) => this.failures.push(error),
        full: (isFull) => this.fulls.push(isFull),
        damaged: (damage) => this.damaged.push(damage),
      },
      ...overrides,
    };
  }

  opened(error: QuorateError | null, storage: Storage | null): void {
    this.#calls++;
    assert.equal(this.#calls, 1, 'openStorage calls back once');
    this.openError = error;
    this.storage = storage;
  }
}

export interface RigOptions {
  readonly seed?: number;
  readonly capacityBytes?: number;
  readonly storage?: Partial<StorageOptions>;
}

/** A simulated disk with one storage after another on it. */
export class Rig {
  readonly scheduler = new SimScheduler();
  readonly random: SeededRandom;
  readonly disk: SimDisk;
  readonly #storage: Partial<StorageOptions>;
  life: Life;
  #lives = 0;

  constructor(options: RigOptions = {}) {
    this.random = new SeededRandom(options.seed ?? 1);
    this.disk = new SimDisk({
      random: this.random,
      ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
    });
    this.#storage = options.storage ?? {};
    this.life = this.#newLife();
  }

  #newLife(): Life {
    return new Life(this.scheduler.forNode(`life ${++this.#lives}`));
  }

  /** Opens without expecting success; false if the process died. */
  tryOpen(overrides: Partial<StorageOptions> = {}): boolean {
    if (this.life.process.isAlive && this.#lives > 0) this.life.process.kill();
    const life = this.#newLife();
    this.life = life;
    openStorage(life.options(this.disk, { ...this.#storage, ...overrides }), (error, storage) => life.opened(error, storage));
    for (let left = 1000; left > 0 && life.process.isAlive && life.storage === null && life.openError === null; left--)
      this.scheduler.runFor(1);
    return life.process.isAlive;
  }

  open(overrides: Partial<StorageOptions> = {}): Storage {
    this.tryOpen(overrides);
    assert.equal(this.life.openError, null);
    assert.ok(this.life.storage !== null, 'opened');
    return this.life.storage;
  }

  /** Opens and, in an empty directory, sets the identity. */
  start(overrides: Partial<StorageOptions> = {}): Storage {
    const storage = this.open(overrides);
    if (storage.identity === null) storage.setIdentity(IDENTITY);
    return storage;
  }

  /** Flushes and runs until all is told. */
  settle(ms = 20): void {
    this.life.storage?.flush();
    this.scheduler.runFor(ms);
  }

  close(): QuorateError | null {
    let outcome: QuorateError | null | undefined;
    this.life.storage?.close((error) => {
      outcome = error;
    });
    this.scheduler.runFor(5000);
    assert.notEqual(outcome, undefined, 'close calls back');
    this.life.process.kill();
    return outcome as QuorateError | null;
  }

  kill(): void {
    this.life.process.kill();
  }

  powerCut(): void {
    this.life.process.kill();
    this.disk.powerCut(this.random);
  }

  restore(image: DiskImage): void {
    this.life.process.kill();
    this.disk.restore(image);
  }

  inspect(): InspectReport {
    return inspectStorage(this.disk.attach(this.scheduler.forNode('inspector')), crc32c);
  }
}

export interface BatchOptions {
  readonly group?: GroupId;
  readonly term?: number;
  readonly base: number;
  readonly count?: number;
  readonly kind?: BatchKind;
  readonly bytes?: number;
  readonly fill?: number;
}

export function batch(options: BatchOptions): Uint8Array {
  const payload = new Uint8Array(options.bytes ?? 40).fill(options.fill ?? options.base & 0xff);
  return encodeBatch(
    {
      kind: options.kind ?? 'commands',
      group: options.group ?? G1,
      term: options.term ?? 1,
      baseIndex: options.base,
      count: options.count ?? 1,
      loggedTimeMs: 5,
      payloadChecksum: crc32c(payload),
    },
    payload,
    crc32c,
  );
}

/** Appends batches of one index each; returns them. */
export function appendMany(log: GroupLog, count: number, options: Omit<BatchOptions, 'base'> = {}): Uint8Array[] {
  const batches: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const next = batch({ term: 1, ...options, group: log.group, base: log.lastIndex + 1 });
    log.append(next);
    batches.push(next);
  }
  return batches;
}

/** The whole log as `index@term:first payload byte` per batch. */
export function contentOf(log: GroupLog): string[] {
  const content: string[] = [];
  for (let at = log.firstIndex; at <= log.lastIndex; ) {
    const batches = log.read(at, 2000);
    if (batches.length === 0) return [...content, `unreadable from ${at}`];
    for (const bytes of batches) {
      const { baseIndex, count, term } = trustedBatchHeader(bytes);
      content.push(`${baseIndex}${count > 1 ? `+${count}` : ''}@${term}:${batchPayload(bytes)[0] ?? ''}`);
      at = baseIndex + count;
    }
  }
  return content;
}

export function logOf(storage: Storage, group: GroupId = G1): GroupLog {
  const log = storage.group(group);
  assert.ok(log !== undefined, `group ${group} is there`);
  return log;
}
