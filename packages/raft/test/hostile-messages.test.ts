import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, crc32c, nodeId, randomBetween } from '@quorate/base';
import { Raft } from '@quorate/raft';
import fc from 'fast-check';
import { GROUP } from './harness/cluster.js';
import { PlainDisk } from './harness/disk.js';
import { nearMessages } from './harness/arbitrary-messages.js';

test('step: peers that send any decodable messages in any role, contradictory ones too → it never throws, committed entries stay', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.boolean(),
      fc.array(
        fc.record({
          from: fc.integer({ min: 1, max: 9 }),
          message: nearMessages,
          syncs: fc.nat({ max: 2 }),
          waitMs: fc.integer({ min: 0, max: 200 }),
          propose: fc.boolean(),
        }),
        { minLength: 1, maxLength: 60, size: 'max' },
      ),
      (seed, isLearner, list) => {
        const disk = new PlainDisk([1, 2, 3].map(nodeId), isLearner);
        const random = new SeededRandom(seed);
        let nowMs = 0;
        const raft = new Raft({
          options: {
            group: GROUP,
            self: nodeId(1),
            electionTimeoutMinMs: 150,
            electionTimeoutMaxMs: 300,
            heartbeatMs: 30,
            windowMessages: 2,
            windowBytes: 200,
            appendMessageBytes: 100,
          },
          start: disk.start(),
          random,
          contacts: {
            heardAtMs: () => nowMs - randomBetween(random, 0, 400),
            lastHeardAtMs: () => nowMs - randomBetween(random, 0, 400),
            acknowledgedAtMs: () => nowMs - randomBetween(random, 0, 400),
          },
          log: disk,
          checksum: crc32c,
          nowMs,
        });
        const committed = new Map<number, Uint8Array>();
        for (const { from, message: incoming, syncs, waitMs, propose } of list) {
          nowMs += waitMs;
          raft.step(nodeId(from), incoming, nowMs);
          raft.tick(nowMs);
          if (propose) raft.proposeNoop(nowMs);
          raft.readIndex(1, nowMs);
          while (raft.hasReady()) disk.write(raft.ready(), 0);
          for (let i = 0; i < syncs; i++) {
            const done = disk.completeOne();
            if (done !== null) raft.onDurable(done.version, done.index, nowMs);
          }
          for (const batch of disk.batches) {
            if (batch.lastIndex > raft.commitIndex) break;
            const before = committed.get(batch.baseIndex);
            if (before === undefined) committed.set(batch.baseIndex, batch.bytes);
            else assert.deepEqual(batch.bytes, before);
          }
        }
      },
    ),
    { numRuns: 1500 },
  );
});
