import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BatchHeader,
  type GroupId,
  type Incarnation,
  type LogIndex,
  type NodeId,
  type QuorateError,
  SILENT_LOGGER,
  SeededRandom,
  crc32c,
  utf8,
} from '@quorate/base';
import { type ApplyOutcome, ProposalBudget, Replica, type ReplicaNode, type View } from '@quorate/host';
import { Raft } from '@quorate/raft';
import { type Storage, openStorage } from '@quorate/storage';
import { SimDisk, SimScheduler, type SimProcess } from '@quorate/testkit';

const GROUP = 7 as GroupId;
const SELF = 1 as NodeId;

/** A state that is easy to compare; it fails in the middle of the batch at `failsAt`, half of it done. */
class ListView implements View {
  readonly applied: string[] = [];
  readonly failsAt: LogIndex;
  /** Time that applying a batch takes, and has taken so far. */
  batchMs = 0;
  spentMs = 0;

  constructor(failsAt: LogIndex) {
    this.failsAt = failsAt;
  }
  get hash(): number {
    return crc32c(utf8(this.applied.join()));
  }
  apply(header: BatchHeader, payload: Uint8Array): ApplyOutcome {
    if (header.baseIndex === this.failsAt) throw new Error('the machine is broken');
    this.applied.push(`${header.baseIndex} ${payload.join(' ')}`);
    this.spentMs += this.batchMs;
    return { view: 'none' };
  }
}

/** One replica, alone in its group, on a real storage over a simulated disk. */
class Rig implements ReplicaNode {
  readonly nodeId = SELF;
  readonly checksum = crc32c;
  readonly contacts = {
    heardAtMs: () => null,
    lastHeardAtMs: () => Number.NEGATIVE_INFINITY,
    acknowledgedAtMs: () => Number.NEGATIVE_INFINITY,
  };
  readonly proposalBudget = new ProposalBudget();
  readonly told: string[] = [];
  stateNoted(): void {}
  readonly process: SimProcess;
  readonly #scheduler: SimScheduler;
  readonly #storage: Storage;
  readonly replica: Replica;
  readonly view: ListView;

  constructor(scheduler: SimScheduler, disk: SimDisk, failsAt: LogIndex) {
    this.#scheduler = scheduler;
    this.process = scheduler.forNode('node');
    this.view = new ListView(failsAt);
    this.#storage = this.#open(disk);
    const log = this.#storage.group(GROUP) ?? this.#storage.createGroup(GROUP, false);
    const raft = new Raft({
      options: {
        group: GROUP,
        self: SELF,
        electionTimeoutMinMs: 10,
        electionTimeoutMaxMs: 20,
        heartbeatMs: 5,
        windowMessages: 16,
        windowBytes: 1_000_000,
        appendMessageBytes: 1_000_000,
      },
      start: {
        hardState: log.hardState,
        terms: log.terms,
        firstIndex: log.firstIndex,
        previousTerm: log.previousTerm,
        lastIndex: log.lastIndex,
        configurations: [{ index: 0, configuration: { voters: [SELF] } }],
      },
      random: new SeededRandom(1),
      contacts: this.contacts,
      log,
      checksum: crc32c,
      nowMs: this.clock.nowMs(),
    });
    this.replica = new Replica({ name: 'test', log, raft, view: this.view, node: this });
  }

  get clock(): SimProcess['clock'] {
    const { nowMs, wallMs } = this.process.clock;
    return { nowMs: () => nowMs() + this.view.spentMs, wallMs };
  }

  #open(disk: SimDisk): Storage {
    let opened: Storage | null = null;
    openStorage(
      {
        disk: disk.attach(this.process),
        timers: this.process.timers,
        checksum: crc32c,
        logger: SILENT_LOGGER,
        journalFileBytes: 65_536,
        events: {
          durable: (groups) => groups.forEach((state) => this.replica.durable(state)),
          failed: (error) => assert.fail(error),
          full: () => {},
          damaged: () => {},
        },
      },
      (error, storage) => {
        assert.equal(error, null);
        opened = storage;
      },
    );
    this.#scheduler.runFor(10);
    const storage = opened as Storage | null;
    assert.ok(storage !== null);
    const member = { nodeId: SELF, address: '127.0.0.1:1', incarnation: null };
    const incarnation = '00000000000000aa' as Incarnation;
    if (storage.identity === null)
      storage.setIdentity({ nodeId: SELF, incarnation, clusterId: null, isRejoined: false, members: [member] });
    return storage;
  }

  /** Turns and ticks, as a node would, until nothing is left to do. */
  run(): void {
    for (let i = 0; i < 100; i++) {
      this.#scheduler.runFor(1);
      this.replica.tick();
      this.replica.turn();
      this.#storage.flush();
    }
  }

  /** What is queued becomes durable. */
  store(): void {
    this.#storage.flush();
    this.#scheduler.runFor(1);
  }

  propose(value: number): void {
    const payload = Uint8Array.of(value);
    const proposer = {
      applied: (id: number) => this.told.push(`${id} applied`),
      failed: (id: number, error: QuorateError) => this.told.push(`${id} ${error.code}`),
    };
    this.replica.propose({ payload, payloadChecksum: crc32c(payload), count: 1 }, proposer, value, 'client');
  }

  send(): boolean {
    return true;
  }
  dirty = 0;
  markDirty(): void {
    this.dirty++;
  }
  unreadable(): void {
    assert.fail('unreadable');
  }
  stopped(_: Replica, error: QuorateError): void {
    this.told.push(`stopped: ${error.message}`);
  }
  changed(): void {}
  peerFault(): void {}
  proposeBarrier(): null {
    return null;
  }
}

test('T15: apply throws at a batch, others committed with it → applied up to the batch before, the group stops, nobody is told "applied"', () => {
  const scheduler = new SimScheduler();
  const disk = new SimDisk();
  const rig = new Rig(scheduler, disk, 4);
  rig.run();
  assert.equal(rig.replica.isLeader, true);
  const first = rig.replica.log.lastIndex;
  for (let value = 1; value <= 4; value++) rig.propose(value);
  rig.run();
  const done = 3 - first;
  assert.equal(rig.replica.appliedIndex, 3, 'the applied index stays before the batch that failed');
  assert.equal(rig.view.applied.length, rig.view.applied.filter((entry) => Number.parseInt(entry, 10) <= 3).length);
  assert.equal(rig.replica.status().role, 'stopped');
  assert.deepEqual(
    rig.told.filter((line) => !line.startsWith('stopped')),
    [1, 2, 3, 4].map((id) => (id <= done ? `${id} applied` : `${id} leadershipLost`)),
  );
  assert.match(rig.told.find((line) => line.startsWith('stopped')) ?? '', /the machine is broken/);
  rig.run();
  assert.equal(rig.replica.appliedIndex, 3, 'a stopped group never applies again');

  // Started again with a machine that is whole: everything that was committed is applied, from the first batch, once.
  rig.process.kill();
  const again = new Rig(scheduler, disk, 0);
  again.run();
  const sound = new Rig(scheduler, new SimDisk(), 0);
  sound.run();
  for (let value = 1; value <= 4; value++) sound.propose(value);
  sound.run();
  const values = (view: ListView): string[] =>
    view.applied.filter((entry) => / ./.test(entry)).map((entry) => entry.split(' ').slice(1).join());
  const isCommand = (value: string): boolean => /^[1-4]$/.test(value);
  assert.deepEqual(values(again.view).filter(isCommand), ['1', '2', '3', '4']);
  assert.deepEqual(values(again.view).filter(isCommand), values(sound.view).filter(isCommand));
  assert.equal(again.replica.appliedIndex, again.replica.log.lastIndex);
});

test('apply: many small batches are committed at once and each takes long → a turn ends with the batch in which its time is up, and goes on where it was', () => {
  const scheduler = new SimScheduler();
  const rig = new Rig(scheduler, new SimDisk(), 0);
  rig.run();
  const { log } = rig.replica;
  const before = rig.view.applied.length;
  rig.view.batchMs = 1.5;
  for (let value = 1; value <= 20; value++) rig.propose(value);
  let reads = 0;
  const read = log.read.bind(log);
  log.read = (from, bytes) => {
    reads++;
    return read(from, bytes);
  };
  const turns: number[] = [];
  const target = rig.replica.appliedIndex + 20;
  for (let left = 100; rig.replica.appliedIndex < target && left > 0; left--) {
    const count = rig.view.applied.length;
    rig.store();
    const reading = reads;
    rig.dirty = 0;
    rig.replica.turn();
    const applied = rig.view.applied.length - count;
    if (applied === 0) continue;
    turns.push(applied);
    assert.ok(rig.replica.appliedIndex === target || rig.dirty > 0, 'the rest has its turn');
    assert.ok(reads - reading <= 1, 'what was read is not read again');
  }
  // 4 ms are up within the third batch.
  assert.deepEqual(turns, [3, 3, 3, 3, 3, 3, 2]);
  const values = rig.view.applied.slice(before).map((entry) => Number(entry.split(' ')[1]));
  assert.deepEqual(
    values,
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
  assert.ok(reads <= 2, `${reads} reads of a log of 20 batches`);
});
