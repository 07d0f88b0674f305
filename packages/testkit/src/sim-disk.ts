import { type Disk, DiskFault, type Random, SeededRandom, type Timers, randomBetween, randomUnit } from '@quorate/base';
import { DiskRules, type DiskRule, type InjectedRule } from './disk-rules.js';
import { type DiskImage, DiskState, type FileState, type PowerCutOptions, type PowerLosses, noLosses } from './disk-state.js';
import { SimDiskView } from './sim-disk-view.js';

/** What a disk needs of the process that uses it; a `SimProcess` is one. */
export interface DiskUser {
  readonly timers: Timers;
  /** Registers what happens when the process dies. */
  onKilled?(callback: () => void): void;
  /** The process dies now. */
  kill?(): void;
  /** The process is busy for so long. */
  stall?(ms: number): void;
}

/** Time that operations take, in ms, drawn evenly between the two; reads by callback take that of writes. */
export interface DiskLatency {
  readonly writeMs: readonly [number, number];
  readonly syncMs: readonly [number, number];
}

/** A quick local disk: writes reach the page cache in 10 to 50 µs, syncs take 0.1 to 0.6 ms. */
export const DEFAULT_DISK_LATENCY: DiskLatency = { writeMs: [0.01, 0.05], syncMs: [0.1, 0.6] };

/** What a simulated disk is like and what is on it; all may be left out: an empty, quick disk without bound. */
export interface SimDiskOptions {
  readonly random?: Random;
  readonly latency?: DiskLatency;
  /** Bytes that all files together may take. Default: no bound. */
  readonly capacityBytes?: number;
  readonly image?: DiskImage;
}

/**
 * The disk of one simulated machine. It outlives processes: each gets its own `Disk` from `attach`, which refuses every call once the
 * process is dead. `powerCut` loses what the contract of `Disk` allows to be lost; a killed process loses nothing it had written.
 */
export class SimDisk {
  readonly random: Random;
  readonly rules: DiskRules = new DiskRules();
  state: DiskState;
  latency: DiskLatency;
  capacityBytes: number;
  /** The process that holds the lock of the root. */
  lockHolder: SimDiskView | null = null;
  /** Simulated power cuts and restored images since the start. */
  powerCuts = 0;
  /** What power cuts did to it. */
  readonly losses: PowerLosses = noLosses();
  /** Writes of which only a part was done, for want of space or because the write failed or its process died. */
  shortWrites = 0;
  /** Told of each write for which there is no space. */
  onFull: (() => void) | null = null;
  readonly #views = new Set<SimDiskView>();
  #tornWrites: string[] = [];

  constructor(options: SimDiskOptions = {}) {
    this.random = options.random ?? new SeededRandom(1);
    this.latency = options.latency ?? DEFAULT_DISK_LATENCY;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
    this.state = options.image === undefined ? new DiskState() : DiskState.fromImage(options.image);
  }

  /** Paths of the writes that were cut off in the middle when the last process died, if power stayed on. */
  get tornWrites(): readonly string[] {
    return this.#tornWrites;
  }

  /** The disk as a process sees it, until that process dies. */
  attach(user: DiskUser): Disk {
    this.#tornWrites = [];
    const view = new SimDiskView(this, user);
    this.#views.add(view);
    user.onKilled?.(() => this.detach(view));
    return view;
  }

  /** A process is gone: its calls under way stop somewhere in the middle, its lock is free, its files keep what was written. */
  detach(view: SimDiskView): void {
    this.#views.delete(view);
    view.die();
    if (this.lockHolder === view) this.lockHolder = null;
  }

  /** SIGKILL of whatever process uses the disk. */
  processCrash(): void {
    for (const view of [...this.#views]) this.detach(view);
  }

  /** Loses power: what was not synced may be gone, in any combination. */
  powerCut(random: Random = this.random, options: PowerCutOptions = {}): void {
    this.processCrash();
    this.restore(this.state.powerCutImage(random, options, this.losses));
  }

  /** The content as processes see it now. Cheap: memory is shared until written. */
  image(): DiskImage {
    return this.state.image();
  }

  /** What a power cut now could leave; the disk itself goes on. */
  powerCutImage(random: Random = this.random, options: PowerCutOptions = {}): DiskImage {
    return this.state.powerCutImage(random, options);
  }

  /** Replaces the whole content; processes that use the disk die. */
  restore(image: DiskImage): void {
    this.processCrash();
    this.state = DiskState.fromImage(image);
    this.#tornWrites = [];
    this.powerCuts++;
  }

  /** An empty disk, as after an exchange or `rm -rf`. */
  wipe(): void {
    this.restore({ directories: [], files: new Map() });
  }

  inject(rule: DiskRule): InjectedRule {
    return this.rules.inject(rule);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return this.state.files.map(({ path }) => path).sort();
  }

  /** Bytes of a file as they are now. */
  contentOf(path: string): Uint8Array {
    const { content } = this.state.find(path);
    return content.read(0, content.size);
  }

  /** Flips one bit on the medium, past all bookkeeping. */
  flipBit(path: string, offset: number, bit: number): void {
    const { content } = this.state.find(path);
    const byte = content.read(offset, 1);
    if (byte.length === 0) throw new DiskFault('io', 'flipBit', path, { cause: new Error(`offset ${offset} is beyond the end`) });
    content.write(offset, Uint8Array.of((byte[0] as number) ^ (1 << bit)));
  }

  /** Overwrites bytes on the medium, past all bookkeeping. */
  corrupt(path: string, offset: number, bytes: Uint8Array): void {
    this.state.find(path).content.write(offset, bytes);
  }

  /** Bytes that all files take. */
  usedBytes(): number {
    let used = 0;
    for (const { file } of this.state.files) used += file.content.size;
    return used;
  }

  /** How much of a write fits: the bytes from its start that may be written. */
  roomFor(file: FileState, position: number, length: number): number {
    const growth = position + length - file.content.size;
    if (growth <= 0 || this.capacityBytes === Number.POSITIVE_INFINITY) return length;
    const free = Math.max(0, this.capacityBytes - this.usedBytes());
    if (growth <= free) return length;
    this.onFull?.();
    return Math.max(0, length - (growth - free));
  }

  drawMs([low, high]: readonly [number, number]): number {
    return low + randomUnit(this.random) * (high - low);
  }

  /** How many bytes of a write that was interrupted are there, cut at any byte. */
  drawPart(bytes: number): number {
    return randomBetween(this.random, 0, bytes);
  }

  /** Of this write only a part was done when its process died. */
  noteTorn(path: string): void {
    this.#tornWrites.push(path);
  }
}
