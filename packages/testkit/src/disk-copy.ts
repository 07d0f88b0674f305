import { type Disk, DiskFault } from '@quorate/base';
import { type DiskImage, parentOf } from './disk-state.js';
import { SparseBytes } from './sparse-bytes.js';

/** Bytes read or written at a time. */
const CHUNK_BYTES = 1_048_576;

/** Reads the whole content of any disk, from its root down. */
export function captureImage(disk: Disk): DiskImage {
  const directories: string[] = [];
  const files = new Map<string, SparseBytes>();
  const visit = (directory: string): void => {
    for (const name of disk.list(directory)) {
      const path = directory === '' ? name : `${directory}/${name}`;
      const content = readFile(disk, path);
      if (content === null) {
        directories.push(path);
        visit(path);
      } else {
        files.set(path, content);
      }
    }
  };
  visit('');
  return { directories, files };
}

/** Null if the path is no file. */
function readFile(disk: Disk, path: string): SparseBytes | null {
  try {
    const file = disk.open(path, 'read');
    try {
      const content = new SparseBytes();
      const size = file.size();
      for (let at = 0; at < size; at += CHUNK_BYTES) content.write(at, file.readNow(at, Math.min(CHUNK_BYTES, size - at)));
      return content;
    } finally {
      file.close();
    }
  } catch (thrown) {
    // Reading a folder fails, before or after the open, depending on the system.
    if (thrown instanceof DiskFault && disk.list(parentOf(path)).includes(path.slice(path.lastIndexOf('/') + 1))) return null;
    throw thrown;
  }
}

/** Writes an image to any disk, which must be empty, and makes it durable: for recovery by real processes. */
export function writeImage(image: DiskImage, disk: Disk): void {
  for (const directory of image.directories) disk.makeDirectory(directory);
  for (const [path, content] of image.files) {
    const file = disk.open(path, 'create');
    // The last byte gives it its length; what is not held are holes.
    if (content.size > 0) file.writeNow(content.size - 1, [new Uint8Array(1)]);
    for (const { position, bytes } of content.heldPages()) {
      if (position < content.size) file.writeNow(position, [bytes.subarray(0, content.size - position)]);
    }
    file.syncNow();
    file.close();
  }
  for (const directory of ['', ...image.directories]) disk.syncDirectory(directory);
}
