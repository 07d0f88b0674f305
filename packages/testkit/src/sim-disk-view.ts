import { type Disk, type DiskDone, DiskFault, type DiskFile, QuorateError, concatBytes } from '@quorate/base';
import type { DiskEffect, DiskOperation } from './disk-rules.js';
import { type FileState, parentOf } from './disk-state.js';
import { SimulatedCrash } from './faults.js';
import type { DiskUser, SimDisk } from './sim-disk.js';

/** A `SimDisk` as one process sees it. */
export class SimDiskView implements Disk {
  readonly disk: SimDisk;
  readonly user: DiskUser;
  /** What to do about a write under way when the process dies. */
  readonly interrupted: Set<() => void> = new Set();
  #isDead = false;

  constructor(disk: SimDisk, user: DiskUser) {
    this.disk = disk;
    this.user = user;
  }

  list(directory: string): string[] {
    return this.call('list', directory, () => this.disk.state.list(checkPath(directory, true)));
  }

  makeDirectory(directory: string): void {
    this.call('makeDirectory', directory, () => this.disk.state.makeDirectory(checkPath(directory, true)));
  }

  open(path: string, mode: 'create' | 'open' | 'read'): DiskFile {
    checkPath(path, false);
    return this.call(mode === 'create' ? 'create' : 'open', path, () => {
      const file = mode === 'create' ? this.disk.state.create(path) : this.disk.state.find(path);
      return new SimDiskFile(this, file, path, mode === 'read');
    });
  }

  rename(from: string, to: string): void {
    this.call('rename', from, () => this.disk.state.rename(checkPath(from, false), checkPath(to, false)));
  }

  removeNow(path: string): void {
    this.call('remove', path, () => this.disk.state.remove(checkPath(path, false)));
  }

  syncDirectory(directory: string): void {
    this.call('syncDirectory', directory, () => this.disk.state.syncDirectory(checkPath(directory, true)));
    this.user.stall?.(this.disk.drawMs(this.disk.latency.syncMs));
  }

  get isFreeing(): boolean {
    return false;
  }

  create(path: string, done: (fault: DiskFault | null, file: DiskFile | null) => void): void {
    let state: FileState | null = null;
    const make = (): void => {
      state = this.disk.state.createOrEmpty(checkPath(path, false));
    };
    this.#later('create', path, make, (fault) =>
      done(fault, fault === null && state !== null ? new SimDiskFile(this, state, path, false) : null),
    );
  }

  putInPlace(from: string, to: string, done: DiskDone): void {
    const move = (): void => this.disk.state.rename(checkPath(from, false), checkPath(to, false));
    this.#later('rename', from, move, (fault) => {
      if (fault !== null) return done(fault);
      const folder = parentOf(to);
      this.#later(
        'syncDirectory',
        folder,
        () => this.disk.state.syncDirectory(folder),
        (syncFault) => done(syncFault === null ? null : new DiskFault('io', 'syncDirectory', folder, { cause: syncFault })),
      );
    });
  }

  remove(path: string, done: DiskDone): void {
    this.#later('remove', path, () => this.disk.state.remove(checkPath(path, false)), done);
  }

  lock(done: (error: Error | null, release: () => void) => void): void {
    let failure: Error | null = null;
    try {
      this.call('lock', '', () => {
        if (this.disk.lockHolder !== null) throw new QuorateError('directoryInUse', 'the data directory is in use by another process');
        this.disk.lockHolder = this;
      });
    } catch (thrown) {
      if (thrown instanceof SimulatedCrash) throw thrown;
      failure = thrown as Error;
    }
    let isHeld = failure === null;
    const release = (): void => {
      if (isHeld && this.disk.lockHolder === this) this.disk.lockHolder = null;
      isHeld = false;
    };
    this.user.timers.defer(() => {
      if (!this.#isDead) done(failure, release);
    });
  }

  /** The process is dead: every further call throws, nothing completes. */
  die(): void {
    this.#isDead = true;
    for (const interrupt of this.interrupted) interrupt();
    this.interrupted.clear();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  /** Counts an operation; throws if the process is dead or dies now. Gives the effect that is left to the caller. */
  enter(operation: DiskOperation, path: string): DiskEffect | undefined {
    if (this.#isDead) throw new SimulatedCrash(`${operation} ${path}: this process is dead`);
    const effect = this.disk.rules.enter(operation, path);
    if (effect?.type === 'crash' && effect.when === 'before') this.crash(operation, path);
    return effect;
  }

  /** Kills the process from within an operation. */
  crash(operation: DiskOperation, path: string): never {
    this.disk.detach(this);
    this.user.kill?.();
    throw new SimulatedCrash(`the process died in ${operation} ${path}`);
  }

  /** An operation on names that completes by callback. Dead while it is under way, it was done as a whole or not at all. */
  #later(operation: DiskOperation, path: string, action: () => void, done: DiskDone): void {
    const effect = this.enter(operation, path);
    const isLost = effect?.type === 'lost' && operation === 'syncDirectory';
    // A sync that was cut off proves nothing; that the names are durable all the same is for the power cut to draw.
    const interrupt = (): void => {
      if (operation !== 'syncDirectory' && this.disk.drawPart(1) === 1) faultOf(action);
    };
    this.interrupted.add(interrupt);
    const range = operation === 'syncDirectory' ? this.disk.latency.syncMs : this.disk.latency.writeMs;
    this.user.timers.set(this.disk.drawMs(range) + slowMs(effect), () => {
      if (this.#isDead) return;
      this.interrupted.delete(interrupt);
      if (effect?.type === 'fail') return done(new DiskFault(effect.kind, operation, path, INJECTED));
      if (effect?.type === 'crash' && effect.when === 'midway' && this.disk.drawPart(1) === 1) this.crash(operation, path);
      const fault = isLost ? null : faultOf(action);
      if (effect?.type === 'crash') this.crash(operation, path);
      done(fault);
    });
  }

  /** A synchronous operation that is done as a whole or not at all. */
  call<T>(operation: DiskOperation, path: string, action: (effect: DiskEffect | undefined) => T): T {
    const effect = this.enter(operation, path);
    if (effect?.type === 'fail') throw new DiskFault(effect.kind, operation, path, INJECTED);
    if (effect?.type === 'slow') this.user.stall?.(effect.ms);
    const result = effect?.type === 'lost' && operation === 'syncDirectory' ? (undefined as T) : action(effect);
    if (effect?.type === 'crash') this.crash(operation, path);
    return result;
  }
}

const INJECTED = { cause: new Error('injected') };

class SimDiskFile implements DiskFile {
  readonly #view: SimDiskView;
  readonly #file: FileState;
  readonly #path: string;
  readonly #isReadOnly: boolean;
  #isOpen = true;
  /** A call by callback of this handle that has not completed. */
  #isBusy = false;

  constructor(view: SimDiskView, file: FileState, path: string, isReadOnly: boolean) {
    this.#view = view;
    this.#file = file;
    this.#path = path;
    this.#isReadOnly = isReadOnly;
  }

  size(): number {
    this.#requireOpen('read', false);
    return this.#file.content.size;
  }

  readNow(position: number, length: number): Uint8Array {
    this.#requireOpen('read', false);
    if (!isRange(position, length)) throw badRange('read', this.#path, position, length);
    return this.#view.call('read', this.#path, (effect) => this.#content(position, length, effect));
  }

  /** What is on the medium when the read completes; dead in between, `into` may hold any part of it. */
  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void {
    const ended: DiskDone = (fault) => done(fault, fault === null ? bytes : 0);
    let bytes = 0;
    if (this.#isRefused('read', ended)) return;
    const { disk } = this.#view;
    const effect = this.#view.enter('read', this.#path);
    this.#later(disk.drawMs(disk.latency.writeMs) + slowMs(effect), ended, () => {
      if (!isRange(position, into.length)) return badRange('read', this.#path, position, into.length);
      if (effect?.type === 'crash') this.#view.crash('read', this.#path);
      if (effect?.type === 'fail') return new DiskFault(effect.kind, 'read', this.#path, INJECTED);
      return faultOf(() => {
        const content = this.#content(position, into.length, effect);
        into.set(content);
        bytes = content.length;
      });
    });
  }

  #content(position: number, length: number, effect: DiskEffect | undefined): Uint8Array {
    if (effect?.type !== 'misdirect') return this.#file.content.read(position, length);
    const { content } = effect.path === undefined ? this.#file : this.#view.disk.state.find(effect.path);
    // As much as was asked for, if there is so much.
    return content.read(Math.min(effect.position, Math.max(0, content.size - length)), length);
  }

  writeNow(position: number, parts: readonly Uint8Array[]): void {
    this.#requireOpen('write', true);
    const effect = this.#view.enter('write', this.#path);
    this.#view.user.stall?.(this.#view.disk.drawMs(this.#view.disk.latency.writeMs) + slowMs(effect));
    const fault = this.#performWrite(position, concatBytes(parts), effect);
    if (fault !== null) throw fault;
  }

  syncNow(): void {
    this.#requireOpen('sync', true);
    const effect = this.#view.enter('sync', this.#path);
    this.#view.user.stall?.(this.#view.disk.drawMs(this.#view.disk.latency.syncMs) + slowMs(effect));
    const fault = this.#performSync(effect);
    if (fault !== null) throw fault;
  }

  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void {
    if (this.#isRefused('write', done)) return;
    const { disk } = this.#view;
    const effect = this.#view.enter('write', this.#path);
    // Dead in the middle: the system had taken some first part of it.
    const interrupt = (): void => {
      const bytes = concatBytes(parts);
      const part = disk.drawPart(bytes.length);
      this.#applyPart(position, bytes, part);
      if (part > 0 && part < bytes.length) disk.noteTorn(this.#path);
    };
    this.#view.interrupted.add(interrupt);
    this.#later(disk.drawMs(disk.latency.writeMs) + slowMs(effect), done, () => {
      this.#view.interrupted.delete(interrupt);
      return this.#performWrite(position, concatBytes(parts), effect);
    });
  }

  sync(done: DiskDone): void {
    if (this.#isRefused('sync', done)) return;
    const { disk } = this.#view;
    const effect = this.#view.enter('sync', this.#path);
    this.#later(disk.drawMs(disk.latency.syncMs) + slowMs(effect), done, () => this.#performSync(effect));
  }

  close(): void {
    if (this.#view.isDead) throw new SimulatedCrash(`close ${this.#path}: this process is dead`);
    this.#isOpen = false;
  }

  #later(delayMs: number, done: DiskDone, perform: () => DiskFault | null): void {
    this.#isBusy = true;
    this.#view.user.timers.set(delayMs, () => {
      if (this.#view.isDead) return;
      this.#isBusy = false;
      done(perform());
    });
  }

  #performWrite(position: number, bytes: Uint8Array, effect: DiskEffect | undefined): DiskFault | null {
    if (!isRange(position, bytes.length)) return badRange('write', this.#path, position, bytes.length);
    const { disk } = this.#view;
    const isPartial = effect?.type === 'fail' || (effect?.type === 'crash' && effect.when === 'midway');
    const wanted = isPartial ? disk.drawPart(bytes.length) : bytes.length;
    const room = disk.roomFor(this.#file, position, wanted);
    if (effect?.type === 'misdirect') disk.state.find(effect.path ?? this.#path).write(effect.position, bytes);
    else if (effect?.type !== 'lost') this.#applyPart(position, bytes, room);
    if (effect?.type === 'crash') {
      if (wanted > 0 && wanted < bytes.length) disk.noteTorn(this.#path);
      this.#view.crash('write', this.#path);
    }
    if (effect?.type === 'fail') return new DiskFault(effect.kind, 'write', this.#path, INJECTED);
    return room < wanted ? new DiskFault('full', 'write', this.#path) : null;
  }

  #performSync(effect: DiskEffect | undefined): DiskFault | null {
    if (effect?.type === 'crash' && effect.when === 'midway') this.#view.crash('sync', this.#path);
    if (effect?.type === 'fail') {
      this.#file.failSync();
      return new DiskFault(effect.kind, 'sync', this.#path, INJECTED);
    }
    if (effect?.type !== 'lost') this.#file.sync();
    if (effect?.type === 'crash') this.#view.crash('sync', this.#path);
    return null;
  }

  /** Writes the first `length` bytes. */
  #applyPart(position: number, bytes: Uint8Array, length: number): void {
    if (length < bytes.length) this.#view.disk.shortWrites++;
    if (length > 0) this.#file.write(position, bytes.subarray(0, length));
  }

  /** Calls that complete by callback tell every fault by it. */
  #isRefused(operation: DiskOperation, done: DiskDone): boolean {
    try {
      this.#requireOpen(operation, operation !== 'read');
      if (this.#isBusy) throw new DiskFault('io', operation, this.#path, { cause: new Error('a call for this file is under way') });
      return false;
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#view.user.timers.defer(() => {
        if (!this.#view.isDead) done(thrown);
      });
      return true;
    }
  }

  #requireOpen(operation: DiskOperation, isChange: boolean): void {
    if (this.#view.isDead) throw new SimulatedCrash(`${operation} ${this.#path}: this process is dead`);
    const problem = !this.#isOpen
      ? 'the file is closed'
      : isChange && this.#isReadOnly
        ? 'the file was opened to read'
        : isChange && this.#isBusy
          ? 'a write or sync of this file is under way'
          : null;
    if (problem !== null) throw new DiskFault('io', operation, this.#path, { cause: new Error(problem) });
  }
}

/** The fault of an action; null: it was done. */
function faultOf(action: () => void): DiskFault | null {
  try {
    action();
    return null;
  } catch (thrown) {
    if (!(thrown instanceof DiskFault)) throw thrown;
    return thrown;
  }
}

function slowMs(effect: DiskEffect | undefined): number {
  return effect?.type === 'slow' || effect?.type === 'fail' ? (effect.ms ?? 0) : 0;
}

function isRange(position: number, length: number): boolean {
  return Number.isSafeInteger(position) && position >= 0 && Number.isSafeInteger(length) && length >= 0;
}

function badRange(operation: string, path: string, position: number, length: number): DiskFault {
  return new DiskFault('io', operation, path, { cause: new Error(`bad range: ${position}, ${length}`) });
}

function checkPath(path: string, isRootAllowed: boolean): string {
  const parts = path.split('/');
  const isBad = path === '' ? !isRootAllowed : parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0'));
  if (isBad) throw new DiskFault('io', 'path', path, { cause: new Error('not a plain relative path') });
  return path;
}
