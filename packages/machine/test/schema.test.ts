import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError, SeededRandom, groupId, utf8 } from '@quorate/base';
import {
  type AnyField,
  type Fence,
  type Field,
  type ResourceDeclaration,
  type ValueOf,
  bytes,
  choice,
  declareResource,
  decodeFields,
  decodeValue,
  encodeFields,
  encodeValue,
  fence,
  flag,
  i53,
  list,
  nothing,
  optional,
  record,
  sampleFields,
  sampleOf,
  text,
  token,
  u16,
  u32,
  u53,
} from '@quorate/machine';
import { CELL } from './cell.js';
import { thrownBy } from './driver.js';

const PAIR = record({ key: bytes({ max: 10, min: 1 }), note: optional(text({ max: 20 })) });
const FIELDS: Readonly<Record<string, AnyField>> = {
  bytes: bytes({ max: 300 }),
  shortBytes: bytes({ max: 3, min: 2 }),
  text: text({ max: 50 }),
  u16: u16(),
  u32: u32({ min: 5, max: 7 }),
  u53: u53(),
  i53: i53(),
  smallI53: i53({ min: -5, max: -1 }),
  flag: flag(),
  choice: choice(['a', 'b', 'c']),
  optional: optional(u53()),
  list: list(PAIR, { max: 5 }),
  deep: list(list(optional(flag()), { max: 3 }), { max: 3 }),
  record: record({ a: PAIR, b: token() }),
  nothing: nothing(),
  token: token(),
  fence: fence(),
};

test('schema: random values of every kind → the same after encode and decode', () => {
  const random = new SeededRandom(3);
  for (const [name, field] of Object.entries(FIELDS)) {
    for (let i = 0; i < 300; i++) {
      const value: unknown = sampleOf(field, random);
      const encoded = encodeValue(field, value, name);
      assert.deepEqual(decodeValue(field, encoded), value, name);
      assert.deepEqual(encodeValue(field, decodeValue(field, encoded), name), encoded);
    }
  }
});

test('schema: any bytes → malformedFrame or a value that encodes to the same bytes', () => {
  for (const [name, field] of Object.entries(FIELDS)) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (input) => {
        let value: unknown;
        try {
          value = decodeValue(field, input);
        } catch (thrown) {
          assert.ok(thrown instanceof QuorateError && thrown.code === 'malformedFrame', String(thrown));
          return;
        }
        assert.deepEqual(encodeValue(field, value, name), input);
      }),
      { numRuns: 150, includeErrorInReport: true },
    );
  }
});

test('schema: numbers at their borders → exact bytes', () => {
  assert.deepEqual([...encodeValue(i53(), -1, 'x')], [255, 255, 255, 255, 255, 255, 255, 255]);
  assert.deepEqual([...encodeValue(i53(), -0, 'x')], [0, 0, 0, 0, 0, 0, 0, 0]);
  for (const value of [0, 1, -1, 2 ** 32, -(2 ** 32), -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]) {
    assert.ok(Object.is(decodeValue(i53(), encodeValue(i53(), value, 'x')), value));
  }
  assert.equal(thrownBy(() => decodeValue(i53(), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80))).code, 'malformedFrame');
});

test('schema: a value that is not allowed → invalidArgument that names the path and what is wrong', () => {
  const cases: readonly (readonly [AnyField, unknown, RegExp])[] = [
    [bytes({ max: 2 }), new Uint8Array(3), /^x has at most 2 bytes, this one 3$/],
    [bytes({ max: 2 }), 'ab', /^x must be bytes, not string$/],
    [text({ max: 4 }), 'ééé', /^x has at most 4 bytes, this one 6$/],
    [text({ max: 4 }), '\ud800', /lone surrogate at 0/],
    [text({ max: 4 }), 5, /^x must be text, not number$/],
    [u16(), 65_536, /from 0 to 65535, not 65536/],
    [u32(), 1.5, /not 1.5/],
    [u32(), '1', /^x must be a number, not string$/],
    [u53(), -1, /not -1/],
    [u53(), Number.NaN, /not NaN/],
    [i53(), 2 ** 53, /not 9007199254740992/],
    [i53(), 1n, /not bigint/],
    [flag(), 0, /true or false, not number/],
    [choice(['a', 'b']), 'c', /one of a, b/],
    [optional(u16()), undefined, /not undefined/],
    [list(u16(), { max: 2 }), [1, 2, 3], /at most 2 values, this one 3/],
    [list(u16(), { max: 2 }), [1, 'x'], /^x\[1\] must be a number/],
    [list(u16(), { max: 2 }), 'ab', /must be a list, not string/],
    [record({ a: record({ b: flag() }) }), { a: { b: 1 } }, /^x\.a\.b must be true or false/],
    [record({ a: flag() }), null, /must be an object, not null/],
    [record({ a: flag() }), [true], /must be an object, not a list/],
    [nothing(), null, /must be undefined, not null/],
    [token(), 7, /must be a token/],
    [token(), { epoch: -1, index: 0 }, /^x\.epoch/],
    [fence(), { group: 1, resource: 2 }, /^x\.token must be a token, not undefined/],
  ];
  for (const [field, value, message] of cases) {
    const error = thrownBy(() => encodeValue(field, value, 'x'));
    assert.equal(error.code, 'invalidArgument');
    assert.match(error.message, message);
    assert.match(String(error.details['path']), /^x/);
  }
  assert.match(
    thrownBy(() => encodeFields({ key: flag() }, {} as never, 'set')).message,
    /^set\.key must be true or false, not undefined$/,
  );
  assert.match(thrownBy(() => encodeFields({ key: flag() }, null as never, 'set')).message, /^set must be an object, not null$/);
});

test('schema: bytes that claim too much → malformedFrame before anything is reserved', () => {
  const wrong: readonly (readonly [AnyField, number[]])[] = [
    [bytes({ max: 10 }), [11, 0, 0, 0]],
    [bytes({ max: 1_000_000 }), [255, 255, 0, 0, 1]],
    [list(list(flag(), { max: 1_000_000 }), { max: 1_000_000 }), [64, 66, 15, 0, 1, 2, 3]],
    [choice(['a']), [1]],
    [flag(), [2]],
    [text({ max: 10 }), [1, 0, 0, 0, 0xff]],
    [u16({ max: 5 }), [6, 0]],
    [nothing(), [0]],
  ];
  for (const [field, input] of wrong) assert.equal(thrownBy(() => decodeValue(field, Uint8Array.from(input))).code, 'malformedFrame');
  const named = encodeFields({ a: flag(), b: u16() }, { a: true, b: 7 }, 'x');
  assert.deepEqual(decodeFields({ a: flag(), b: u16() }, named), { a: true, b: 7 });
  assert.equal(thrownBy(() => decodeFields({ a: flag() }, named)).code, 'malformedFrame');
});

test('schema: a field that cannot be → invalidArgument where it is declared', () => {
  const wrong: readonly (() => AnyField)[] = [
    () => bytes({ max: -1 }),
    () => text({ max: 3_000_000 }),
    () => text({ max: 3, min: 4 }),
    () => u16({ max: 70_000 }),
    () => i53({ min: 3, max: 2 }),
    () => choice([]),
    () => choice(['a', 'a']),
    () => optional(optional(flag())),
    () => list(nothing(), { max: 5 }),
    () => list(record({}), { max: 5 }),
    () => list(flag(), { max: 1e9 }),
    () => record({ 'bad name': flag() }),
    () => record({ ['__proto__']: flag() }),
  ];
  for (const make of wrong) assert.equal(thrownBy(make).code, 'invalidArgument', make.toString());
});

test('schema: samples of all operations and events of a resource → accepted by their own fields', () => {
  const random = new SeededRandom(9);
  for (let i = 0; i < 50; i++) {
    for (const [name, { args }] of Object.entries(CELL.operations)) {
      const fields: Readonly<Record<string, AnyField>> = args;
      const values = sampleFields(fields, random);
      assert.deepEqual(decodeFields(fields, encodeFields(fields, values, name)), values);
    }
  }
  const unknown: AnyField = { ...flag(), description: { kind: 'colour' } };
  assert.equal(thrownBy(() => sampleOf(unknown, random)).code, 'invalidArgument');
});

const OPERATION = { kind: 'command', code: 1, doc: 'x', args: {}, result: nothing(), errors: [] } as const;
const EVENT = { code: 1, doc: 'x', fields: {} } as const;

test('declareResource: a wrong declaration → invalidArgument that says where', () => {
  const sound: ResourceDeclaration = { type: 'a-1', version: 1, doc: 'x', operations: { go: OPERATION }, events: { went: EVENT } };
  assert.equal(declareResource(sound), sound);
  const wrong: readonly (readonly [Partial<ResourceDeclaration>, RegExp])[] = [
    [{ type: 'A' }, /lower-case/],
    [{ type: '-a' }, /lower-case/],
    [{ type: 'x'.repeat(65) }, /at most 64/],
    [{ version: 0 }, /version 0/],
    [{ doc: ' ' }, /no description/],
    [{ operations: { Go: OPERATION } }, /not a name/],
    [{ operations: { go: { ...OPERATION, code: 0 } } }, /a-1\.go: code 0/],
    [{ operations: { go: { ...OPERATION, code: 256 } } }, /code 256/],
    [{ operations: { go: OPERATION, stop: { ...OPERATION, kind: 'query' } } }, /a-1\.stop: code 1 is taken by go/],
    [{ operations: { go: { ...OPERATION, doc: '' } } }, /no description/],
    [{ operations: { go: { ...OPERATION, args: { A: flag() } } } }, /"A" is not a name of a field/],
    [{ operations: { go: { ...OPERATION, errors: ['oops' as never] } } }, /"oops" is not an error code/],
    [{ events: { went: EVENT, came: EVENT } }, /code 1 is taken by went/],
    [{ events: { went: { ...EVENT, fields: { 'a b': flag() } } } }, /not a name of a field/],
  ];
  for (const [change, message] of wrong) {
    const error = thrownBy(() => declareResource({ ...sound, ...change }));
    assert.equal(error.code, 'invalidArgument');
    assert.match(error.message, message);
  }
});

// Compiles only if the types are as exact as they should be.
type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const EXACT: readonly true[] = [
  true satisfies Same<ValueOf<Field<Fence>>, Fence>,
  true satisfies Same<ValueOf<ReturnType<typeof choiceOfTwo>>, 'a' | 'b'>,
  true satisfies Same<(typeof CELL.operations.watch)['code'], 4>,
  true satisfies Same<ValueOf<typeof CELL.operations.add.args.fence>, Fence | null>,
];
function choiceOfTwo() {
  return choice(['a', 'b']);
}

test('schema: types of values follow from the fields → checked by the compiler', () => {
  assert.equal(EXACT.length, 4);
  assert.deepEqual(utf8('a'), encodeValue(text({ max: 1 }), 'a', 'x').subarray(4));
  assert.equal(groupId(1), 1);
});
