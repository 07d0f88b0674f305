import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SeededRandom } from '@quorate/base';
import { describeFields, sampleFields } from '@quorate/machine';
import { BUILTIN_TYPES } from '@quorate/resources';
import { endAllProcesses } from '../../server/dist-test/harness/line-process.js';
import { jsonOfValue, valuesOfJson } from '../dist/field-json.js';
import { quorate, quorateOk } from './harness/cli-run.js';
import { DevCluster } from './harness/dev-cluster.js';
import { jsonLines } from './harness/json-lines.js';

const SAMPLES = 200;
const DECLARATIONS = BUILTIN_TYPES.map(({ declaration }) => declaration);

let connect: readonly string[];

before(async () => {
  const cluster = await DevCluster.start({ nodes: 1 });
  connect = ['--connect', cluster.connect, '--timeout', '30'];
});
after(endAllProcesses);

const call = (...args: readonly string[]): Promise<string> => quorateOk(['call', ...args, ...connect]);

test('call: no kind → the kinds; no name → the operations of the kind as it declares them, in both forms', async () => {
  const kinds = jsonLines(await quorateOk(['call', '--json']));
  assert.deepEqual(
    kinds,
    DECLARATIONS.map(({ type, version, doc }) => ({ kind: type, version, doc })),
  );
  const text = await quorateOk(['call']);
  for (const { type, operations } of DECLARATIONS) {
    assert.match(text, new RegExp(`^${type} +`, 'm'));
    const listed = jsonLines(await quorateOk(['call', type, '--json']));
    assert.deepEqual(
      listed.map(({ operation, kind, doc, errors }) => ({ operation, kind, doc, errors })),
      Object.entries(operations).map(([operation, { kind, doc, errors }]) => ({ operation, kind, doc, errors })),
    );
  }
  assert.match(
    await quorateOk(['call', 'counter']),
    /^add \(command\): Adds .*\n {4}arguments {2}delta: whole number; fence: fence or none\n {4}result {5}whole number\n {4}errors {5}counterOverflow, fenced$/m,
  );
});

test('call: commands and queries → results as text and as JSON; what is left out is none', async () => {
  assert.equal(await call('counter', 'c', 'add', '{"delta":-5}'), '-5\n');
  assert.deepEqual(JSON.parse(await call('counter', 'c', 'compareAndSet', '{"expected":-5,"value":8}', '--json')), { result: true });
  assert.equal(await call('counter', 'c', 'get'), '8\n');
  assert.equal(await call('map', 'm', 'set', '{"key":"größe","value":"\\"blue\\""}'), '{"version":1,"previousVersion":null}\n');
  assert.equal(await quorateOk(['map', 'get', 'm', 'größe', ...connect]), 'blue\n');
  assert.equal(await call('map', 'm', 'set', '{"key":"bin","value":{"base64":"/wA="}}'), '{"version":2,"previousVersion":null}\n');
  assert.equal(await call('map', 'm', 'get', '{"key":"bin"}'), '{"value":{"base64":"/wA="},"version":2}\n');
  assert.equal(await call('map', 'm', 'get', '{"key":"none"}'), 'null\n');
  assert.equal(await call('election', 'e', 'resign', '{"ticket":1}'), 'none\n');
});

test('call: a lock is acquired → the call ends and nobody holds it', async () => {
  const { status } = JSON.parse(await call('lock', 'l', 'acquire')) as { status: string };
  assert.equal(status, 'acquired');
  assert.equal(await quorateOk(['lock', 'l', '--holder', ...connect]), 'nobody\n');
});

test('call: refused → the code and exit code of the refusal, nothing on standard output', async () => {
  const refusals: readonly (readonly [args: readonly string[], code: number, message: RegExp])[] = [
    [['map', 'r', 'compareAndSet', '{"key":"k","version":3,"value":"1"}'], 1, /^error: versionMismatch: /],
    [['lock', 'r2', 'release', '{"token":{"epoch":1,"index":1}}'], 1, /^error: notHeld: /],
    [['counter', 'r', 'get'], 1, /^error: kindMismatch: /],
    [['counter', 'r3', 'add', '{"delta":0.5}'], 2, /^error: invalidArgument: add\.delta .*whole number/],
    [['counter', 'r3', 'add'], 2, /^error: invalidArgument: add\.delta .*undefined/],
  ];
  for (const [args, code, message] of refusals) {
    const result = await quorate(['call', ...args, ...connect]);
    assert.deepEqual([result.code, result.stdout], [code, ''], result.stderr);
    assert.match(result.stderr, message);
  }
});

test('call: every operation of every kind with arguments at random → an answer, or a refusal as it declares', async () => {
  const random = new SeededRandom(1);
  for (const { type, operations } of DECLARATIONS) {
    for (const [operation, { args, errors }] of Object.entries(operations)) {
      const given = Object.fromEntries(
        Object.entries(sampleFields(args, random)).map(([name, value]) => [name, jsonOf(args, name, value)]),
      );
      const { code, stdout, stderr } = await quorate(['call', type, `any-${type}`, operation, JSON.stringify(given), '--json', ...connect]);
      if (code === 0) assert.ok('result' in (JSON.parse(stdout) as object));
      else assert.ok((errors as readonly string[]).includes((JSON.parse(stderr) as { error: { code: string } }).error.code), stderr);
    }
  }
});

test('call: any arguments as JSON → the same arguments again', () => {
  const random = new SeededRandom(2);
  for (const { operations } of DECLARATIONS) {
    for (const [operation, { args }] of Object.entries(operations)) {
      for (let i = 0; i < SAMPLES; i++) {
        const values = sampleFields(args, random);
        const json = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, jsonOf(args, name, value)]));
        const again = valuesOfJson(describeFields(args), JSON.parse(JSON.stringify(json)) as typeof json, operation);
        assert.deepEqual(plainBytes(again), plainBytes(values));
      }
    }
  }
});

function jsonOf(args: Parameters<typeof describeFields>[0], name: string, value: unknown): unknown {
  const field = args[name];
  assert.ok(field !== undefined);
  return jsonOfValue(field.description, value);
}

/** Bytes as they are, whatever class holds them. */
function plainBytes(values: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]));
}
