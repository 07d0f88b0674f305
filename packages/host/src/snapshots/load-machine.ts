import type { Checksum, QuorateError } from '@quorate/base';
import { MachineLoader } from '@quorate/machine';
import type { SnapshotFile } from '@quorate/storage';
import { type SlicePorts, inSlices } from './slices.js';

/** Bytes that are read at a time: a chunk of the file. */
const READ_BYTES = 65_536;
/** Entries taken in in one step: under the time of a slice, however large they are. */
const STEP_ENTRIES = 64;

/**
 * Loads a snapshot in slices and gives the full loader, of which a machine can be made. The file stays readable meanwhile. Errors are those of
 * `SnapshotFile.read` and `MachineLoader.work`. Calling what it returns ends it without `done`. `restMs`: between two slices.
 */
export function loadMachine(
  ports: SlicePorts & { readonly checksum: Checksum },
  file: SnapshotFile,
  done: (error: QuorateError | null, loader: MachineLoader) => void,
  restMs = 0,
): () => void {
  const loader = new MachineLoader(ports.checksum);
  const release = file.retain();
  let offset = 0;
  const step = (): boolean => {
    if (loader.work(STEP_ENTRIES)) return false;
    if (offset >= file.length) return true;
    const bytes = file.read(offset, READ_BYTES);
    loader.feed(bytes);
    offset += bytes.length;
    return false;
  };
  const finished = (error: QuorateError | null): void => {
    release();
    done(error, loader);
  };
  const cancel = inSlices(ports, step, finished, restMs);
  return () => {
    cancel();
    release();
  };
}
