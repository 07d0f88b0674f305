import type { Checksum, QuorateError } from '@quorate/base';
import { MachineLoader } from '@quorate/machine';
import type { SnapshotFile } from '@quorate/storage';
import { type SlicePorts, inSlices } from './slices.js';

/** Bytes loaded in one step: well under the time of a slice, whatever the entries are. */
const STEP_BYTES = 65_536;

/**
 * Loads a snapshot in slices and gives the full loader, of which a machine can be made. The file stays readable meanwhile. Errors are those of
 * `SnapshotFile.read` and `MachineLoader.push`. Calling what it returns ends it without `done`.
 */
export function loadMachine(
  ports: SlicePorts & { readonly checksum: Checksum },
  file: SnapshotFile,
  done: (error: QuorateError | null, loader: MachineLoader) => void,
): () => void {
  const loader = new MachineLoader(ports.checksum);
  const release = file.retain();
  let offset = 0;
  const step = (): boolean => {
    const bytes = file.read(offset, STEP_BYTES);
    loader.push(bytes);
    offset += bytes.length;
    return offset >= file.length;
  };
  const cancel = inSlices(ports, step, (error) => {
    release();
    done(error, loader);
  });
  return () => {
    cancel();
    release();
  };
}
