import { type Incarnation, LIMITS, nodeId } from '@quorate/base';
import { type CatalogueCommand, decodeCommand, encodeCommand } from '@quorate/host';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

const name = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 12 }), fc.constant('n'.repeat(LIMITS.nameBytesMax)));
const command: fc.Arbitrary<CatalogueCommand> = fc.oneof(
  record({ type: fc.constant('createStream' as const), name }),
  record({
    type: fc.constant('registerNodes' as const),
    nodes: fc.array(
      record({
        nodeId: fc.integer({ min: 1, max: 0xffff }).map(nodeId),
        incarnation: hex16.map((digits) => digits as Incarnation),
        address: fc.string({ unit: 'grapheme', maxLength: 30 }),
      }),
      { maxLength: 5 },
    ),
  }),
);

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'catalogue command',
    covers: ['decodeCommand'],
    values: command,
    encode: encodeCommand,
    decode: decodeCommand,
    codes: ['malformedFrame', 'formatUnsupported'],
    borders: [LIMITS.nameBytesMax, LIMITS.nameBytesMax + 1, 512, 513],
    isCanonical: true,
  }),
];
