import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Connection, SeededRandom } from '@quorate/base';
import { SimNetwork, SimScheduler } from '@quorate/testkit';

const ADDRESS = { host: 'b', port: 1 };

test('rule 25: bytes on the way → a copy arrives: neither side sees what the other does to its memory afterwards', () => {
  const scheduler = new SimScheduler();
  const network = new SimNetwork({ scheduler, random: new SeededRandom(1) });
  const kept: Uint8Array[] = [];
  const arrived: number[][] = [];
  const ignored = { drain: () => {}, closed: () => {} };
  network.attach(scheduler.forNode('b')).listen(
    ADDRESS,
    () => ({
      ...ignored,
      data: (bytes) => {
        arrived.push([...bytes]);
        kept.push(bytes);
      },
    }),
    () => {},
  );
  let connection: Connection | undefined;
  const opened = (made: Connection): void => {
    connection = made;
  };
  network.attach(scheduler.forNode('a')).connect(ADDRESS, { ...ignored, opened, data: () => {} });
  scheduler.runFor(10);
  const sent = Uint8Array.of(1, 2, 3);
  connection?.write(sent);
  scheduler.runFor(10);
  assert.deepEqual([arrived, [...sent]], [[[1, 2, 3]], [1, 2, 3]]);
  for (const bytes of kept) bytes.fill(7);
  assert.deepEqual([...sent], [1, 2, 3], 'the writer still has what it wrote');
  sent.fill(9);
  assert.ok(!kept.some((bytes) => bytes.includes(9)), 'the reader has memory of its own');
});
