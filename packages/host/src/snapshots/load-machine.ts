import type { Checksum, QuorateError } from '@quorate/base';
import { MachineLoader } from '@quorate/machine';
import type { SnapshotFile } from '@quorate/storage';
import type { Pace } from './pace.js';
import { type SlicePorts, type SliceStep, SlicedWork } from './slices.js';

/**
 * Bytes that are read at a time, while those before are taken in: verified in one go, which takes a part of a ms, and large, because each call to the
 * disk has its price.
 */
const READ_BYTES = 524_288;
/** Entries taken in in one step: under the time of a slice, however large they are. */
const STEP_ENTRIES = 64;

/**
 * Loads a snapshot in slices and gives the full loader, of which a machine can be made. The file stays readable meanwhile. Errors are those of
 * `SnapshotFileReader.read` and `MachineLoader.work`. Calling what it returns ends it without `done`. `pace`: rests between two slices.
 */
export function loadMachine(
  ports: SlicePorts & { readonly checksum: Checksum },
  file: SnapshotFile,
  done: (error: QuorateError | null, loader: MachineLoader) => void,
  pace: Pace | null = null,
): () => void {
  const loader = new MachineLoader(ports.checksum);
  const reader = file.open();
  let offset = 0;
  let failure: QuorateError | null = null;
  const taken = (error: QuorateError | null, bytes: Uint8Array): void => {
    failure = error;
    if (error === null) loader.feed(bytes);
    offset += bytes.length;
    work.goOn();
  };
  const step = (): SliceStep => {
    if (failure !== null) throw failure;
    if (loader.work(STEP_ENTRIES)) return 'more';
    if (offset >= file.length) return 'over';
    reader.read(offset, READ_BYTES, taken);
    return 'waits';
  };
  const finished = (error: QuorateError | null): void => {
    reader.close();
    done(error, loader);
  };
  const work = new SlicedWork({ ports, step, done: finished, pace });
  return () => {
    work.cancel();
    reader.close();
  };
}
