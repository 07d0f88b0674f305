// How long it takes to open a large log, and to read it as a follower that catches up does. Usage: node packages/storage/bench/open-time.mjs [MEGABYTES] [BATCH_BYTES]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT_LOGGER, encodeBatch } from '@quorate/base';
import { NodeDisk, nodeChecksum as checksum, nodeClock as clock, nodeTimers as timers } from '@quorate/platform-node';
import { openStorage } from '@quorate/storage';

const megabytes = Number(process.argv[2] ?? 256);
const batchBytes = Number(process.argv[3] ?? 4096);
const groups = 8;
const folder = mkdtempSync(join(tmpdir(), 'quorate-open-'));

const open = () =>
  new Promise((resolve, reject) => {
    const events = { durable: () => wake?.(), failed: reject, full: () => {}, damaged: reject };
    let wake = null;
    openStorage({ disk: new NodeDisk(folder), timers, clock, checksum, logger: SILENT_LOGGER, events }, (error, storage) =>
      error === null ? resolve({ storage, durable: () => new Promise((next) => (wake = next)) }) : reject(error),
    );
  });
const close = (storage) => new Promise((resolve) => storage.close(resolve));

try {
  const { storage, durable } = await open();
  storage.setIdentity({ nodeId: 1, incarnation: '00000000000000aa', clusterId: null, isRejoined: false, members: [] });
  const logs = Array.from({ length: groups }, (_, i) => storage.createGroup(16 + i, false));
  const payload = new Uint8Array(batchBytes).fill(7);
  const payloadChecksum = checksum(payload);
  let start = performance.now();
  for (let written = 0; written < megabytes * 1_048_576; ) {
    for (let i = 0; i < 512; i++) {
      const log = logs[i % groups];
      const header = {
        kind: 'commands',
        group: log.group,
        term: 1,
        baseIndex: log.lastIndex + 1,
        count: 1,
        loggedTimeMs: 0,
        payloadChecksum,
      };
      log.append(encodeBatch(header, payload, checksum));
      written += batchBytes + 57;
    }
    storage.flush();
    await durable();
  }
  process.stdout.write(
    `append: ${(megabytes / ((performance.now() - start) / 1000)).toFixed(0)} MB/s durable, ${storage.metrics.syncs} syncs\n`,
  );
  await close(storage);
  start = performance.now();
  const again = await open();
  process.stdout.write(`open: ${megabytes} MB in ${batchBytes}-byte batches: ${(performance.now() - start).toFixed(0)} ms\n`);
  start = performance.now();
  let bytes = 0;
  for (const log of again.storage.groups()) {
    for (let at = 1; at <= log.lastIndex; ) {
      const batches = log.read(at, 2_101_248);
      for (const batch of batches) bytes += batch.length;
      at += batches.length;
    }
  }
  process.stdout.write(`read back: ${(bytes / 1_048_576 / ((performance.now() - start) / 1000)).toFixed(0)} MB/s\n`);
  await close(again.storage);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
