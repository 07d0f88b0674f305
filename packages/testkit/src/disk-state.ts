import { DiskFault, type Random, SECTOR_BYTES, isZero, randomBetween, randomChance, randomUnit } from '@quorate/base';
import { SparseBytes, nextPageBorder } from './sparse-bytes.js';

/** The content of a whole disk at rest. Files share memory with the disk they were taken from. */
export interface DiskImage {
  /** All folders below the root, parents before children. */
  readonly directories: readonly string[];
  readonly files: ReadonlyMap<string, SparseBytes>;
}

/** What a power cut does beyond losing things. */
export interface PowerCutOptions {
  /** Probability that a sector which was being written holds rubbish or a mix of old and new. Default 0.05. */
  readonly tornChance?: number;
  /** Probability with which a change that was not synced is there all the same; 0: all of them are lost. Default: drawn for each cut. */
  readonly keepChance?: number;
}

/** What power cuts really did. */
export interface PowerLosses {
  /** Sectors that hold rubbish, or a mix of old and new. */
  tornSectors: number;
  /** Sectors that are back at an earlier version. */
  lostSectors: number;
  /** Changes of names that are gone. */
  forgottenNames: number;
}

/** Versions of one sector that were written over it since the last sync are remembered up to this many. */
const VERSIONS_MAX = 8;

/**
 * A file and everything a power cut could bring back. The durable state is what the last good sync saw; each change since then is
 * remembered by the version that it replaced, sector by sector, so that any mix of old, intermediate and new can be made.
 */
export class FileState {
  content: SparseBytes = new SparseBytes();
  /** Earlier versions of sectors changed since the last good sync, the durable one first. */
  #unsynced = new Map<number, (Uint8Array | null)[]>();
  /** The same for changes that a failed sync lost track of: a later good sync proves nothing about them. */
  #doomed = new Map<number, (Uint8Array | null)[]>();
  #sizes: number[] = [];
  #doomedSizes: number[] = [];

  /** Sectors that a power cut may lose. */
  get unsyncedSectors(): number {
    return this.#unsynced.size + this.#doomed.size;
  }

  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    for (let at = position; at < end; ) {
      const border = Math.min(end, nextPageBorder(at));
      // Zeros over a hole change nothing: a file filled with zeros costs no memory and has nothing to lose but its size.
      if (!this.content.isHole(at) || !isZero(bytes.subarray(at - position, border - position))) this.#rememberRange(at, border);
      at = border;
    }
    this.#rememberSize(Math.max(this.content.size, end));
    this.content.write(position, bytes);
  }

  truncate(length: number): void {
    if (length < this.content.size)
      for (const sector of this.content.heldSectorsFrom(Math.floor(length / SECTOR_BYTES))) this.#remember(sector);
    this.#rememberSize(length);
    this.content.truncate(length);
  }

  sync(): void {
    this.#unsynced.clear();
    this.#sizes = [];
  }

  /** The sync failed and the system forgot what it had to write: it stays in memory, and may or may not reach the disk. */
  failSync(): void {
    for (const [sector, versions] of this.#unsynced) {
      const earlier = this.#doomed.get(sector) ?? [];
      this.#doomed.set(sector, [...earlier, ...versions].slice(0, VERSIONS_MAX));
    }
    this.#doomedSizes.push(...this.#sizes);
    this.sync();
  }

  /** One of the states that a power cut now could leave, all of it durable. */
  afterPowerCut(random: Random, keepChance: number, options: PowerCutOptions, losses: PowerLosses): FileState {
    const tornChance = options.tornChance ?? 0.05;
    const left = new FileState();
    left.content = this.content.copy();
    for (const changes of [this.#doomed, this.#unsynced]) {
      for (const [sector, versions] of changes) {
        if (randomChance(random, tornChance)) {
          left.content.setSector(sector, tornSector(random, versions.at(-1) ?? null, this.content.sector(sector)));
          losses.tornSectors++;
        } else if (!randomChance(random, keepChance)) {
          left.content.setSector(sector, pickEarlier(random, versions));
          losses.lostSectors++;
        }
      }
    }
    const sizes = [...this.#doomedSizes, ...this.#sizes];
    if (sizes.length > 0 && !randomChance(random, keepChance))
      left.content.truncate(sizes[randomBetween(random, 0, sizes.length - 1)] as number);
    // Bytes beyond the end must not come back when the file grows again.
    left.content.truncate(left.content.size);
    return left;
  }

  #rememberRange(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector++) this.#remember(sector);
  }

  #remember(sector: number): void {
    let versions = this.#unsynced.get(sector);
    if (versions === undefined) {
      versions = this.#doomed.get(sector) ?? [];
      this.#doomed.delete(sector);
      this.#unsynced.set(sector, versions);
    }
    if (versions.length < VERSIONS_MAX) versions.push(this.content.sector(sector));
    else versions[VERSIONS_MAX - 1] = this.content.sector(sector);
  }

  #rememberSize(size: number): void {
    const present = this.content.size;
    if (size === present || this.#sizes.includes(present)) return;
    if (this.#sizes.length < VERSIONS_MAX) this.#sizes.push(present);
    else this.#sizes[VERSIONS_MAX - 1] = present;
  }
}

/** The durable version half of the time, else any. */
function pickEarlier(random: Random, versions: readonly (Uint8Array | null)[]): Uint8Array | null {
  return versions[randomChance(random, 0.5) ? 0 : randomBetween(random, 0, versions.length - 1)] ?? null;
}

function tornSector(random: Random, older: Uint8Array | null, newer: Uint8Array | null): Uint8Array {
  const torn = new Uint8Array(SECTOR_BYTES);
  if (randomChance(random, 0.5)) {
    for (let i = 0; i < SECTOR_BYTES; i++) torn[i] = random.nextUint32();
    return torn;
  }
  const border = randomBetween(random, 1, SECTOR_BYTES - 1);
  if (newer !== null) torn.set(newer.subarray(0, border));
  if (older !== null) torn.set(older.subarray(border), border);
  return torn;
}

const DIRECTORY = Symbol('directory');
type Entry = FileState | typeof DIRECTORY;

/** Changes of names in one folder that happen together. */
interface NameChange {
  readonly directory: string;
  readonly assignments: readonly (readonly [path: string, entry: Entry | null])[];
}

/** Names and files of a disk with its durability model, without time, processes or faults. */
export class DiskState {
  #names = new Map<string, Entry>();
  #durable = new Map<string, Entry>();
  #unsynced: NameChange[] = [];

  /** A disk at rest with that content, all of it durable. */
  static fromImage(image: DiskImage): DiskState {
    const state = new DiskState();
    for (const directory of image.directories) state.#names.set(directory, DIRECTORY);
    for (const [path, content] of image.files) {
      const file = new FileState();
      file.content = content.copy();
      state.#names.set(path, file);
    }
    state.#durable = new Map(state.#names);
    return state;
  }

  get files(): { readonly path: string; readonly file: FileState }[] {
    return [...this.#names].flatMap(([path, entry]) => (entry === DIRECTORY ? [] : [{ path, file: entry }]));
  }
  /** Names whose change a power cut may lose. */
  get unsyncedNames(): number {
    return this.#unsynced.length;
  }

  list(directory: string): string[] {
    const prefix = directory === '' ? '' : `${directory}/`;
    const names: string[] = [];
    for (const path of this.#names.keys()) {
      if (path.startsWith(prefix) && path.length > prefix.length && !path.includes('/', prefix.length))
        names.push(path.slice(prefix.length));
    }
    return names.sort();
  }

  makeDirectory(directory: string): void {
    if (directory === '' || this.#names.get(directory) === DIRECTORY) return;
    if (this.#names.has(directory)) throw new DiskFault('exists', 'makeDirectory', directory);
    this.makeDirectory(parentOf(directory));
    this.#change(parentOf(directory), [[directory, DIRECTORY]]);
  }

  create(path: string): FileState {
    if (this.#names.has(path)) throw new DiskFault('exists', 'open', path);
    this.#requireParent('open', path);
    const file = new FileState();
    this.#change(parentOf(path), [[path, file]]);
    return file;
  }

  createOrEmpty(path: string): FileState {
    if (!this.#names.has(path)) return this.create(path);
    const file = this.find(path, 'create');
    file.truncate(0);
    return file;
  }

  find(path: string, operation = 'open'): FileState {
    const entry = this.#names.get(path);
    if (entry === undefined) throw new DiskFault('missing', operation, path);
    if (entry === DIRECTORY) throw new DiskFault('io', operation, path, { cause: new Error('is a folder') });
    return entry;
  }

  has(path: string): boolean {
    return this.#names.has(path);
  }

  rename(from: string, to: string): void {
    const file = this.find(from, 'rename');
    if (from === to) return;
    if (this.#names.get(to) === DIRECTORY) throw new DiskFault('io', 'rename', to, { cause: new Error('is a folder') });
    this.#requireParent('rename', to);
    if (parentOf(from) === parentOf(to)) {
      this.#change(parentOf(to), [
        [to, file],
        [from, null],
      ]);
    } else {
      this.#change(parentOf(to), [[to, file]]);
      this.#change(parentOf(from), [[from, null]]);
    }
  }

  remove(path: string): void {
    if (!this.#names.has(path)) throw new DiskFault('missing', 'remove', path);
    if (this.#names.get(path) === DIRECTORY && this.list(path).length > 0) {
      throw new DiskFault('io', 'remove', path, { cause: new Error('folder is not empty') });
    }
    this.#change(parentOf(path), [[path, null]]);
  }

  syncDirectory(directory: string): void {
    if (directory !== '' && this.#names.get(directory) !== DIRECTORY) throw new DiskFault('missing', 'syncDirectory', directory);
    for (const change of this.#unsynced) if (change.directory === directory) assign(this.#durable, change);
    this.#unsynced = this.#unsynced.filter((change) => change.directory !== directory);
  }

  /** The content as processes see it now: what a killed process leaves behind. */
  image(): DiskImage {
    return imageOf(this.#names, (file) => file.content.copy());
  }

  /** One of the contents that a power cut now could leave; what it loses is added to `losses`. */
  powerCutImage(random: Random, options: PowerCutOptions = {}, losses: PowerLosses = noLosses()): DiskImage {
    // Each cut has a temper of its own: some lose everything unsynced, some nothing, most a part.
    const keepChance = (): number => options.keepChance ?? ([0, 1, randomUnit(random), 0.5, 0.9][randomBetween(random, 0, 4)] as number);
    const names = new Map(this.#durable);
    const keepNames = keepChance();
    for (const change of this.#unsynced) {
      if (randomChance(random, keepNames)) assign(names, change);
      else losses.forgottenNames++;
    }
    const left = new Map<FileState, SparseBytes>();
    const keepSectors = keepChance();
    return imageOf(names, (file) => {
      let content = left.get(file);
      if (content === undefined) {
        content = file.afterPowerCut(random, keepSectors, options, losses).content;
        left.set(file, content);
      }
      return content;
    });
  }

  #requireParent(operation: string, path: string): void {
    const parent = parentOf(path);
    if (parent !== '' && this.#names.get(parent) !== DIRECTORY) throw new DiskFault('missing', operation, path);
  }

  #change(directory: string, assignments: NameChange['assignments']): void {
    const change = { directory, assignments };
    assign(this.#names, change);
    this.#unsynced.push(change);
  }
}

/** Nothing was lost so far. */
export function noLosses(): PowerLosses {
  return { tornSectors: 0, lostSectors: 0, forgottenNames: 0 };
}

function assign(names: Map<string, Entry>, change: NameChange): void {
  for (const [path, entry] of change.assignments) {
    if (entry === null) names.delete(path);
    else names.set(path, entry);
  }
}

/** Files and folders that can be reached from the root. */
function imageOf(names: ReadonlyMap<string, Entry>, contentOf: (file: FileState) => SparseBytes): DiskImage {
  const paths = [...names.keys()].sort();
  const directories: string[] = [];
  const reachable = new Set<string>(['']);
  const files = new Map<string, SparseBytes>();
  for (const path of paths) {
    if (!reachable.has(parentOf(path))) continue;
    const entry = names.get(path) as Entry;
    if (entry === DIRECTORY) {
      reachable.add(path);
      directories.push(path);
    } else {
      files.set(path, contentOf(entry));
    }
  }
  return { directories, files };
}

/** The folder of a path; '' is the root. */
export function parentOf(path: string): string {
  const at = path.lastIndexOf('/');
  return at < 0 ? '' : path.slice(0, at);
}
