import { type Disk, DiskFault, type DiskFile, SeededRandom } from '@quorate/base';
import { SimDisk, SimScheduler } from '@quorate/testkit';

/** A disk and the process that uses it. */
export interface Machine {
  scheduler: SimScheduler;
  disk: SimDisk;
  view: Disk;
}

export function machine(seed = 1, capacityBytes?: number): Machine {
  const scheduler = new SimScheduler();
  const disk = new SimDisk({ random: new SeededRandom(seed), ...(capacityBytes === undefined ? {} : { capacityBytes }) });
  return { scheduler, disk, view: disk.attach(scheduler.forNode('a')) };
}

/** Bytes of one value. */
export const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
/** For `assert.throws`: a disk fault of that kind. */
export const isFault =
  (kind: string) =>
  (error: unknown): boolean =>
    error instanceof DiskFault && error.kind === kind;

/** A durable file of that content. */
export function durableFile(view: Disk, path: string, bytes: Uint8Array): DiskFile {
  const file = view.open(path, 'create');
  file.writeNow(0, [bytes]);
  file.syncNow();
  view.syncDirectory('');
  return file;
}
