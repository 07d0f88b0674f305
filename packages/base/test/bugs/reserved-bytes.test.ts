import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BATCH_HEADER_BYTES,
  QuorateError,
  crc32c,
  encodeBatch,
  groupId,
  tryDecodeBatchHeader,
  utf8,
  verifyBatch,
  writeU32,
} from '@quorate/base';

/** The last bytes of a header, which have no meaning yet. */
const RESERVED = [44, 45, 46, 47, 48, 49, 50, 51];

// Found by fuzzing: a batch that a later version gives a meaning there would have been taken for one without.
test('T80: batch: a reserved byte that is not zero, under a sound checksum → refused', () => {
  const payload = utf8('x');
  const fields = { kind: 'commands', group: groupId(16), term: 3, baseIndex: 7, count: 2, loggedTimeMs: 1 } as const;
  const batch = encodeBatch({ ...fields, payloadChecksum: crc32c(payload) }, payload, crc32c);
  for (const at of RESERVED) {
    const changed = batch.slice();
    changed[at] = 1;
    writeU32(changed, 0, crc32c(changed.subarray(4, BATCH_HEADER_BYTES)));
    assert.equal(tryDecodeBatchHeader(changed, crc32c), 'fields', `byte ${at}`);
    assert.throws(
      () => verifyBatch(changed, crc32c),
      (error) => error instanceof QuorateError && error.code === 'malformedFrame',
    );
  }
});
