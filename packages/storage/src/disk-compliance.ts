import { type Disk, DiskFault, type DiskFaultKind, type DiskFile, QuorateError, bytesEqual } from '@quorate/base';

/** One check of the Disk contract. `run` gets a fresh empty disk; it throws, or gives `done` an error, if the disk breaks the contract. */
export interface DiskCase {
  readonly title: string;
  run(disk: Disk, done: (error: Error | null) => void): void;
}

/** The checks that every implementation of `Disk` passes. The caller gives each case an empty disk and waits for its `done`. */
export function diskCompliance(): readonly DiskCase[] {
  return [...nameCases(), ...contentCases(), ...callbackCases(), ...readCases(), ...laterNameCases(), ...lockCases()];
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`disk contract broken: ${what}`);
}

function fill(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
}

function expectFault(kind: DiskFaultKind, what: string, act: () => void): void {
  try {
    act();
  } catch (thrown) {
    check(thrown instanceof DiskFault, `${what}: throws a DiskFault, not ${String(thrown)}`);
    check((thrown as DiskFault).kind === kind, `${what}: fault kind ${kind}, not ${(thrown as DiskFault).kind}`);
    return;
  }
  check(false, `${what}: must throw ${kind}`);
}

/** A case that needs no callback. */
function plain(title: string, act: (disk: Disk) => void): DiskCase {
  return {
    title,
    run(disk, done) {
      act(disk);
      done(null);
    },
  };
}

function writeFile(disk: Disk, path: string, bytes: Uint8Array): void {
  const file = disk.open(path, 'create');
  file.writeNow(0, [bytes]);
  file.syncNow();
  file.close();
}

function contentOf(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, 'read');
  const bytes = file.readNow(0, file.size());
  file.close();
  return bytes;
}

function nameCases(): DiskCase[] {
  return [
    plain('names: a missing folder → an empty list', (disk) =>
      check(disk.list('nowhere').length === 0, 'list of a missing folder is empty'),
    ),
    plain('names: folders and files → listed sorted, by their own folder only', (disk) => {
      disk.makeDirectory('a/b');
      disk.makeDirectory('a/b');
      writeFile(disk, 'a/z', fill(1, 1));
      writeFile(disk, 'a/m', fill(1, 1));
      writeFile(disk, 'top', fill(1, 1));
      check(disk.list('a').join() === 'b,m,z', `list('a') is b,m,z, not ${disk.list('a').join()}`);
      check(disk.list('a/b').length === 0, "list('a/b') is empty");
      check(disk.list('').join() === 'a,top', `list('') is the root: a,top, not ${disk.list('').join()}`);
      disk.syncDirectory('a');
      disk.syncDirectory('');
    }),
    plain('names: create, open and read modes → exists and missing are told apart', (disk) => {
      expectFault('missing', 'open of a missing name', () => disk.open('f', 'open').close());
      expectFault('missing', 'read of a missing name', () => disk.open('f', 'read').close());
      writeFile(disk, 'f', fill(3, 1));
      expectFault('exists', 'create of a taken name', () => disk.open('f', 'create').close());
      disk.open('f', 'open').close();
    }),
    plain('names: create in a missing folder → missing', (disk) => {
      expectFault('missing', 'create in a missing folder', () => disk.open('no/f', 'create').close());
    }),
    plain('names: rename over an existing name → the content moves, the old name is gone', (disk) => {
      writeFile(disk, 'one', fill(5, 1));
      writeFile(disk, 'two', fill(9, 2));
      disk.rename('one', 'two');
      check(disk.list('').join() === 'two', 'only the target is left');
      check(bytesEqual(contentOf(disk, 'two'), fill(5, 1)), 'the target has the moved content');
      expectFault('missing', 'rename of a missing name', () => disk.rename('one', 'three'));
    }),
    plain('names: rename of an open file → its handle goes on', (disk) => {
      const file = disk.open('one', 'create');
      file.writeNow(0, [fill(512, 1)]);
      disk.rename('one', 'two');
      file.writeNow(512, [fill(512, 2)]);
      file.syncNow();
      check(file.size() === 1024 && bytesEqual(file.readNow(512, 512), fill(512, 2)), 'the handle follows the file');
      file.close();
      check(contentOf(disk, 'two').length === 1024, 'the new name has what was written after the rename');
    }),
    plain('names: remove → gone; again → missing', (disk) => {
      writeFile(disk, 'f', fill(3, 1));
      disk.removeNow('f');
      check(disk.list('').length === 0, 'a removed name is not listed');
      expectFault('missing', 'remove of a missing name', () => disk.removeNow('f'));
    }),
  ];
}

function contentCases(): DiskCase[] {
  return [
    plain('content: parts written at a position → read back as one, short only at the end', (disk) => {
      const file = disk.open('f', 'create');
      check(file.size() === 0 && file.readNow(0, 10).length === 0, 'a new file is empty');
      file.writeNow(0, [fill(700, 1), fill(5, 2), new Uint8Array(0), fill(300, 3)]);
      check(file.size() === 1005, 'size counts all parts');
      check(bytesEqual(file.readNow(700, 5), fill(5, 2)), 'the second part is at its place');
      check(file.readNow(1000, 100).length === 5, 'a read across the end is short');
      check(file.readNow(2000, 10).length === 0, 'a read beyond the end is empty');
      file.writeNow(10, [fill(20, 9)]);
      check(file.size() === 1005 && bytesEqual(file.readNow(10, 20), fill(20, 9)), 'an overwrite stays inside');
      file.syncNow();
      file.close();
    }),
    plain('content: what was read → a new array that later writes do not change', (disk) => {
      const file = disk.open('f', 'create');
      const source = fill(64, 1);
      file.writeNow(0, [source]);
      source.fill(0xee);
      const before = file.readNow(0, 64);
      check(bytesEqual(before, fill(64, 1)), 'written bytes are copied');
      file.writeNow(0, [fill(64, 7)]);
      check(bytesEqual(before, fill(64, 1)), 'read bytes are a copy');
      file.close();
    }),
    plain('content: write beyond the end → zeros in between', (disk) => {
      const file = disk.open('f', 'create');
      file.writeNow(1000, [fill(4, 1)]);
      check(file.size() === 1004 && file.readNow(0, 1000).every((byte) => byte === 0), 'the gap is zeros');
      file.close();
    }),
    plain('content: a second handle → sees what the first one wrote', (disk) => {
      const writer = disk.open('f', 'create');
      writer.writeNow(0, [fill(100, 1)]);
      const reader = disk.open('f', 'read');
      check(bytesEqual(reader.readNow(0, 100), fill(100, 1)), 'written bytes are visible');
      writer.close();
      reader.close();
    }),
    plain('content: a handle opened to read → refuses writes with a DiskFault', (disk) => {
      writeFile(disk, 'f', fill(3, 1));
      const reader = disk.open('f', 'read');
      expectFault('io', 'write on a read handle', () => reader.writeNow(0, [fill(1, 1)]));
      reader.close();
    }),
  ];
}

function callbackCases(): DiskCase[] {
  return [
    {
      title: 'callbacks: write then sync → each completes once, after the call, and the bytes are there',
      run(disk, done) {
        const file = disk.open('f', 'create');
        let isWithin = true;
        file.write(0, [fill(600, 1), fill(600, 2)], (writeFault) => {
          if (isWithin) return done(new Error('disk contract broken: write completed within its call'));
          if (writeFault !== null) return done(writeFault);
          isWithin = true;
          file.sync((syncFault) => {
            const isEarly = isWithin;
            const isRight = file.size() === 1200 && bytesEqual(file.readNow(600, 600), fill(600, 2));
            file.close();
            if (isEarly) return done(new Error('disk contract broken: sync completed within its call'));
            done(syncFault ?? (isRight ? null : new Error('disk contract broken: asynchronous write is not there')));
          });
          isWithin = false;
        });
        isWithin = false;
      },
    },
    {
      title: 'callbacks: a failing asynchronous write → told by the callback, not thrown',
      run(disk, done) {
        writeFile(disk, 'f', fill(3, 1));
        const reader = disk.open('f', 'read');
        reader.write(0, [fill(1, 1)], (fault) => {
          reader.close();
          done(
            fault instanceof DiskFault && fault.kind === 'io'
              ? null
              : new Error('disk contract broken: write on a read handle must give an io fault'),
          );
        });
      },
    },
  ];
}

type Step = (next: (fault: DiskFault | null) => void) => void;

/** Does one call after the other; each must complete once, after its call, with a fault of the kind that is given, or without one. */
function steps(calls: readonly (readonly [what: string, kind: DiskFaultKind | null, step: Step])[], after: () => void): DiskCase['run'] {
  return (_disk, done) => {
    const failed = (what: string): void => done(new Error(`disk contract broken: ${what}`));
    const run = (at: number): void => {
      const call = calls[at];
      if (call === undefined) {
        after();
        return done(null);
      }
      const [what, kind, step] = call;
      let isWithin = true;
      let count = 0;
      step((fault) => {
        if (isWithin) return failed(`${what} completed within its call`);
        if (++count > 1) return failed(`${what} completed twice`);
        if ((fault?.kind ?? null) !== kind) return failed(`${what}: ${kind ?? 'no fault'}, not ${fault?.kind ?? 'none'}`);
        try {
          run(at + 1);
        } catch (thrown) {
          done(thrown as Error);
        }
      });
      isWithin = false;
    };
    run(0);
  };
}

function readCases(): DiskCase[] {
  return [
    {
      title: 'callbacks: read → fills what it is given, short only at the end; the rest stays as it was',
      run(disk, done) {
        writeFile(disk, 'f', fill(1000, 1));
        const file = disk.open('f', 'read');
        const into = new Uint8Array(600).fill(0xee);
        let bytes = 0;
        const read =
          (position: number, part: Uint8Array): Step =>
          (next) =>
            file.read(position, part, (fault, count) => {
              bytes += count;
              next(fault);
            });
        steps(
          [
            ['a read', null, read(0, into.subarray(0, 500))],
            ['a read across the end', null, read(950, into.subarray(500))],
            ['a read beyond the end', null, read(2000, new Uint8Array(10))],
            ['a read of nothing', null, read(0, new Uint8Array(0))],
          ],
          () => {
            file.close();
            check(bytes === 550, `550 bytes are read, not ${bytes}`);
            check(bytesEqual(into.subarray(0, 500), fill(1000, 1).subarray(0, 500)), 'the bytes of the first place');
            check(bytesEqual(into.subarray(500, 550), fill(1000, 1).subarray(950)), 'the bytes before the end');
            check(
              into.subarray(550).every((byte) => byte === 0xee),
              'what there is nothing for stays as it was',
            );
          },
        )(disk, done);
      },
    },
    {
      title: 'callbacks: a read of a closed file → an io fault by the callback; closed while it is read → it ends all the same',
      run(disk, done) {
        writeFile(disk, 'f', fill(1000, 1));
        const [file, closed] = [disk.open('f', 'read'), disk.open('f', 'read')];
        closed.close();
        const into = new Uint8Array(1000);
        const readAndClose: Step = (next) => {
          file.read(0, into, (fault, bytes) => next(fault ?? (bytes === 1000 ? null : new DiskFault('io', 'short read', 'f'))));
          file.close();
        };
        steps(
          [
            ['a read of a closed file', 'io', (next) => closed.read(0, into, next)],
            ['a read of a file that is closed meanwhile', null, readAndClose],
          ],
          () => check(bytesEqual(into, fill(1000, 1)), 'the bytes are there'),
        )(disk, done);
      },
    },
  ];
}

function laterNameCases(): DiskCase[] {
  return [
    {
      title: 'names by callback: create → a new empty file; one that is there is emptied; without a folder → missing',
      run(disk, done) {
        let made: DiskFile | null = null;
        const create =
          (path: string): Step =>
          (next) =>
            disk.create(path, (fault, file) => {
              made = file;
              next(fault);
            });
        writeFile(disk, 'old', fill(700, 1));
        steps(
          [
            ['create of a new name', null, create('new')],
            ['a write to it', null, (next) => (made as DiskFile).write(0, [fill(9, 2)], next)],
            ['a sync of it', null, (next) => (made as DiskFile).sync(next)],
            ['create of a taken name', null, create('old')],
            ['create in a missing folder', 'missing', create('no/f')],
          ],
          () => {
            check(made === null, 'a failed create gives no file');
            check(disk.list('').join() === 'new,old', 'both files are there');
            check(bytesEqual(contentOf(disk, 'new'), fill(9, 2)) && contentOf(disk, 'old').length === 0, 'one written, one emptied');
          },
        )(disk, done);
      },
    },
    {
      title: 'names by callback: put in place → over the old content, handles go on; a missing name → missing, nothing changed',
      run(disk, done) {
        disk.makeDirectory('d');
        writeFile(disk, 'd/two', fill(9, 2));
        const file = disk.open('d/one', 'create');
        file.writeNow(0, [fill(5, 1)]);
        file.syncNow();
        writeFile(disk, 'top', fill(3, 3));
        steps(
          [
            ['put in place', null, (next) => disk.putInPlace('d/one', 'd/two', next)],
            ['put in place in the root', null, (next) => disk.putInPlace('top', 'other', next)],
            ['put in place of a missing name', 'missing', (next) => disk.putInPlace('d/one', 'd/two', next)],
          ],
          () => {
            check(disk.list('').join() === 'd,other' && disk.list('d').join() === 'two', 'only the targets are left');
            file.writeNow(5, [fill(1, 6)]);
            file.close();
            check(contentOf(disk, 'd/two').length === 6, 'the target is the moved file, and its handle goes on');
          },
        )(disk, done);
      },
    },
    {
      title: 'names by callback: remove → gone and free to be given again; a missing name → missing',
      run(disk, done) {
        writeFile(disk, 'f', fill(700, 1));
        steps(
          [
            ['remove', null, (next) => disk.remove('f', next)],
            ['remove of a missing name', 'missing', (next) => disk.remove('f', next)],
          ],
          () => {
            check(disk.list('').length === 0, 'a removed name is not listed');
            writeFile(disk, 'f', fill(3, 2));
            check(bytesEqual(contentOf(disk, 'f'), fill(3, 2)), 'the new file has its own content');
          },
        )(disk, done);
      },
    },
  ];
}

function lockCases(): DiskCase[] {
  return [
    {
      title: 'lock: a second holder → directoryInUse; after release → free again',
      run(disk, done) {
        disk.lock((error, release) => {
          if (error !== null) return done(error);
          disk.lock((second) => {
            if (!(second instanceof QuorateError) || second.code !== 'directoryInUse') {
              return done(new Error(`disk contract broken: a second lock must give directoryInUse, not ${String(second)}`));
            }
            release();
            disk.lock((third, releaseThird) => {
              releaseThird();
              done(third);
            });
          });
        });
      },
    },
  ];
}
