// What the disk gives to one who only writes and syncs, one large piece after the other, by the same way as a node's journal.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NodeDisk } from '@quorate/platform-node';

const PIECE_BYTES = 1_048_576;
const FILE_BYTES = 64 * PIECE_BYTES;
const MEASURED_MS = 1000;

/** Bytes per second in synced writes of 1 MiB into a file that was filled before, as 10^6. In the folder that clusters are made in. */
export async function measureDisk() {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-disk-'));
  try {
    const disk = new NodeDisk(folder);
    const file = disk.open('file', 'create');
    const piece = new Uint8Array(PIECE_BYTES).fill(1);
    const write = (at) =>
      new Promise((resolve, reject) => {
        const done = (fault) => (fault === null ? resolve() : reject(fault));
        file.write(at % FILE_BYTES, [piece], (fault) => (fault === null ? file.sync(done) : reject(fault)));
      });
    for (let at = 0; at < FILE_BYTES; at += PIECE_BYTES) await write(at);
    const start = performance.now();
    let bytes = 0;
    for (; performance.now() < start + MEASURED_MS; bytes += PIECE_BYTES) await write(bytes);
    const seconds = (performance.now() - start) / 1000;
    file.close();
    return bytes / 1e6 / seconds;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
