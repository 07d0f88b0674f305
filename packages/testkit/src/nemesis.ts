import { type Random, SeededRandom, randomBetween, randomChance, randomUnit } from '@quorate/base';
import { disturbClock } from './clock-faults.js';
import { disturbDisk } from './disk-faults.js';
import type { DiskRule, InjectedRule } from './disk-rules.js';
import type { DiskImage } from './disk-state.js';
import type { FaultPlan, FaultStep, InjectedFault } from './fault-plan.js';
import { SimulatorError } from './faults.js';
import type { FaultScene } from './fault-scene.js';
import { flipAnyBit, isWhole } from './fault-targets.js';
import { disturbClient, disturbLink, halveConnections, partition, slowLinks } from './link-faults.js';
import { type DiskEffectName, LATE_ACTIONS, type NemesisAction } from './nemesis-actions.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimNode } from './sim-node.js';

/** Time in which every node hears of the journals of all others and stores it, on the slowest links and disks that are drawn. */
const CALM_MS = 1000;
/** Time after which the nemesis no longer waits for calm. */
const CALM_WAIT_MS = 3000;
/** How often it looks whether all are well: it costs a status of each node. */
const LOOK_MS = 50;

/** The fault that is being done now: its random source is its own. */
interface Scope {
  readonly random: Random;
  readonly fault: InjectedFault;
}

/** Kinds of faults that destroy data. */
type Destruction = 'wipe' | 'oldImage' | 'flipBit' | 'failRead' | 'misdirectRead' | 'failSyncForever' | 'lostWrite' | 'misdirectWrite';

/** Breaks things as planned and mends them again. */
export class Nemesis implements FaultScene {
  /** How often each fault hit something. What was made ready and met nothing does not count. */
  readonly counts: Record<string, number> = {};
  /** What was injected or made ready, in order. */
  readonly injected: InjectedFault[] = [];
  readonly cluster: SimCluster;
  readonly #plan: FaultPlan;
  readonly #mends: (() => void)[] = [];
  #scope: Scope | null = null;
  #isRunning = false;
  #oldImage: DiskImage | null = null;
  #isCalm = false;
  /** The disk of the victim is to be exchanged. */
  #isBroken = false;
  /** A full disk leaves no room to make good what a failed sync lost, so both on one node would destroy data: a node gets one of them. */
  readonly #diskFaults = new Map<SimNode, 'fullDisk' | 'failSync'>();

  constructor(cluster: SimCluster, plan: FaultPlan) {
    this.cluster = cluster;
    this.#plan = plan;
  }

  start(): void {
    this.#isRunning = true;
    const { scheduler } = this.cluster;
    const startMs = scheduler.nowMs;
    for (const step of this.#plan.steps) scheduler.schedule(startMs + step.atMs, () => this.#do(step), null);
  }

  /** Mends everything: cables, disks, processes. */
  stop(): void {
    this.#isRunning = false;
    this.#mend();
    this.#keepAlive();
  }

  #mend(): void {
    const { nowMs } = this.cluster.scheduler;
    for (const fault of this.injected) fault.untilMs = Math.min(fault.untilMs, nowMs);
    for (const mend of this.#mends.splice(0)) mend();
    const { clients, network, nodes } = this.cluster;
    for (const client of clients) client.process.resume();
    for (const node of nodes) for (const other of nodes) if (other !== node) network.resetLink(node.name, other.name);
    this.cluster.healAll();
  }

  #do(step: FaultStep): void {
    if (!this.#isRunning || this.#isCalm) return;
    const { nowMs } = this.cluster.scheduler;
    const node = this.#numbered(step.node);
    const fault: InjectedFault = { id: step.id, action: step.action, atMs: nowMs, untilMs: nowMs, targets: [node.name] };
    this.#as({ random: new SeededRandom(step.seed), fault }, () => {
      if (!this.#perform(step.action, node)) return;
      this.#note(fault);
      if (!LATE_ACTIONS.has(step.action)) this.#count(fault);
    });
  }

  #count({ action }: InjectedFault): void {
    this.counts[action] = (this.counts[action] ?? 0) + 1;
  }

  #note(fault: InjectedFault): void {
    this.injected.push(fault);
    this.cluster.history.recorder.fault(fault.action, fault.targets.join(' '));
    this.cluster.scheduler.trace.mixText(fault.action);
  }

  /** Runs `action` as part of a fault. */
  #as(scope: Scope | null, action: () => void): void {
    const before = this.#scope;
    this.#scope = scope;
    try {
      action();
    } finally {
      this.#scope = before;
    }
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get random(): Random {
    if (this.#scope === null) throw new SimulatorError('a fault was drawn outside of any step');
    return this.#scope.random;
  }

  hits(...targets: string[]): void {
    if (this.#scope !== null) this.#scope.fault.targets = targets;
  }

  hitter(): () => void {
    const fault = this.#scope?.fault;
    let isHit = fault === undefined;
    return () => {
      if (!isHit && fault !== undefined) this.#count(fault);
      isHit = true;
    };
  }

  /** How often each fault hit something, and what happened to disks. */
  get effects(): Readonly<Record<string, number>> {
    const sums: Record<DiskEffectName, number> = { shortWrite: 0, tornSector: 0, lostSector: 0, forgottenName: 0 };
    for (const { disk } of this.cluster.nodes) {
      sums.shortWrite += disk.shortWrites;
      sums.tornSector += disk.losses.tornSectors;
      sums.lostSector += disk.losses.lostSectors;
      sums.forgottenName += disk.losses.forgottenNames;
    }
    return { ...this.counts, ...sums };
  }

  /** Processes that end by themselves (a fault injected late) are started again until all is well. */
  #keepAlive(): void {
    if (this.#isRunning) return;
    for (const node of this.cluster.nodes) if (!node.isUp) this.#start(node);
    this.later(200, () => this.#keepAlive());
  }

  /** False if the fault does not fit the moment. */
  #perform(action: NemesisAction, node: SimNode): boolean {
    switch (action) {
      case 'kill':
        return this.#down(node, () => node.kill());
      case 'powerCut':
        return this.#down(node, () => node.powerCut(this.random));
      case 'powerCutAll':
        this.hits(...this.cluster.nodes.map(({ name }) => name));
        for (const each of this.cluster.nodes) {
          each.powerCut(this.random);
          this.restartLater(each);
        }
        return true;
      case 'stop':
        return this.#down(node, () => node.host !== null && !node.isPaused && node.stop(() => {}));
      case 'pause':
        if (!node.isUp) return false;
        node.pause();
        this.later(randomUnit(this.random) * 2000, () => node.resume());
        return true;
      case 'cut':
      case 'cutReset':
      case 'cutOneWay':
      case 'reset':
        return disturbLink(this, action, node);
      case 'isolate':
      case 'halves':
      case 'bridge':
      case 'ring':
        return partition(this, action);
      case 'clog':
      case 'loss':
        return slowLinks(this, action, node);
      case 'halfOpen':
      case 'duplicateConnection':
        return halveConnections(this, action, node);
      case 'fullDisk':
      case 'failSync':
        if (!node.isUp || (this.#diskFaults.get(node) ?? action) !== action) return false;
        this.#diskFaults.set(node, action);
        disturbDisk(this, action, node);
        return true;
      case 'slowDisk':
      case 'failWrite':
      case 'crashInDisk':
      case 'crashInNetwork':
        if (node.isUp) disturbDisk(this, action, node);
        return node.isUp;
      case 'clockDrift':
      case 'clockJump':
      case 'clockFreeze':
      case 'wallJump':
        return disturbClock(this, action, node);
      case 'pauseClient':
      case 'killClient':
      case 'cutClient':
        return disturbClient(this, action, node);
      case 'wipe':
      case 'oldImage':
      case 'flipBit':
      case 'lostWrite':
      case 'misdirectWrite':
      case 'failRead':
      case 'misdirectRead':
      case 'failSyncForever':
        return this.#destroy(action);
    }
  }

  #down(node: SimNode, action: () => void): boolean {
    if (!node.isUp) return false;
    action();
    this.restartLater(node);
    return true;
  }

  /** As who runs it would: a node that cannot even read who it is gets an empty disk. */
  #start(node: SimNode): void {
    if (node === this.#numbered(this.#plan.victim) && node.failure?.code === 'dataDamaged') node.wipe();
    node.start();
  }

  restartLater(node: SimNode): void {
    this.later(randomUnit(this.random) * (randomChance(this.random, 0.2) ? 3000 : 300), () => {
      if (!node.isUp) this.#start(node);
      else if (node.host === null || node.isPaused) this.restartLater(node);
    });
  }

  inject(node: SimNode, rule: DiskRule): InjectedRule {
    const injected = node.disk.inject({ ...rule, hit: this.hitter() });
    this.onMend(() => injected.remove());
    return injected;
  }

  onMend(action: () => void): void {
    this.#mends.push(action);
  }

  /** Data may be lost on one node, once the last loss was made good: more than a minority at a time nobody survives. */
  #destroy(action: Destruction): boolean {
    const { nodes } = this.cluster;
    if (nodes.length < 3) return false;
    const victim = this.#numbered(this.#plan.victim);
    this.hits(victim.name);
    if (this.#isBroken || !isWhole(victim)) return false;
    if (action === 'oldImage') {
      if (this.#oldImage === null) this.#oldImage = victim.disk.image();
      else this.#awaitCalm(() => this.#restore(victim));
      return false;
    }
    if (action === 'lostWrite' || action === 'misdirectWrite') {
      this.#loseWrite(action, victim);
      return false;
    }
    this.#oldImage = null;
    if (action === 'failSyncForever') {
      this.#breakDisk(victim);
      return true;
    }
    victim.kill();
    if (action === 'wipe') victim.wipe();
    else if (action === 'flipBit') flipAnyBit(victim, this.random);
    else this.#misread(action, victim);
    this.restartLater(victim);
    return true;
  }

  /** As the process starts, all is read anew; what cannot be read, or is read from elsewhere, counts as lost and is fetched from the others. */
  #misread(action: 'failRead' | 'misdirectRead', victim: SimNode): void {
    const skip = randomBetween(this.random, 0, 20);
    const position = randomBetween(this.random, 0, 100_000);
    const effect = action === 'failRead' ? ({ type: 'fail', kind: 'io' } as const) : ({ type: 'misdirect', position } as const);
    this.inject(victim, { operations: ['read'], skip, effect });
  }

  /** No sync succeeds any more, whoever is started, until somebody puts an empty disk in. */
  #breakDisk(victim: SimNode): void {
    const effect = { type: 'fail', kind: 'io' } as const;
    const rule = this.inject(victim, { operations: ['sync', 'syncDirectory'], times: Number.POSITIVE_INFINITY, effect });
    this.#isBroken = true;
    this.whenKilled(victim, () => this.restartLater(victim));
    this.later(randomBetween(this.random, 50, 1500), () => {
      this.#isBroken = false;
      if (!this.#isRunning) return;
      rule.remove();
      victim.wipe();
      this.restartLater(victim);
    });
  }

  /**
   * An image so new, or others so long away, that nobody can know of what is gone, cannot be found out: then two copies are lost with one
   * disk (T37). So the others first get the time to hear of the journal and to store that.
   */
  #restore(victim: SimNode): void {
    const image = this.#oldImage;
    if (image === null || !isWhole(victim)) return;
    this.#oldImage = null;
    victim.restoreImage(image);
    this.restartLater(victim);
    this.#happened();
  }

  /** What was planned earlier was done now. */
  #happened(): void {
    if (this.#scope === null) return;
    this.#note(this.#scope.fault);
    this.#count(this.#scope.fault);
  }

  /** A write that the disk reported and lost, or put elsewhere in the file. As with an old image, others must have heard of the journal. */
  #loseWrite(action: 'lostWrite' | 'misdirectWrite', victim: SimNode): void {
    let rule: InjectedRule | null = null;
    const destroyed = (isCalm: boolean): void => {
      rule?.remove();
      this.#oldImage = null;
      if ((rule?.hits ?? 0) === 0) return;
      if (victim.isUp) victim.kill();
      // Not to be found out: too much for the others to lose with it.
      if (!isCalm) victim.wipe();
      this.restartLater(victim);
      this.#happened();
    };
    this.#awaitCalm(
      () => destroyed(true),
      () => destroyed(false),
    );
    const position = randomBetween(this.random, 0, 100_000);
    const effect = action === 'lostWrite' ? ({ type: 'lost' } as const) : ({ type: 'misdirect', position } as const);
    rule = victim.disk.inject({ operations: ['write'], skip: randomBetween(this.random, 0, 5), effect });
  }

  /** Mends everything and does `action` once all nodes were well for a while; `otherwise` if that takes too long. */
  #awaitCalm(action: () => void, otherwise: () => void = () => {}): void {
    const { nodes, scheduler } = this.cluster;
    this.#isCalm = true;
    this.#mend();
    const giveUpAtMs = scheduler.nowMs + CALM_WAIT_MS;
    const lives = (): string => nodes.map((node) => node.starts).join();
    let calmSinceMs = scheduler.nowMs;
    let before = '';
    const look = (): void => {
      if (!this.#isRunning) return otherwise();
      for (const node of nodes) if (!node.isUp) this.#start(node);
      if (before !== lives() || !nodes.every((node) => !node.isPaused && isWhole(node))) calmSinceMs = scheduler.nowMs;
      before = lives();
      const isCalm = scheduler.nowMs - calmSinceMs >= CALM_MS;
      if (!isCalm && scheduler.nowMs < giveUpAtMs) return this.later(LOOK_MS, look);
      if (isCalm) action();
      else otherwise();
      this.#isCalm = false;
    };
    look();
  }

  /** Counted from 1, and round. */
  #numbered(number: number): SimNode {
    const { nodes } = this.cluster;
    return nodes[(number - 1) % nodes.length] as SimNode;
  }

  whenKilled(node: SimNode, action: () => void): void {
    const scope = this.#scope;
    node.process?.onKilled(() => this.#as(scope, action));
  }

  later(ms: number, action: () => void): void {
    const scope = this.#scope;
    const atMs = this.cluster.scheduler.nowMs + ms;
    if (scope !== null) scope.fault.untilMs = Math.max(scope.fault.untilMs, atMs);
    this.cluster.scheduler.schedule(atMs, () => this.#as(scope, action), null);
  }
}
