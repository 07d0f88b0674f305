import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, incarnation, nodeId } from '@quorate/base';
import { decodeCommand, encodeCommand } from '@quorate/host';

/** Where the id of the first node stands: behind version, command, and how many there are. */
const NODE_ID_AT = 4;

// Found by fuzzing: it was refused as the mistake of a caller (invalidArgument), which no reader of a log expects.
test('T80: catalogue: a command that registers node 0 → malformedFrame', () => {
  const node = { nodeId: nodeId(2), incarnation: incarnation('0123456789abcdef'), address: 'a:1' };
  const bytes = encodeCommand({ type: 'registerNodes', nodes: [node] }).slice();
  assert.deepEqual([...bytes.subarray(NODE_ID_AT, NODE_ID_AT + 2)], [2, 0]);
  bytes[NODE_ID_AT] = 0;
  assert.throws(
    () => decodeCommand(bytes),
    (error) => error instanceof QuorateError && error.code === 'malformedFrame',
  );
});
