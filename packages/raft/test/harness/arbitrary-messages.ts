import { type BatchKind, crc32c, encodeBatch, nodeId } from '@quorate/base';
import { type RaftMessage, TERM_MAX, configurationOf, encodeConfiguration } from '@quorate/raft';
import fc from 'fast-check';
import { GROUP } from './cluster.js';
const u53 = fc.maxSafeNat();
const term = fc.integer({ min: 1, max: TERM_MAX });
const kinds: BatchKind[] = ['noop', 'commands', 'configuration'];
/** Appends as a leader may send them. */
export const appendRequests: fc.Arbitrary<RaftMessage> = fc
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
/** Any message that the codec can carry. */
export const messages: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: fc.constant('voteRequest' as const),
    term,
    isPreVote: fc.boolean(),
    lastIndex: u53,
    lastTerm: fc.integer({ min: 0, max: TERM_MAX }),
    isTransfer: fc.boolean(),
  }),
  fc.record({ type: fc.constant('voteResponse' as const), term, isPreVote: fc.boolean(), isGranted: fc.boolean() }),
  appendRequests,
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

const near = fc.integer({ min: 0, max: 12 });
const nearTerm = fc.integer({ min: 1, max: 6 });
/** Messages with small numbers, so that they touch the log and terms of a young replica, and some of any kind. */
export const nearMessages: fc.Arbitrary<RaftMessage> = fc.oneof(
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
  fc
    .record({
      term: nearTerm,
      snapshotIndex: near,
      snapshotTerm: near,
      isLast: fc.boolean(),
      length: near,
      pieceBytes: near,
      loggedTimeMs: near,
    })
    .map(
      ({ length, pieceBytes, loggedTimeMs, ...rest }): RaftMessage => ({
        type: 'snapshotRequest',
        ...rest,
        offset: 0,
        bytes: new Uint8Array(pieceBytes),
        head: { length, loggedTimeMs, configuration: configurationOf([nodeId(1), nodeId(2)]) },
      }),
    ),
  fc.record({
    type: fc.constant('snapshotResponse' as const),
    term: nearTerm,
    snapshotIndex: near,
    receivedBytes: near,
    isInstalled: fc.boolean(),
  }),
  fc.record({ type: fc.constant('timeoutNow' as const), term: nearTerm }),
  fc.record({ type: fc.constant('leaderGone' as const), term: nearTerm }),
  messages,
);
