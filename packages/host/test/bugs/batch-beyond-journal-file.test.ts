import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, type QuorateError } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { append, isWhole, runningCluster, statusOf } from '../harness.js';
import { TallyUser, sessionCluster } from '../session-rig.js';

// Found by a test of overload: 1.3 MB in one append, files of 1 MiB as simulations have, and the group of the stream stopped on its leader.
const FILE_BYTES = 1_048_576;
const TOO_LARGE = { count: 13, valueBytes: 100_000 };

function termOf(node: SimNode): number | undefined {
  return statusOf(node).groups.find(({ group }) => group === FIRST_STREAM_GROUP)?.term;
}

test('stream: an append that no journal file of its nodes holds → recordTooLarge, nothing of it is stored; those behind it are stored', () => {
  const { cluster, client } = runningCluster({ seed: 481, settings: { journalFileBytes: FILE_BYTES } });
  const term = termOf(cluster.awaitLeader(FIRST_STREAM_GROUP));
  const told: string[] = [];
  const tell = (what: string) => (error: QuorateError | null) => told.push(`${what}: ${error?.code ?? 'stored'}`);
  client.append('s', TOO_LARGE, tell('large'));
  cluster.runFor(0.1);
  client.append('s', {}, tell('behind'));
  cluster.runUntil(() => told.length === 2, 30_000, 'both answers');
  assert.deepEqual(told, ['large: recordTooLarge', 'behind: stored']);
  cluster.await('as much as fits', 30_000, (done) => client.append('s', { count: 10, valueBytes: 100_000 }, done));
  assert.equal(termOf(cluster.awaitLeader(FIRST_STREAM_GROUP)), term, 'nobody had to be elected');
  assert.ok(cluster.nodes.every(isWhole));
  append(cluster, client, 's', 3);
  cluster.check(['s']);
});

test('session: a command that no journal file of its nodes holds → recordTooLarge; the session and what comes behind go on', () => {
  const cluster = sessionCluster(482, { settings: { journalFileBytes: 65_536 } });
  const user = new TallyUser(cluster, 'user').open();
  const told: string[] = [];
  user.command('put', { slot: 1, value: new Uint8Array(80_000) }, ({ error }) => told.push(error?.code ?? 'done'));
  cluster.runFor(0.1);
  user.command('add', { amount: 1 }, ({ error }) => told.push(error?.code ?? 'done'));
  cluster.runUntil(() => told.length === 2, 30_000, 'both answers');
  assert.deepEqual(told, ['recordTooLarge', 'done']);
  assert.equal(user.lost, null);
  assert.ok(cluster.nodes.every(isWhole));
});
