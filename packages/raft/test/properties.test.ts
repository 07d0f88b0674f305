import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type BatchKind,
  LIMITS,
  QuorateError,
  SeededRandom,
  type Term,
  concatBytes,
  crc32c,
  encodeBatch,
  nodeId,
  randomBetween,
} from '@quorate/base';
import {
  Raft,
  type RaftMessage,
  TERM_MAX,
  TermMap,
  VOTERS_MAX,
  configurationOf,
  decodeConfiguration,
  decodeMessage,
  encodeConfiguration,
  encodeMessage,
  quorumSize,
  quorumValue,
} from '@quorate/raft';
import fc from 'fast-check';
import { GROUP } from './harness/cluster.js';
import { PlainDisk } from './harness/disk.js';

test('quorum: any values → the highest that a majority has reached', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 9 }), (values) => {
      const result = quorumValue([...values]);
      const reached = (value: number): number => values.filter((other) => other >= value).length;
      assert.ok(reached(result) >= quorumSize(values.length));
      assert.ok(reached(result + 1) < quorumSize(values.length));
    }),
  );
  assert.equal(quorumValue([]), Number.NEGATIVE_INFINITY);
});

test('quorum: any two majorities of a group → share a member', () => {
  for (let n = 1; n <= VOTERS_MAX; n++) assert.ok(2 * quorumSize(n) > n && quorumSize(n) <= n);
});

type Step = { append: { count: number; termStep: number } } | { truncate: number };
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ append: fc.record({ count: fc.integer({ min: 1, max: 5 }), termStep: fc.integer({ min: 0, max: 3 }) }) }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.nat({ max: 60 }) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 40 },
);

test('term map: any appends and cuts → same as a plain array of terms', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 0, max: 3 }), steps, (firstIndex, previousTerm, list) => {
      const map = new TermMap({ firstIndex, previousTerm, lastIndex: firstIndex - 1, runs: [] });
      const model: Term[] = [];
      for (const step of list) {
        if ('append' in step) {
          const term = (model.at(-1) ?? previousTerm) + step.append.termStep;
          const first = firstIndex + model.length;
          map.append(first, first + step.append.count - 1, term);
          for (let i = 0; i < step.append.count; i++) model.push(term);
        } else {
          const keep = Math.min(step.truncate, model.length);
          map.truncateAfter(firstIndex - 1 + keep);
          model.length = keep;
        }
        const lastIndex = firstIndex - 1 + model.length;
        assert.equal(map.lastIndex, lastIndex);
        assert.equal(map.lastTerm, model.at(-1) ?? previousTerm);
        for (let index = firstIndex - 3; index <= lastIndex + 2; index++) {
          const expected = index === firstIndex - 1 ? previousTerm : model[index - firstIndex];
          assert.equal(map.termAt(index), expected, `term at ${index}`);
        }
        for (let term = 0; term <= map.lastTerm + 1; term++) {
          for (const index of [firstIndex, lastIndex, lastIndex - 1, lastIndex + 5]) {
            let expected = Math.min(index, lastIndex);
            while (expected >= firstIndex && (model[expected - firstIndex] as number) > term) expected--;
            assert.equal(map.lastIndexOfTermAtMost(index, term), Math.max(expected, firstIndex - 1));
          }
        }
      }
      const again = new TermMap({ firstIndex, previousTerm, lastIndex: map.lastIndex, runs: map.runs });
      assert.deepEqual(again.runs, map.runs);
    }),
  );
});

test('term map: gap, decreasing term, cut before the start → invariantBroken', () => {
  const map = new TermMap({ firstIndex: 5, previousTerm: 2, lastIndex: 6, runs: [{ firstIndex: 5, term: 3 }] });
  for (const wrong of [() => map.append(8, 8, 3), () => map.append(7, 7, 2), () => map.append(7, 6, 3), () => map.truncateAfter(3)]) {
    assert.throws(wrong, (error: QuorateError) => error.code === 'invariantBroken');
  }
});

const u53 = fc.maxSafeNat();
const term = fc.integer({ min: 1, max: TERM_MAX });
const kinds: BatchKind[] = ['noop', 'commands', 'configuration'];
const appendRequest = fc
  .record({
    term: fc.integer({ min: 10, max: TERM_MAX }),
    prevIndex: fc.nat(),
    prevTerm: fc.integer({ min: 0, max: 5 }),
    commitIndex: u53,
    probe: u53,
    admitAt: u53,
    parts: fc.array(
      fc.record({ kind: fc.constantFrom(...kinds), count: fc.integer({ min: 1, max: 9 }), payload: fc.uint8Array({ maxLength: 40 }) }),
      { maxLength: 5 },
    ),
  })
  .map(({ parts, ...rest }): RaftMessage => {
    let next = rest.prevIndex + 1;
    const batches = parts.map((part, at) => {
      const payload = part.kind === 'configuration' ? encodeConfiguration(configurationOf([nodeId(1), nodeId(at + 2)])) : part.payload;
      const header = {
        kind: part.kind,
        group: GROUP,
        term: rest.prevTerm + at,
        baseIndex: next,
        count: part.count,
        loggedTimeMs: at,
        payloadChecksum: crc32c(payload),
      };
      next += part.count;
      return encodeBatch(header, payload, crc32c);
    });
    return { type: 'appendRequest', ...rest, batches };
  });
const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constant('voteRequest' as const),
    term,
    isPreVote: fc.boolean(),
    lastIndex: u53,
    lastTerm: fc.integer({ min: 0, max: TERM_MAX }),
    isTransfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('voteResponse' as const), term, isPreVote: fc.boolean(), isGranted: fc.boolean() }),
  appendRequest,
  fc.record({
    type: fc.constant('appendResponse' as const),
    term,
    isAccepted: fc.boolean(),
    matchIndex: u53,
    receivedIndex: u53,
    hintTerm: fc.integer({ min: 0, max: TERM_MAX }),
    probe: u53,
    isLearner: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('snapshotRequest' as const),
    term,
    snapshotIndex: u53,
    snapshotTerm: fc.integer({ min: 0, max: TERM_MAX }),
    offset: u53,
    isLast: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 50 }),
  }),
  fc.record({ type: fc.constant('snapshotResponse' as const), term, snapshotIndex: u53, receivedBytes: u53, isInstalled: fc.boolean() }),
  fc.record({ type: fc.constant('timeoutNow' as const), term }),
  fc.record({ type: fc.constant('leaderGone' as const), term }),
);

function plain(value: RaftMessage): unknown {
  return JSON.parse(JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part)));
}
const encoded = (value: RaftMessage): Uint8Array => concatBytes(encodeMessage(value)).slice();

function isMalformed(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'malformedFrame';
}

test('codec: any message → encoded and decoded it is the same', () => {
  fc.assert(
    fc.property(message, (value) => assert.deepEqual(plain(decodeMessage(encoded(value), crc32c)), plain(value))),
    { numRuns: 500 },
  );
});

test('T80: message cut short, prolonged or with a changed byte → malformedFrame or another valid message, never anything else', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
      const bytes = encoded(value);
      const changed = bytes.slice();
      changed[where % bytes.length] = (changed[where % bytes.length] as number) ^ flip;
      for (const input of [bytes.subarray(0, where % bytes.length), concatBytes([bytes, new Uint8Array(1)]), changed]) {
        try {
          const decoded = decodeMessage(input, crc32c);
          assert.equal(input, changed, 'a wrong length is always noticed');
          assert.deepEqual(encoded(decoded), changed);
        } catch (error) {
          if (!isMalformed(error)) throw error;
        }
      }
    }),
    { numRuns: 800 },
  );
});

test('T80: byte of a batch changed anywhere → the checksums notice', () => {
  fc.assert(
    fc.property(appendRequest, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
      const parts = encodeMessage(value);
      const head = (parts[0] as Uint8Array).length;
      const bytes = concatBytes(parts).slice();
      if (bytes.length === head) return;
      const at = head + (where % (bytes.length - head));
      // The reserved field of the header is under its checksum too.
      bytes[at] = (bytes[at] as number) ^ flip;
      assert.throws(() => decodeMessage(bytes, crc32c), isMalformed);
    }),
    { numRuns: 300 },
  );
});

test('T80: random bytes and huge counts and lengths → malformedFrame, at once', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        decodeMessage(bytes, crc32c);
      } catch (error) {
        if (!isMalformed(error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
  const head = encoded({ type: 'appendRequest', term: 3, prevIndex: 0, prevTerm: 0, commitIndex: 0, probe: 0, admitAt: 0, batches: [] });
  head.fill(0xff, head.length - 4);
  assert.throws(() => decodeMessage(head, crc32c), isMalformed);
  const piece = encoded({
    type: 'snapshotRequest',
    term: 3,
    snapshotIndex: 1,
    snapshotTerm: 1,
    offset: 0,
    isLast: true,
    bytes: new Uint8Array(0),
  });
  piece.fill(0x7f, piece.length - 4);
  assert.throws(() => decodeMessage(piece, crc32c), isMalformed);
  assert.ok(LIMITS.appendMessageBytes < LIMITS.frameBytesMax);
});

test('codec: gap between batches, decreasing term, term above the message, bad configuration → malformedFrame', () => {
  const make = (baseIndex: number, batchTerm: number, kind: BatchKind = 'noop', payload = new Uint8Array(0)): Uint8Array =>
    encodeBatch(
      { kind, group: GROUP, term: batchTerm, baseIndex, count: 1, loggedTimeMs: 0, payloadChecksum: crc32c(payload) },
      payload,
      crc32c,
    );
  const wrong = [
    [make(2, 3)],
    [make(1, 3), make(3, 3)],
    [make(1, 3), make(2, 2)],
    [make(1, 1)],
    [make(1, 9)],
    [make(1, 3, 'configuration', new Uint8Array([9]))],
  ];
  for (const batches of wrong) {
    const bytes = encoded({ type: 'appendRequest', term: 5, prevIndex: 0, prevTerm: 2, commitIndex: 0, probe: 0, admitAt: 0, batches });
    assert.throws(() => decodeMessage(bytes, crc32c), isMalformed);
  }
});

test('configuration: any voters → encoded and decoded they are the same, other bytes are malformedFrame', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: VOTERS_MAX }), (ids) => {
      const configuration = configurationOf(ids.map(nodeId));
      assert.deepEqual(decodeConfiguration(encodeConfiguration(configuration)), configuration);
    }),
  );
  for (const bytes of [
    [],
    [1, 0, 0],
    [1, 1, 0],
    [1, 2, 0, 5, 0, 5, 0],
    [1, 2, 0, 5, 0, 4, 0],
    [1, 1, 0, 0, 0],
    [2, 1, 0, 5, 0],
    [1, 1, 0, 5, 0, 0],
    [1, 99, 0],
  ]) {
    assert.throws(() => decodeConfiguration(new Uint8Array(bytes)), isMalformed);
  }
  assert.throws(
    () => configurationOf([nodeId(1), nodeId(1)]),
    (error: QuorateError) => error.code === 'invalidArgument',
  );
});

const near = fc.integer({ min: 0, max: 12 });
const nearTerm = fc.integer({ min: 1, max: 6 });
const nearMessage: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constant('voteRequest' as const),
    term: nearTerm,
    isPreVote: fc.boolean(),
    lastIndex: near,
    lastTerm: near,
    isTransfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('voteResponse' as const), term: nearTerm, isPreVote: fc.boolean(), isGranted: fc.boolean() }),
  fc
    .record({
      term: nearTerm,
      prevIndex: near,
      prevTerm: near,
      commitIndex: near,
      probe: near,
      admitAt: near,
      counts: fc.array(fc.record({ count: fc.integer({ min: 1, max: 3 }), step: fc.nat({ max: 2 }) }), { maxLength: 3 }),
    })
    .map(({ counts, ...rest }): RaftMessage => {
      let next = rest.prevIndex + 1;
      let batchTerm = rest.prevTerm;
      const batches = counts.map(({ count, step }) => {
        batchTerm += step;
        const header = {
          kind: 'commands',
          group: GROUP,
          term: batchTerm,
          baseIndex: next,
          count,
          loggedTimeMs: 0,
          payloadChecksum: 0,
        } as const;
        next += count;
        return encodeBatch(header, new Uint8Array(0), crc32c);
      });
      return { type: 'appendRequest', ...rest, batches };
    }),
  fc.record({
    type: fc.constant('appendResponse' as const),
    term: nearTerm,
    isAccepted: fc.boolean(),
    matchIndex: near,
    receivedIndex: near,
    hintTerm: near,
    probe: near,
    isLearner: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('snapshotRequest' as const),
    term: nearTerm,
    snapshotIndex: near,
    snapshotTerm: near,
    offset: near,
    isLast: fc.boolean(),
    bytes: fc.constant(new Uint8Array(0)),
  }),
  fc.record({
    type: fc.constant('snapshotResponse' as const),
    term: nearTerm,
    snapshotIndex: near,
    receivedBytes: near,
    isInstalled: fc.boolean(),
  }),
  fc.record({ type: fc.constant('timeoutNow' as const), term: nearTerm }),
  fc.record({ type: fc.constant('leaderGone' as const), term: nearTerm }),
  message,
);

test('step: peers that send any decodable messages in any role, contradictory ones too → it never throws, committed entries stay', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.boolean(),
      fc.array(
        fc.record({
          from: fc.integer({ min: 1, max: 9 }),
          message: nearMessage,
          syncs: fc.nat({ max: 2 }),
          waitMs: fc.integer({ min: 0, max: 200 }),
          propose: fc.boolean(),
        }),
        { minLength: 1, maxLength: 60 },
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
          contacts: { heardAtMs: () => nowMs - randomBetween(random, 0, 400) },
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
