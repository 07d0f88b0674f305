import assert from 'node:assert/strict';
import { ByteWriter, DEFAULT_GROUP, type GroupId, type LogIndex, crc32c } from '@quorate/base';
import { type CommandRequest, MACHINE_OPERATION, encodeCommands, encodeFields, encodeOpenResource } from '@quorate/machine';
import type { SimCluster, SimNode } from '@quorate/testkit';
import { type ClientRequestBody, type ClientResponse, writeQuery } from '@quorate/wire';
import { RawClient } from './raw-client.js';
import { leaderOf, sessionCluster } from './session-rig.js';
import { TALLY } from './tally.js';

/** The key of the session that `setup` opens. */
export const KEY: Uint8Array = Uint8Array.from({ length: 16 }, (_, i) => i);
export const GROUP: GroupId = DEFAULT_GROUP;

export function ask(cluster: SimCluster, raw: RawClient, body: ClientRequestBody): ClientResponse {
  const id = raw.send(body);
  cluster.runUntil(() => raw.answers.has(id), 10_000, `an answer to ${body.type}`);
  return raw.answers.get(id) as ClientResponse;
}

export function codeOf(response: ClientResponse): string {
  return response.type === 'error' ? response.code : response.type;
}

export function commands(session: number, firstNumber: number, list: readonly CommandRequest[], events: LogIndex = 0): ClientRequestBody {
  const payload = encodeCommands({
    session,
    firstNumber,
    acknowledgedReplies: firstNumber - 1,
    acknowledgedEvents: events,
    commands: list,
  });
  return { type: 'commands', group: GROUP, payload, payloadChecksum: crc32c(payload) };
}

/** Events of one log index, put together from their pieces. */
export interface WholeBatch {
  readonly index: LogIndex;
  readonly previousIndex: LogIndex;
  readonly fields: Uint8Array[];
  pieces: number;
  isWhole: boolean;
}

/** The events that were pushed for a session: each batch once, its pieces one after the other. */
export function batchesOf(raw: RawClient, session: number): WholeBatch[] {
  const batches: WholeBatch[] = [];
  for (const push of raw.pushes) {
    if (push.type !== 'events' || push.session !== session) continue;
    const { index, previousIndex, first, isLast, events } = push;
    let batch = batches.at(-1);
    if (batch === undefined || batch.isWhole) batches.push((batch = { index, previousIndex, fields: [], pieces: 0, isWhole: false }));
    assert.deepEqual([index, previousIndex, first], [batch.index, batch.previousIndex, batch.fields.length]);
    batch.fields.push(...events.map(({ fields }) => fields));
    batch.pieces++;
    batch.isWhole = isLast;
  }
  return batches;
}

/** One query as a request carries it. */
export function oneQuery(resource: number, operation: number, args = new Uint8Array(0)): { count: number; queries: Uint8Array } {
  const writer = new ByteWriter();
  writeQuery(writer, resource, operation, args);
  return { count: 1, queries: writer.take() };
}

/** A command of the tally. */
export function tally(
  resource: number,
  name: 'add' | 'watch' | 'echo' | 'flood' | 'take',
  args: Record<string, unknown> = {},
): CommandRequest {
  const operation = TALLY.operations[name];
  return { resource, operation: operation.code, args: encodeFields(operation.args, args as never, name) };
}

/** A session that `raw` carries, and the tally, opened as its first command. */
export function openSession(
  cluster: SimCluster,
  raw: RawClient,
  key: Uint8Array = KEY,
  ttlMs = 60_000,
): { session: number; resource: number } {
  const opened = ask(cluster, raw, { type: 'openSession', group: GROUP, key, ttlMs, graceMs: ttlMs });
  assert.ok(opened.type === 'sessionOpened', codeOf(opened));
  const { session } = opened;
  const bound = ask(cluster, raw, { type: 'bindSession', group: GROUP, session, key, acknowledgedEvents: session, nextEvents: 0 });
  assert.deepEqual([codeOf(bound), bound.type === 'sessionBound' && bound.nextNumber], ['sessionBound', 1]);
  const open = { resource: 0, operation: MACHINE_OPERATION.openResource, args: encodeOpenResource('tally', 1, 't') };
  const answer = ask(cluster, raw, commands(session, 1, [open]));
  assert.ok(answer.type === 'replies' && answer.replies[0]?.isOk);
  return { session, resource: Number(new DataView(answer.replies[0].result.slice().buffer).getBigUint64(0, true)) };
}

export function setup(
  seed: number,
  nodes = 1,
): { cluster: SimCluster; raw: RawClient; session: number; resource: number; leader: SimNode } {
  const cluster = sessionCluster(seed, { nodes });
  const leader = leaderOf(cluster);
  const raw = new RawClient(cluster, leader);
  return { cluster, raw, leader, ...openSession(cluster, raw) };
}
