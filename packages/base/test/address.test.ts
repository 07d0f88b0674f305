import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, formatAddress, parseAddress } from '@quorate/base';
import fc from 'fast-check';
import { check } from './property.js';

test('parseAddress: the forms people write → host and port', () => {
  assert.deepEqual(parseAddress('127.0.0.1:7400'), { host: '127.0.0.1', port: 7400 });
  assert.deepEqual(parseAddress('node-1.example.com:1'), { host: 'node-1.example.com', port: 1 });
  assert.deepEqual(parseAddress('[::1]:65535'), { host: '::1', port: 65_535 });
  assert.deepEqual(parseAddress(':7400'), { host: '127.0.0.1', port: 7400 });
});

test('parseAddress: anything else → addressInvalid that repeats the text', () => {
  const bad = [
    '',
    '7400',
    'host',
    'host:',
    'host:0',
    'host:65536',
    'host:-1',
    'host:1.5',
    'host:1e3',
    'host: 1',
    ' host:1',
    'host:1\n',
    '::1:7400',
    '[::1]',
    'a b:1',
    'http://host:1',
    'host:1/x',
    'host:999999',
  ];
  for (const text of bad) {
    assert.throws(
      () => parseAddress(text),
      (error) => error instanceof QuorateError && error.code === 'addressInvalid' && error.details['address'] === text,
      JSON.stringify(text),
    );
  }
});

test('formatAddress: any parsed address → parses to the same again', () => {
  const host = fc.oneof(fc.constantFrom('127.0.0.1', 'localhost', '::1', 'fe80::1', 'a.b-c_d'), fc.ipV4(), fc.ipV6());
  check(
    fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
      assert.deepEqual(parseAddress(formatAddress({ host: name, port })), { host: name, port });
    }),
  );
});
