import assert from 'node:assert/strict';
import { DEFAULT_GROUP, QuorateError, concatBytes, utf8 } from '@quorate/base';
import type { ClientCore, Done } from '@quorate/client';
import type { ClientRequest, ClientResponseBody } from '@quorate/wire';
import { encodePush, encodeResponse } from '@quorate/wire';
import fc from 'fast-check';
import { record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { type Edit, edited, someEdit } from '../../testkit/dist-test/fuzz/edits.js';
import { push, response as anyResponse } from '../../wire/dist-test/arbitraries.js';
import { type Action, SERVE, ScriptedCluster, type ScriptedNode } from './scripted-cluster.js';

/** What a hostile or broken node does with one request. */
type Reaction =
  | { readonly type: 'serve' | 'ignore' | 'cut' | 'garbage' }
  /** Any answer, most often of another type than the one that belongs to the request. */
  | { readonly type: 'answer'; readonly body: ClientResponseBody }
  /** An answer of the right type that says anything. */
  | { readonly type: 'fitting'; readonly seed: number; readonly times: number }
  /** An answer with edits in its bytes. */
  | { readonly type: 'edited'; readonly seed: number; readonly edits: readonly Edit[] }
  /** Something that nobody asked for, then the right answer. */
  | { readonly type: 'pushed'; readonly bytes: Uint8Array; readonly frame: number };

/** The type of answer that belongs to each request. */
const FITTING: Readonly<Record<ClientRequest['type'], ClientResponseBody['type']>> = {
  status: 'status',
  createStream: 'streamCreated',
  listStreams: 'streamList',
  findStream: 'streamFound',
  streamInfo: 'streamInfo',
  append: 'appended',
  readStream: 'records',
  transferLeader: 'transferred',
  openSession: 'sessionOpened',
  bindSession: 'sessionBound',
  commands: 'replies',
  queries: 'queryResults',
  acknowledge: 'acknowledged',
  ping: 'pong',
};

const seed = fc.nat();
/** Errors that nodes tell are passed on; the code of a bug must only come from the client itself, so that one is noticed. */
const response = anyResponse.filter((body) => !JSON.stringify(body).includes('invariantBroken'));
const reaction: fc.Arbitrary<Reaction> = fc.oneof(
  { weight: 3, arbitrary: record({ type: fc.constantFrom('serve' as const, 'ignore' as const, 'cut' as const, 'garbage' as const) }) },
  { weight: 1, arbitrary: record({ type: fc.constant('answer' as const), body: response }) },
  { weight: 5, arbitrary: record({ type: fc.constant('fitting' as const), seed, times: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 3,
    arbitrary: record({ type: fc.constant('edited' as const), seed, edits: fc.array(someEdit(), { minLength: 1, maxLength: 3 }) }),
  },
  {
    weight: 2,
    arbitrary: push.map((said) => {
      const { type, parts } = encodePush(said);
      return { type: 'pushed' as const, bytes: concatBytes(parts).slice(), frame: type };
    }),
  },
);

const CALLS = ['create', 'list', 'find', 'info', 'append', 'append', 'read', 'status', 'transfer', 'resource', 'query'] as const;
const scenario = record({
  seed,
  calls: fc.array(fc.constantFrom(...CALLS), { minLength: 1, maxLength: 6 }),
  reactions: fc.array(reaction, { minLength: 1, maxLength: 12 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;

function fittingAnswer(request: ClientRequest, from: number): ClientResponseBody {
  const wanted = FITTING[request.type];
  const fitting = response.filter(({ type }) => type === wanted || (from % 4 === 0 && type === 'error'));
  return fc.sample(fitting, { seed: from, numRuns: 1 })[0] as ClientResponseBody;
}

function react(node: ScriptedNode, request: ClientRequest, to: Reaction): Action {
  const send = (frame: number, body: Uint8Array): void => {
    for (const connection of node.connections) connection.send(frame, [body]);
  };
  switch (to.type) {
    case 'serve':
      return SERVE;
    case 'ignore':
      return { do: 'ignore' };
    case 'garbage':
      return { do: 'garbage' };
    case 'cut':
      return { do: 'cut', when: request.id % 2 === 0 ? 'before' : 'after' };
    case 'answer':
      return { do: 'answer', body: to.body };
    case 'fitting':
      for (let left = to.times; left > 1; left--) {
        const { type, parts } = encodeResponse(request.id, fittingAnswer(request, to.seed + left));
        send(type, concatBytes(parts).slice());
      }
      return { do: 'answer', body: fittingAnswer(request, to.seed) };
    case 'edited': {
      const frame = (from: number): Uint8Array => concatBytes(encodeResponse(request.id, fittingAnswer(request, from)).parts).slice();
      const { type } = encodeResponse(request.id, fittingAnswer(request, to.seed));
      // The id stays, so that the answer reaches the call.
      const body = edited(frame(to.seed).subarray(4), to.edits, frame(to.seed + 1).subarray(4), (bytes) =>
        Array.from({ length: bytes.length }, (_, at) => ({ at, length: [1, 2, 4, 8][at & 3] as number })),
      );
      send(type, concatBytes([frame(to.seed).subarray(0, 4), body]).slice());
      return { do: 'ignore' };
    }
    case 'pushed':
      send(to.frame, to.bytes);
      return SERVE;
  }
}

/** How calls ended: exactly once each, with a value or an error that is no bug. */
class Endings {
  readonly what: string[] = [];
  open = 0;

  expect<T>(what: string): Done<T> {
    this.open++;
    let times = 0;
    return (error) => {
      times++;
      assert.equal(times, 1, `${what} ended ${times} times`);
      this.open--;
      this.what.push(`${what}: ${error?.code ?? 'ok'}`);
      assert.ok(error === null || (error instanceof QuorateError && error.code !== 'invariantBroken'), `${what}: ${String(error)}`);
    };
  }
}

function start(client: ClientCore, call: (typeof CALLS)[number], endings: Endings): void {
  const time = { deadlineMs: 900 };
  switch (call) {
    case 'create':
      client.createStream('s', time, endings.expect(call));
      break;
    case 'list':
      client.listStreams({ ...time, limit: 5 }, endings.expect(call));
      break;
    case 'find':
      client.findStream('s', time, endings.expect(call));
      break;
    case 'info':
      client.streamInfo('s', time, endings.expect(call));
      break;
    case 'append':
      client.append('s', [utf8('a'), utf8('b')], time, endings.expect(call));
      break;
    case 'read':
      client.read('s', { ...time, from: 0, maxRecords: 3 }, endings.expect(call));
      break;
    case 'status':
      client.status(time, endings.expect(call));
      break;
    case 'transfer':
      client.transferLeader(DEFAULT_GROUP, 0, time, endings.expect(call));
      break;
    case 'resource':
      client.sessions(DEFAULT_GROUP).openResource('counter', 1, 'c', time, endings.expect(call));
      break;
    case 'query':
      client.sessions(DEFAULT_GROUP).query(3, 1, new Uint8Array(0), { ...time, consistency: 'sequential' }, endings.expect(call));
      break;
  }
}

/** Whatever nodes answer: every call ends once and in time, nothing is thrown, and honest nodes are believed again afterwards. */
function runScenario({ seed: from, calls, reactions }: Scenario): void {
  const cluster = new ScriptedCluster(from);
  cluster.create('s');
  const warnings: string[] = [];
  const logger = { log: (level: string, event: string): void => void (level === 'error' && warnings.push(event)) };
  const client = cluster.client([1, 2], { logger });
  let at = 0;
  for (const node of cluster.nodes) {
    node.script = (request) => {
      const next = reactions[at++];
      return next === undefined ? SERVE : react(node, request, next);
    };
  }
  const endings = new Endings();
  for (const call of calls) {
    start(client, call, endings);
    cluster.scheduler.runFor(50);
  }
  cluster.scheduler.runFor(6000);
  assert.equal(endings.open, 0, `calls are open long after their deadlines; ended: ${endings.what.join(', ')}`);
  assert.equal(client.openCalls, 0);
  assert.equal(client.appendBytes, 0);
  assert.ok(client.addresses.length <= 64, `${client.addresses.length} addresses are remembered`);
  at = Number.MAX_SAFE_INTEGER;
  const after = new Endings();
  client.status({ deadlineMs: 20_000 }, after.expect('status of honest nodes'));
  cluster.scheduler.runFor(21_000);
  assert.deepEqual(after.what, ['status of honest nodes: ok'], 'the client recovers');
  assert.deepEqual(warnings, []);
  client.close(() => {});
  cluster.scheduler.runFor(10);
}

/** Nodes that answer a real client with anything. */
export function fuzzAnswers(seed_: number, cases: number): { cases: number } {
  fc.assert(fc.property(scenario, runScenario), { seed: seed_, numRuns: cases, includeErrorInReport: true });
  return { cases };
}

/** A scenario takes seconds of virtual time. */
export const CASES_PER_CALL: Readonly<Record<string, number>> = { fuzzAnswers: 100 };
