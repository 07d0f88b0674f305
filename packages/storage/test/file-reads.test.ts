import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Disk, DiskFault, type DiskFile, type Timers } from '@quorate/base';
import { DiskPace, FileReads } from '@quorate/storage';

/** A disk of files that are full of their own number. It counts what is open, and completes reads when it is told to. */
class CountingDisk {
  readonly open = new Map<string, number>();
  readonly reads: (() => void)[] = [];
  opened = 0;
  /** The next call fails in this way. */
  thrown: Error | null = null;

  readonly disk = {
    isFreeing: false,
    open: (path: string): DiskFile => {
      if (this.thrown !== null) throw this.thrown;
      this.opened++;
      this.open.set(path, (this.open.get(path) ?? 0) + 1);
      let isBusy = false;
      let isClosed = false;
      const closed = (): void => void this.open.set(path, (this.open.get(path) as number) - 1);
      const file: Pick<DiskFile, 'read' | 'close'> = {
        read: (_position, into, done) => {
          isBusy = true;
          this.reads.push(() => {
            isBusy = false;
            if (isClosed) closed();
            into.fill(Number(path.slice(-4, -2)));
            done(null, into.length);
          });
        },
        close: () => {
          isClosed = true;
          if (!isBusy) closed();
        },
      };
      return file as DiskFile;
    },
  } as unknown as Disk;

  get handles(): number {
    return [...this.open.values()].reduce((sum, count) => sum + count, 0);
  }
}

function reading(): {
  readonly counting: CountingDisk;
  readonly reads: FileReads;
  readonly pace: DiskPace;
  readonly deferred: (() => void)[];
} {
  const counting = new CountingDisk();
  const pace = new DiskPace(counting.disk, null);
  const deferred: (() => void)[] = [];
  const timers = { defer: (callback: () => void) => void deferred.push(callback) } as unknown as Timers;
  return { counting, reads: new FileReads({ disk: counting.disk, timers, pace }), pace, deferred };
}

test('file reads: of many files → one at a time, in order, while the disk counts as busy; no more than eight handles', () => {
  const { counting, reads, pace } = reading();
  const told: number[] = [];
  for (let number = 1; number <= 20; number++)
    reads.read(number, 0, 3, (fault, bytes) => told.push(fault === null ? (bytes[2] as number) : -1));
  for (let number = 1; number <= 20; number++) {
    assert.equal(counting.reads.length, 1);
    assert.equal(pace.isQuick, false);
    counting.reads.shift()?.();
    assert.ok(counting.handles <= 8);
  }
  assert.deepEqual(
    told,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  assert.equal(pace.isQuick, true);
  reads.read(20, 0, 3, () => {});
  counting.reads.shift()?.();
  assert.equal(counting.opened, 20, 'a handle is used again');
});

test('file reads: a file is let go → at once if nobody reads it, else after the read; reads of it that wait end with a fault, and open nothing', () => {
  const { counting, reads, deferred } = reading();
  const told: string[] = [];
  const read = (number: number): void => reads.read(number, 0, 1, (fault) => told.push(`${number} ${fault?.kind ?? 'read'}`));
  read(1);
  counting.reads.shift()?.();
  reads.letGo(1, () => told.push(`1 free, ${counting.handles} open`));
  read(2);
  read(3);
  read(2);
  reads.letGo(2, () => told.push(`2 free, ${counting.handles} open`));
  assert.deepEqual(told.splice(0), ['1 read', '1 free, 0 open']);
  for (const callback of deferred.splice(0)) callback();
  assert.deepEqual(told.splice(0), ['2 missing']);
  counting.reads.shift()?.();
  assert.deepEqual(told.splice(0), ['2 free, 0 open', '2 read']);
  counting.reads.shift()?.();
  assert.deepEqual(told, ['3 read']);
});

test('file reads: stopped → no callback any more, done once no handle is open', () => {
  const { counting, reads, deferred } = reading();
  const told: string[] = [];
  reads.read(1, 0, 1, () => told.push('read'));
  reads.read(2, 0, 1, () => told.push('read'));
  reads.read(3, 0, 1, () => told.push('read'));
  reads.letGo(3, () => {});
  reads.stop(() => told.push(`stopped, ${counting.handles} open`));
  assert.deepEqual(told, []);
  for (const callback of deferred) callback();
  counting.reads.shift()?.();
  assert.deepEqual([told, counting.reads.length], [['stopped, 0 open'], 0]);
});

test('file reads: a file cannot be opened, for whatever reason, or who is told throws → the next ones are read', () => {
  const { counting, reads, deferred } = reading();
  const told: string[] = [];
  let number = 0;
  const read = (): void => reads.read(++number, 0, 1, (fault) => told.push(fault?.kind ?? 'read'));
  for (const thrown of [new DiskFault('missing', 'open', 'journal/x'), new Error('too many')]) {
    counting.thrown = thrown;
    read();
    counting.thrown = null;
    read();
    assert.equal(told.length, 0);
    deferred.shift()?.();
    counting.reads.shift()?.();
    assert.deepEqual(told.splice(0), [thrown instanceof DiskFault ? 'missing' : 'io', 'read']);
  }
  reads.read(9, 0, 1, () => {
    throw new Error('of the user');
  });
  read();
  assert.throws(() => counting.reads.shift()?.(), /of the user/);
  counting.reads.shift()?.();
  assert.deepEqual(told, ['read']);
});
