import assert from 'node:assert/strict';
import { type ClusterId, type Connection, DEFAULT_GROUP, type GroupId, concatBytes, crc32c, utf8 } from '@quorate/base';
import { encodeCommands, encodeOpenResource } from '@quorate/machine';
import { encodeAppendPayload } from '@quorate/streams';
import { SimCluster, type SimNode } from '@quorate/testkit';
import {
  type ClientRequestBody,
  type EncodedFrame,
  FRAME_TYPES,
  OutgoingFrames,
  encodeHello,
  encodePeerFrame,
  encodePreface,
  encodePush,
  encodeRequest,
  encodeResponse,
} from '@quorate/wire';
import fc from 'fast-check';
import { record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { type Edit, edited, someEdit } from '../../testkit/dist-test/fuzz/edits.js';
import { hello, peerFrame, push, request, response } from '../../wire/dist-test/arbitraries.js';
import { append, createStream } from './harness.js';

/** One connection of somebody who wants no good, from its first byte to its last. */
interface Hostile {
  /** 1 to 3. */
  readonly node: number;
  /** What it says first. */
  readonly hello: EncodedFrame | null;
  readonly frames: readonly EncodedFrame[];
  /** In all its bytes, the handshake included. */
  readonly edits: readonly Edit[];
  readonly pieceBytes: number;
  readonly ending: 'end' | 'destroy' | 'stay' | 'deaf';
}

/** Groups that there are, or not. */
const group = fc.constantFrom(0, 1, 1, 16, 16, 17, 0xffff_ffff).map((id) => id as GroupId);
const payloadEdits = fc.array(someEdit([8192, 8193]), { maxLength: 2 });

function withChecksum(type: 'append' | 'commands', of: GroupId, payload: Uint8Array, edits: readonly Edit[]): ClientRequestBody {
  const changed = edited(payload, edits, payload, (bytes) =>
    Array.from({ length: bytes.length }, (_, at) => ({ at, length: [1, 2, 4, 8][at & 3] as number })),
  );
  return { type, group: of, payloadChecksum: crc32c(changed), payload: changed };
}

const APPEND = encodeAppendPayload({ producer: 'abababababababab', epoch: 0, firstNumber: 0, records: [utf8('one'), utf8('two')] });
const COMMANDS = encodeCommands({
  session: 1,
  firstNumber: 1,
  acknowledgedReplies: 0,
  acknowledgedEvents: 0,
  commands: [{ resource: 0, operation: 1, args: encodeOpenResource('counter', 1, 'c') }],
});
const body: fc.Arbitrary<ClientRequestBody> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(request, group).map(([said, of]) => ('group' in said ? { ...said, group: of } : said)) },
  { weight: 1, arbitrary: fc.tuple(group, payloadEdits).map(([of, edits]) => withChecksum('append', of, APPEND, edits)) },
  { weight: 1, arbitrary: fc.tuple(group, payloadEdits).map(([of, edits]) => withChecksum('commands', of, COMMANDS, edits)) },
);

const frame: fc.Arbitrary<EncodedFrame> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.nat(5), body).map(([id, said]) => encodeRequest(id, said)) },
  { weight: 1, arbitrary: response.map((said) => encodeResponse(1, said)) },
  { weight: 1, arbitrary: push.map(encodePush) },
  { weight: 1, arbitrary: peerFrame.map(encodePeerFrame) },
  { weight: 1, arbitrary: hello.map(encodeHello) },
  {
    weight: 1,
    arbitrary: record({ type: fc.constantFrom<number>(...Object.values(FRAME_TYPES), 200), part: fc.uint8Array({ maxLength: 20 }) }).map(
      ({ type, part }) => ({ type, parts: [part] }),
    ),
  },
);

const connection: fc.Arbitrary<Hostile> = record({
  node: fc.integer({ min: 1, max: 3 }),
  hello: fc.oneof(
    { weight: 5, arbitrary: fc.constant(encodeHello({ role: 'client', clusterId: null })) },
    { weight: 2, arbitrary: hello.map(encodeHello) },
    { weight: 1, arbitrary: fc.constant(encodeHello({ role: 'client', clusterId: '0123456789abcdef' as ClusterId })) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  frames: fc.array(frame, { maxLength: 8 }),
  edits: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(someEdit(), { maxLength: 3 }) }),
  pieceBytes: fc.constantFrom(1, 7, 64, 100_000),
  ending: fc.constantFrom('end', 'destroy', 'stay', 'deaf'),
});

function bytesOf({ hello: first, frames, edits }: Hostile): Uint8Array {
  const outgoing = new OutgoingFrames(1_000_000);
  outgoing.addRaw(encodePreface());
  if (first !== null) outgoing.add(first.type, first.parts);
  for (const { type, parts } of frames) outgoing.add(type, parts);
  const bytes = concatBytes(outgoing.takeChunks()).slice();
  return edited(bytes, edits, bytes, (now) =>
    Array.from({ length: now.length }, (_, at) => ({ at, length: [1, 2, 4, 8][at & 3] as number })),
  );
}

/** Opens the connection and sends everything, piece after piece. */
function attack(cluster: SimCluster, number: number, hostile: Hostile): { end(): void } {
  const process = cluster.scheduler.forNode(`hostile${number}`);
  const network = cluster.network.attach(process);
  const bytes = bytesOf(hostile);
  network.connect(cluster.node(hostile.node).address, {
    opened: (open: Connection) => {
      if (hostile.ending === 'deaf') open.pause();
      const step = (at: number): void => {
        if (at < bytes.length) {
          open.write(bytes.slice(at, at + hostile.pieceBytes));
          open.flush();
          process.timers.set(1, () => step(at + hostile.pieceBytes));
        } else if (hostile.ending === 'end') open.end();
        else if (hostile.ending === 'destroy') open.destroy();
      };
      step(0);
    },
    data: () => {},
    drain: () => {},
    closed: () => {},
  });
  return { end: () => process.kill() };
}

function isServing(node: SimNode): boolean {
  return node.isUp && node.failure === null && node.status()?.state === 'serving';
}

/** Whatever is sent to a cluster that serves: no node stops, and others are served as before. */
function runScenario({ seed, connections }: { readonly seed: number; readonly connections: readonly Hostile[] }): void {
  const errors: string[] = [];
  const cluster = new SimCluster({
    seed,
    nodes: 3,
    logger: (who) => ({
      log: (level, event, fields) => void (level === 'error' && errors.push(`${who}: ${event} ${JSON.stringify(fields)}`)),
    }),
  });
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  const client = cluster.client('honest');
  createStream(cluster, client, 's');
  const before = cluster.network.openEnds;
  const attacks = connections.map((hostile, i) => attack(cluster, i, hostile));
  cluster.runFor(1500);
  append(cluster, client, 's', 2);
  for (const each of attacks) each.end();
  cluster.runFor(8000);
  append(cluster, client, 's', 2);
  assert.ok(cluster.nodes.every(isServing), 'all nodes serve');
  assert.deepEqual(errors, [], 'nothing is logged as an error');
  assert.equal(cluster.network.openEnds, before, 'no connection stays');
}

const scenario = record({ seed: fc.nat(), connections: fc.array(connection, { minLength: 1, maxLength: 5 }) });

/** Connections of hostile clients, and of nodes that are no members, to a cluster that serves. */
export function fuzzConnections(seed: number, cases: number): { cases: number } {
  fc.assert(fc.property(scenario, runScenario), { seed, numRuns: cases, includeErrorInReport: true });
  return { cases };
}

/** Each scenario is a life of a cluster. */
export const CASES_PER_CALL: Readonly<Record<string, number>> = { fuzzConnections: 20 };
