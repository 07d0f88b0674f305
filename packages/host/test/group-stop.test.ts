import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { statusOf } from './harness.js';
import { TallyUser, leaderOf, others, sessionCluster } from './session-rig.js';
import { awaitLevel } from './snapshot-rig.js';
import { TALLY_TYPE } from './tally.js';

test('group: it stops on the node that leads it while the node lives on → its followers learn of it and elect another within a second', () => {
  /** Has a build that lacks a kind of resource which the log names: it cannot apply it. */
  let older = '';
  const cluster = sessionCluster(501, {}, (node) => (node === older ? [] : [TALLY_TYPE]));
  const user = new TallyUser(cluster, 'user').open();
  assert.equal(user.run('add', { amount: 1 }).value, 1);
  const leader = leaderOf(cluster);
  const [follower, third] = others(cluster, leader) as [SimNode, SimNode];
  cluster.runFor(500);
  // What the others lack makes it the only one of the two that can be elected.
  third.kill();
  cluster.network.cut(leader.name, follower.name);
  let sum: unknown = null;
  user.command('add', { amount: 1 }, ({ error, value }) => (sum = error ?? value));
  cluster.runFor(20);
  leader.kill();
  follower.kill();
  cluster.network.healAll();
  older = leader.name;
  leader.start();
  follower.start();
  cluster.runUntil(() => cluster.groupOn(leader, DEFAULT_GROUP)?.role === 'leader', 2000, 'it leads');
  third.start();
  cluster.runUntil(() => cluster.groupOn(leader, DEFAULT_GROUP)?.role === 'stopped', 2000, 'its replica stops');
  assert.equal(statusOf(leader).state, 'serving');
  cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) !== undefined, 1000, 'another leader');
  cluster.runUntil(() => sum !== null, 10_000, 'an answer of the next leader');
  assert.equal(sum, 2);
  awaitLevel(cluster, [follower, third]);
  assert.equal(statusOf(leader).state, 'serving');
});
