import { close, fdatasync, fdatasyncSync, fstatSync, read, readSync, writev, writevSync } from 'node:fs';
import { type DiskDone, type DiskFault, type DiskFile, invariant, lengthOfParts, sliceParts } from '@quorate/base';
import { DirectFile } from './direct-file.js';
import { DirectWrites } from './direct-writes.js';
import { attempt, diskFault } from './disk-faults.js';

/** A file of Node's. What is written in whole sectors goes past the system's memory where that can be. */
export class NodeFile implements DiskFile {
  readonly #path: string;
  /** -1 once closed: every later call then fails. */
  #fd: number;
  #isBusy = false;
  #isCloseWanted = false;
  readonly #writes: () => DirectWrites | null;
  /** Undefined until the first write that it is for. */
  #direct: DirectFile | null | undefined;

  /** `writes`: how what is written may go past the system's memory, asked once. */
  constructor(fd: number, path: string, writes: () => DirectWrites | null) {
    this.#fd = fd;
    this.#path = path;
    this.#writes = writes;
  }

  size(): number {
    return attempt('size', this.#path, () => fstatSync(this.#fd).size);
  }

  readNow(position: number, length: number): Uint8Array {
    return attempt('read', this.#path, () => {
      // Never reserves more than there is to read.
      const available = Math.max(0, Math.min(length, fstatSync(this.#fd).size - position));
      const bytes = new Uint8Array(available);
      let at = 0;
      while (at < available) {
        const count = readSync(this.#fd, bytes, at, available - at, position + at);
        if (count === 0) return bytes.slice(0, at);
        at += count;
      }
      return bytes;
    });
  }

  writeNow(position: number, parts: readonly Uint8Array[]): void {
    attempt('write', this.#path, () => {
      const bytes = lengthOfParts(parts);
      const direct = this.#directFile(position, bytes)?.writeNow(position, parts, bytes) ?? 0;
      let rest = sliceParts(parts, direct);
      let at = position + direct;
      while (rest.length > 0) {
        const count = writevSync(this.#fd, rest, at);
        if (count === 0) throw new Error('the system wrote nothing');
        at += count;
        rest = sliceParts(rest, count);
      }
    });
  }

  syncNow(): void {
    attempt('sync', this.#path, () => fdatasyncSync(this.#fd));
  }

  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void {
    this.#begin('write');
    const written = (cause: Error | null, count: number): void => {
      const rest = sliceParts(parts, count);
      if (cause !== null || rest.length === 0) this.#end('write', cause, done);
      else this.#writeRest(position + count, rest, done);
    };
    const bytes = lengthOfParts(parts);
    const isBegun = this.#directFile(position, bytes)?.write(position, parts, bytes, written) === true;
    if (!isBegun) this.#writeRest(position, sliceParts(parts, 0), done);
  }

  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void {
    this.#begin('read');
    this.#readRest(position, into, 0, done);
  }

  sync(done: DiskDone): void {
    this.#begin('sync');
    this.#try('sync', done, () => fdatasync(this.#fd, (cause) => this.#end('sync', cause, done)));
  }

  /**
   * While a call is under way the file is closed after it: the number of a closed file may already name another one. The last close
   * of a file whose name is gone gives its space back, which takes its time: never in this thread.
   */
  close(): void {
    if (this.#isBusy) {
      this.#isCloseWanted = true;
      return;
    }
    const fd = this.#fd;
    this.#fd = -1;
    this.#direct?.close();
    this.#direct = null;
    if (fd >= 0) close(fd, () => {});
  }

  #directFile(position: number, bytes: number): DirectFile | null {
    if (!DirectWrites.fits(position, bytes)) return null;
    if (this.#direct === undefined) {
      const writes = this.#writes();
      this.#direct = writes === null ? null : DirectFile.of(this.#fd, writes);
    }
    return this.#direct;
  }

  #readRest(position: number, into: Uint8Array, from: number, done: (fault: DiskFault | null, bytes: number) => void): void {
    const ended: DiskDone = (fault) => done(fault, fault === null ? from : 0);
    if (from === into.length) {
      setImmediate(() => this.#end('read', null, ended));
      return;
    }
    this.#try('read', ended, () =>
      read(this.#fd, into, from, into.length - from, position + from, (cause, count) => {
        if (cause !== null) return this.#end('read', cause, ended);
        const at = from + count;
        if (count > 0 && at < into.length) return this.#readRest(position, into, at, done);
        return this.#end('read', null, () => done(null, at));
      }),
    );
  }

  #writeRest(position: number, rest: readonly Uint8Array[], done: DiskDone): void {
    if (rest.length === 0) {
      setImmediate(() => this.#end('write', null, done));
      return;
    }
    this.#try('write', done, () =>
      writev(this.#fd, rest as Uint8Array[], position, (cause, count) => {
        if (cause !== null) return this.#end('write', cause, done);
        if (count === 0) return this.#end('write', new Error('the system wrote nothing'), done);
        const left = sliceParts(rest, count);
        if (left.length === 0) return this.#end('write', null, done);
        return this.#writeRest(position + count, left, done);
      }),
    );
  }

  #begin(operation: string): void {
    invariant(!this.#isBusy, 'one read, write or sync at a time per file', { operation, file: this.#path });
    this.#isBusy = true;
  }

  /** Node refuses some calls at once (a closed file): told by the callback like everything else. */
  #try(operation: string, done: DiskDone, start: () => void): void {
    try {
      start();
    } catch (thrown) {
      setImmediate(() => this.#end(operation, thrown, done));
    }
  }

  #end(operation: string, cause: unknown, done: DiskDone): void {
    this.#isBusy = false;
    if (this.#isCloseWanted) {
      this.#isCloseWanted = false;
      this.close();
    }
    done(cause === null ? null : diskFault(operation, this.#path, cause));
  }
}
