import { ByteWriter, LIMITS, type Random, randomBetween, randomChance } from '@quorate/base';
import {
  SESSION_KEY_BYTES,
  type ServerPush,
  type SessionRequestBody,
  type SessionResponseBody,
  fromWireError,
  writeQuery,
  writeQueryError,
  writeQueryResult,
} from '@quorate/wire';
import { pick, someBytes, someError, someGroup, someList, someU32, someU64 } from './samples.js';

function someKey(random: Random): Uint8Array {
  return Uint8Array.from({ length: SESSION_KEY_BYTES }, () => random.nextUint32() & 0xff);
}

function someQueries(random: Random): { count: number; queries: Uint8Array } {
  const writer = new ByteWriter();
  const count = randomBetween(random, 1, 5);
  for (let i = 0; i < count; i++) writeQuery(writer, someU64(random), randomBetween(random, 0, 0xffff), someBytes(random, 300));
  return { count, queries: writer.take() };
}

function someQueryResults(random: Random): { count: number; results: Uint8Array } {
  const writer = new ByteWriter();
  const count = randomBetween(random, 0, 5);
  for (let i = 0; i < count; i++) {
    if (randomChance(random, 0.5)) writeQueryResult(writer, someBytes(random, 300));
    else writeQueryError(writer, fromWireError(someError(random)));
  }
  return { count, results: writer.take() };
}

export function someSessionRequest(random: Random): SessionRequestBody {
  const group = someGroup(random);
  const session = someU64(random);
  switch (randomBetween(random, 0, 5)) {
    case 0:
      return { type: 'openSession', group, key: someKey(random), ttlMs: someU32(random), graceMs: someU32(random) };
    case 1:
      return {
        type: 'bindSession',
        group,
        session,
        key: someKey(random),
        acknowledgedEvents: someU64(random),
        nextEvents: randomBetween(random, 0, 0xffff),
      };
    case 2:
      return { type: 'commands', group, payloadChecksum: someU32(random), payload: someBytes(random, 2000) };
    case 3:
      return {
        type: 'queries',
        group,
        session,
        afterNumber: someU64(random),
        minIndex: someU64(random),
        consistency: pick(random, ['linearizable', 'sequential'] as const),
        ...someQueries(random),
      };
    case 4:
      return { type: 'acknowledge', group, session, replies: someU64(random), events: someU64(random) };
    default:
      return { type: 'ping' };
  }
}

export function someSessionResponse(random: Random): SessionResponseBody {
  switch (randomBetween(random, 0, 5)) {
    case 0:
      return { type: 'sessionOpened', session: someU64(random), ttlMs: someU32(random), graceMs: someU32(random) };
    case 1:
      return { type: 'sessionBound', nextNumber: someU64(random), lastEventIndex: someU64(random) };
    case 2: {
      const replies = someList(random, 9, () => {
        const index = someU64(random);
        return randomChance(random, 0.5)
          ? ({ index, isOk: true, result: someBytes(random, 100) } as const)
          : ({ index, isOk: false, ...someError(random) } as const);
      });
      return { type: 'replies', firstNumber: someU64(random), replies, isLast: randomChance(random, 0.5) };
    }
    case 3:
      return {
        type: 'queryResults',
        index: someU64(random),
        eventIndex: someU64(random),
        first: randomBetween(random, 0, 1000),
        isLast: randomChance(random, 0.5),
        ...someQueryResults(random),
      };
    case 4:
      return { type: 'acknowledged' };
    default:
      return { type: 'pong' };
  }
}

export function somePush(random: Random): ServerPush {
  const group = someGroup(random);
  const session = someU64(random);
  if (randomChance(random, 0.2)) return { type: 'sessionEnded', group, session, isExpired: randomChance(random, 0.5) };
  const events = someList(random, 9, () => ({
    resource: someU64(random),
    code: randomBetween(random, 0, 255),
    fields: someBytes(random, LIMITS.nameBytesMax),
  }));
  const first = randomBetween(random, 0, 0xffff);
  const isLast = randomChance(random, 0.5);
  return { type: 'events', group, session, index: someU64(random), previousIndex: someU64(random), first, isLast, events };
}
