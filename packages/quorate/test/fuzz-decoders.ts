import fc from 'fast-check';
import { messagePack } from 'quorate/message-pack';
import { type FuzzedDecoder, fuzzed } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

const leaf = fc.oneof(
  fc.constantFrom(null, true, false),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double().map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.uint8Array({ maxLength: 300 }),
  fc.date({ noInvalidDate: true }),
);

/** Values of every kind that MessagePack holds. */
export const messagePackValues: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme', maxLength: 40 }).filter((name) => name !== '__proto__'),
      tie('value'),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

const codec = messagePack();

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  // Null is a value of MessagePack, and a refusal here.
  fuzzed<{ readonly value: unknown }>({
    name: 'MessagePack value',
    covers: [],
    values: messagePackValues.map((value) => ({ value })),
    encode: ({ value }) => codec.encode(value),
    decode: (encoded) => ({ value: codec.decode(encoded) }),
    codes: ['valueInvalid'],
    // Negative zero, names that come twice, fractions of a millisecond.
    isLossy: true,
    borders: [0x1f, 0x20, 0x7f, 0x80, 0xc1, 0xff, 0xffff, 0xffff_ffff],
  }),
];
