import { SeededRandom, utf8 } from '@quorate/base';
import {
  type AnyField,
  type ArgumentFields,
  decodeFields,
  decodeValue,
  encodeFields,
  encodeValue,
  sampleFields,
  sampleOf,
} from '@quorate/machine';
import { BUILTIN_TYPES, type ValueCodec, json, text } from '@quorate/resources';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { decodeValueWith } from '../dist/codecs/value-codec.js';
import { decodeKey } from '../dist/map/key-codec.js';
import { type MapEntry, decodeEntry, encodeEntry } from '../dist/map/map-entry.js';
import { ScratchBytes } from '../dist/scratch-bytes.js';

/** Arguments, results and events of every operation of every built-in resource. */
const FIELDS: readonly FuzzedDecoder[] = BUILTIN_TYPES.map(({ declaration }) => declaration)
  .flatMap(({ type, operations, events }) => [
    ...Object.entries(operations).flatMap(([operation, declared]) => [
      ofFields(`${type} ${operation} arguments`, declared.args),
      ofValue(`${type} ${operation} result`, declared.result),
    ]),
    ...Object.entries(events).map(([event, { fields }]) => ofFields(`${type} ${event} event`, fields)),
  ])
  .filter((decoder) => decoder !== null);

function ofFields(name: string, fields: ArgumentFields): FuzzedDecoder | null {
  if (Object.keys(fields).length === 0) return null;
  return fuzzed({
    name,
    covers: [],
    values: fc.integer().map((seed) => sampleFields(fields, new SeededRandom(seed))),
    encode: (values) => encodeFields(fields, values, 'args'),
    decode: (encoded) => decodeFields(fields, encoded),
    codes: ['malformedFrame'],
    isCanonical: true,
  });
}

function ofValue(name: string, field: AnyField): FuzzedDecoder | null {
  if (field.description.kind === 'nothing') return null;
  return fuzzed({
    name,
    covers: [],
    values: fc.integer().map((seed) => sampleOf(field, new SeededRandom(seed))),
    encode: (value) => encodeValue(field, value as never, 'result'),
    decode: (encoded) => decodeValue(field, encoded),
    codes: ['malformedFrame'],
    isCanonical: true,
  });
}

function ofCodec<T>(name: string, codec: ValueCodec<T>, values: fc.Arbitrary<T>): FuzzedDecoder {
  // Null is a value of JSON, and a refusal here.
  return fuzzed<{ readonly value: T }>({
    name,
    covers: ['decodeValueWith'],
    values: values.map((value) => ({ value })),
    encode: ({ value }) => codec.encode(value),
    decode: (encoded) => ({ value: decodeValueWith(codec, encoded, 'value') }),
    codes: ['valueInvalid'],
    isLossy: name === 'json value',
    // JSON has numbers that JavaScript takes for infinity, which are not written again.
    isOneWay: name === 'json value',
  });
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  ...FIELDS,
  ofCodec('text value', text(), fc.string({ unit: 'grapheme', maxLength: 20 })),
  ofCodec('json value', json(), fc.jsonValue()),
  fuzzed({
    name: 'key',
    covers: ['decodeKey'],
    values: fc.string({ unit: 'grapheme', maxLength: 20 }),
    encode: utf8,
    decode: decodeKey,
    codes: ['valueInvalid'],
    isCanonical: true,
  }),
  fuzzed<MapEntry>({
    name: 'map entry',
    covers: ['decodeEntry'],
    values: record({ version: fc.maxSafeNat(), expiresMs: fc.maxSafeNat(), value: fc.uint8Array({ maxLength: 30 }) }),
    encode: (entry) => encodeEntry(new ScratchBytes(64), entry).slice(),
    decode: (encoded) => {
      // Entries come from the table of a machine, whose snapshot is vouched for as a whole.
      if (encoded.length < 16) return null;
      const entry = decodeEntry(encoded);
      return Number.isSafeInteger(entry.version) && Number.isSafeInteger(entry.expiresMs) ? entry : null;
    },
    codes: [],
    isCanonical: true,
  }),
];
